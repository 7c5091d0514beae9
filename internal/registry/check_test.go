package registry_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/store/postgres"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/store/storetest"
)

// direct opens the database past the program, as an intruder or a hurried operator would.
func direct(t *testing.T, e store.Engine) *sql.DB {
	t.Helper()
	driver, source := "sqlite", ""
	switch e := e.(type) {
	case sqlite.Engine:
		source = e.Path
	case postgres.Engine:
		driver, source = "pgx", e.URL
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// change is one thing done by hand, how to undo it, and what must be found.
type change struct{ name, do, undo, key, label string }

// target is the label whose rows are changed.
func (c change) target(other label.ID) string {
	if c.label == "" {
		return string(other)
	}
	return c.label
}

func TestCheckFindsWhatWasChangedByHand(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, e store.Engine) {
		b := newBench(t, e)
		id := b.grant(camera)
		ended := b.grant(camera)
		b.grant(camera)
		b.run()
		b.end(ended, scheme.LabelRevoked, ledger.LabelRevoked, "理由")
		b.run()
		b.grant(camera) // waits for its place
		check := func() registry.CheckResult {
			t.Helper()
			r, err := registry.Check(t.Context(), b.db, b.keys, b.pub.Files)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Findings {
				for _, l := range i18n.Langs {
					if s := l.Format(f.Key, f.Args); strings.ContainsAny(s, "{[") {
						t.Errorf("%s: %q", f.Key, s)
					}
				}
			}
			return r
		}
		if r := check(); len(r.Findings) != 0 || r.Labels != 4 || r.Waiting != 1 {
			t.Fatalf("nothing was changed, and yet: %+v", r)
		}
		raw := direct(t, e)
		for _, c := range []change{
			{"a revoked label made valid", "UPDATE label SET state = 'valid' WHERE id = $1", "UPDATE label SET state = 'revoked' WHERE id = $1", "ledger.check.row", string(ended)},
			{"the public copy made valid", "UPDATE public_label SET state = 'valid' WHERE label_id = $1", "UPDATE public_label SET state = 'revoked' WHERE label_id = $1", "ledger.check.row", string(ended)},
			{"a longer validity", "UPDATE label SET last_day = '2033-01-01' WHERE id = $1", "UPDATE label SET last_day = '2028-11-22' WHERE id = $1", "ledger.check.row", string(id)},
			{"another number", "UPDATE label SET registration = 'X-1' WHERE id = $1", "UPDATE label SET registration = 'HS1-2026-00001' WHERE id = $1", "ledger.check.row", string(id)},
			{"the document of the row", "UPDATE label SET doc = replace(doc, 'star1\"', 'star3\"') WHERE id = $1", "UPDATE label SET doc = replace(doc, 'star3\"', 'star1\"') WHERE id = $1", "ledger.check.row", string(id)},
			{"a model slipped in", "UPDATE public_label SET doc = replace(doc, 'HX-100/B', 'HX-200/B') WHERE label_id = $1", "UPDATE public_label SET doc = replace(doc, 'HX-200/B', 'HX-100/B') WHERE label_id = $1", "ledger.check.field", string(id)},
			{"a kept-back field", "UPDATE label SET sealed = replace(sealed, '秘密製造所', '別の製造所') WHERE id = $1", "UPDATE label SET sealed = replace(sealed, '別の製造所', '秘密製造所') WHERE id = $1", "ledger.check.field", string(id)},
			{"another reason", "UPDATE public_label SET reason = 'ほかの理由' WHERE label_id = $1", "UPDATE public_label SET reason = '理由' WHERE label_id = $1", "ledger.check.field", string(ended)},
			{"a leaf", "UPDATE leaf SET body = replace(body, '2028-11-22', '2029-11-22') WHERE id = (SELECT leaf_id FROM public_label WHERE label_id = $1)",
				"UPDATE leaf SET body = replace(body, '2029-11-22', '2028-11-22') WHERE id = (SELECT leaf_id FROM public_label WHERE label_id = $1)", "ledger.check.root", ""},
			{"no public row", "UPDATE public_label SET label_id = label_id, serial = serial + 1000 WHERE label_id = $1", "UPDATE public_label SET serial = serial - 1000 WHERE label_id = $1", "ledger.check.row", string(id)},
		} {
			if res, err := raw.Exec(c.do, c.target(id)); err != nil {
				t.Fatal(err)
			} else if n, err := res.RowsAffected(); n != 1 || err != nil {
				t.Fatalf("%s: %d rows, %v", c.name, n, err)
			}
			found := false
			for _, f := range check().Findings {
				found = found || f.Key == c.key && f.Label == c.label
			}
			if !found {
				t.Errorf("%s: not found", c.name)
			}
			if _, err := raw.Exec(c.undo, c.target(id)); err != nil {
				t.Fatal(err)
			}
		}
		if r := check(); len(r.Findings) != 0 {
			t.Errorf("after undoing: %+v", r.Findings)
		}
	})
}

func TestCheckReadsTheCheckpointFile(t *testing.T) {
	b := lite(t)
	b.grant(camera)
	b.run()
	path := filepath.Join(b.pub.Dir, "checkpoint")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for key, bad := range map[string][]byte{"ledger.check.note": bytes.Replace(good, []byte("\n"), []byte("x\n"), 1), "ledger.check.nofile": nil} {
		if bad == nil {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, bad, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := registry.Check(t.Context(), b.db, b.keys, b.pub.Files)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) != 1 || r.Findings[0].Key != key {
			t.Errorf("want %s, got %+v", key, r.Findings)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
