package backup_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hoshi/internal/backup"
	"hoshi/internal/blob"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/store"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/store/storetest"
	"hoshi/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testkit.StopShared()
	os.Exit(code)
}

// place opens an empty place on an engine.
func place(t *testing.T, e store.Engine) backup.Place {
	t.Helper()
	db := storetest.Open(t, e, testkit.NewClock(caseworktest.Start).Now)
	return backup.Place{DB: db, Blobs: t.TempDir(), Public: t.TempDir(), Scheme: "test-scheme"}
}

// fill grants labels, moves the log and keeps a file.
func fill(t *testing.T, p backup.Place) *ledgertest.Log {
	t.Helper()
	w := caseworktest.New(t, p.DB, testkit.NewClock(caseworktest.Start), 1)
	w.Granted(t, w.Vendor)
	w.Granted(t, w.Rival)
	files, err := sequence.NewDir(p.Public)
	if err != nil {
		t.Fatal(err)
	}
	log := ledgertest.NewLog(t, p.DB.Log(), files)
	log.Run(t, 2)
	b, err := blob.Open(p.Blobs, p.DB.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), strings.NewReader("evidence")); err != nil {
		t.Fatal(err)
	}
	return log
}

func write(t *testing.T, p backup.Place) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := backup.Write(t.Context(), p, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// From one engine to the other and back, nothing changes, not even a byte.
func TestThereAndBack(t *testing.T) {
	from := place(t, storetest.SQLite(t))
	fill(t, from)
	first := write(t, from)
	for _, e := range []store.Engine{storetest.Postgres(t), storetest.SQLite(t)} {
		to := place(t, e)
		m, err := backup.Restore(t.Context(), to, bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		if m.Leaves != 2 {
			t.Errorf("%d leaves", m.Leaves)
		}
		if again := write(t, to); !bytes.Equal(again, first) {
			t.Errorf("%s: the backup of the restored data differs (%d, %d bytes)", e.Name(), len(again), len(first))
		}
		if _, err := backup.Restore(t.Context(), to, bytes.NewReader(first)); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: restoring over data = %v, want a refusal", e.Name(), err)
		}
	}
}

// After an old backup the signer refuses to tell another story; after a new one the
// log goes on.
func TestOldBackupDoesNotForkTheLog(t *testing.T) {
	p := place(t, storetest.SQLite(t))
	log := fill(t, p)
	old := write(t, p)
	err := p.DB.Update(t.Context(), func(tx *store.Tx) error { return store.AppendLeaf(t.Context(), tx, ledgertest.Event(7)) })
	if err != nil {
		t.Fatal(err)
	}
	log.Run(t, 3)
	fresh := write(t, p)

	back := place(t, storetest.SQLite(t))
	if _, err := backup.Restore(t.Context(), back, bytes.NewReader(old)); err != nil {
		t.Fatal(err)
	}
	err = back.DB.Update(t.Context(), func(tx *store.Tx) error { return store.AppendLeaf(t.Context(), tx, ledgertest.Event(8)) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sequencer(t, log, back).Run(t.Context()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "ledger.fork") {
		t.Errorf("after an old backup: %v", err)
	}
	if last, err := log.Signer.Last(t.Context()); err != nil || last.Size != 3 {
		t.Errorf("the signer is at %d, %v", last.Size, err)
	}

	good := place(t, storetest.Postgres(t))
	if _, err := backup.Restore(t.Context(), good, bytes.NewReader(fresh)); err != nil {
		t.Fatal(err)
	}
	err = good.DB.Update(t.Context(), func(tx *store.Tx) error { return store.AppendLeaf(t.Context(), tx, ledgertest.Event(9)) })
	if err != nil {
		t.Fatal(err)
	}
	if r, err := sequencer(t, log, good).Run(t.Context()); err != nil || r.Tree.Size != 4 {
		t.Errorf("after a new backup: %d leaves, %v", r.Tree.Size, err)
	}
}

func sequencer(t *testing.T, log *ledgertest.Log, p backup.Place) *sequence.Sequencer {
	t.Helper()
	files, err := sequence.NewDir(p.Public)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sequence.New(sequence.Options{Keys: log.Keys, Store: p.DB.Log(), Files: files, Signer: log.Signer, Witnesses: []sequence.Witness{log.Witness}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A damaged backup restores nothing at all.
func TestDamagedBackup(t *testing.T) {
	from := place(t, storetest.SQLite(t))
	fill(t, from)
	whole := write(t, from)
	other := from
	other.Scheme = "another"
	damaged := map[string][]byte{"cut short": whole[:len(whole)/3], "empty": nil, "no backup": []byte("hello"), "another scheme": write(t, other), "without its end": whole[:len(whole)-1]}
	for i := range 8 { // one of them may fall where the text stays readable
		b := slices.Clone(whole)
		b[len(b)*(2*i+1)/17] ^= 1
		damaged[fmt.Sprintf("altered at %d", len(b)*(2*i+1)/17)] = b
	}
	for name, b := range damaged {
		to := place(t, storetest.SQLite(t))
		if _, err := backup.Restore(t.Context(), to, bytes.NewReader(b)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
		if empty, err := to.DB.Empty(t.Context()); err != nil || !empty {
			t.Errorf("%s: the database is not empty, %v", name, err)
		}
	}
}

// Every table is in the backup, or left out on purpose: a new one cannot be forgotten.
func TestNoTableIsForgotten(t *testing.T) {
	e := sqlite.Engine{Path: filepath.Join(t.TempDir(), "hoshi.db")}
	p := place(t, e)
	raw, err := sql.Open("sqlite", e.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	rows, err := raw.QueryContext(context.Background(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var have []string
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		have = append(have, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	known := append(store.Tables(), store.LeftOut()...)
	slices.Sort(have)
	slices.Sort(known)
	if !slices.Equal(have, known) {
		t.Errorf("the database has %v, a backup knows %v", have, known)
	}
	_ = p
}

func TestNoSecretsOfTheSigner(t *testing.T) {
	p := place(t, storetest.SQLite(t))
	fill(t, p)
	if err := os.WriteFile(filepath.Join(p.Public, "private.pem"), []byte("PRIVATE KEY"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := place(t, storetest.SQLite(t))
	if _, err := backup.Restore(t.Context(), to, bytes.NewReader(write(t, p))); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to.Public, "private.pem")); err == nil {
		t.Error("a file that is no public log file came along")
	}
}
