package sequence_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/sequence"
)

func TestMemoryStore(t *testing.T) {
	ledgertest.RunStore(t, func(*testing.T) ledgertest.StoreUnderTest {
		s := ledgertest.NewStore()
		return ledgertest.StoreUnderTest{Store: s, Append: s.Append, Again: func(*testing.T) sequence.Store { return s }}
	})
}

func TestFiles(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		ledgertest.RunFiles(t, func(*testing.T) sequence.Files { return ledgertest.NewFiles() })
	})
	t.Run("dir", func(t *testing.T) {
		ledgertest.RunFiles(t, func(t *testing.T) sequence.Files {
			d, err := sequence.NewDir(t.TempDir() + "/log")
			if err != nil {
				t.Fatal(err)
			}
			return d
		})
	})
}

func fill(t testing.TB, s *ledgertest.Store, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := s.Append(t.Context(), ledgertest.Event(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// An old backup comes back while the signer's state stays: nothing is signed,
// assigned or overwritten, and the operator is told what to do.
func TestRestoredBackup(t *testing.T) {
	store := ledgertest.NewStore()
	log := ledgertest.NewLog(t, store, nil)
	fill(t, store, 0, 5)
	log.Run(t, 5)
	old := store.Snapshot()
	fill(t, store, 5, 9)
	log.Run(t, 9)

	for name, more := range map[string]int{"fewer leaves": 0, "other leaves, fewer": 2, "other leaves, as many": 4, "other leaves, more": 20} {
		t.Run(strings.ReplaceAll(name, ", ", "/"), func(t *testing.T) {
			back := old.Snapshot()
			fill(t, back, 100, 100+more)
			if more > 0 { // places given by a sequencer that ran without the signer
				if _, err := back.Assign(t.Context(), 5, more); err != nil {
					t.Fatal(err)
				}
			}
			before, err := log.Signer.Last(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			seq, err := sequence.New(sequence.Options{Keys: log.Keys, Store: back, Files: log.Files, Signer: log.Signer, Witnesses: []sequence.Witness{log.Witness}})
			if err != nil {
				t.Fatal(err)
			}
			fill(t, back, 200, 203) // new grants after the restore
			_, err = seq.Run(t.Context())
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Kind != fault.Conflict || f.Key != "ledger.fork" {
				t.Fatalf("Run on a restored backup = %v, want ledger.fork", err)
			}
			if after, err := log.Signer.Last(t.Context()); err != nil || after != before {
				t.Errorf("the signer moved to %v, %v", after, err)
			}
			if st, _ := back.State(t.Context()); st.Indexed != int64(5+more) {
				t.Errorf("places were given: %d", st.Indexed)
			}
			if err := ledgertest.Audit(log.Keys, log.Files, 9); err != nil {
				t.Errorf("the published log changed: %v", err)
			}
		})
	}
}

// A crash after the tiles and before the signature, then a backup from before those
// leaves: what was written for them was never signed and does not stand in the way.
func TestUnsignedTilesAreReplaced(t *testing.T) {
	store := ledgertest.NewStore()
	log := ledgertest.NewLog(t, store, nil)
	fill(t, store, 0, 255)
	log.Run(t, 255)
	backup := store.Snapshot()
	fill(t, store, 255, 258)
	var signed [][]byte
	kill := &outside{Store: store, Files: log.Files, Signer: log.Signer, Witness: log.Witness, signed: &signed}
	opt := log.Seq.Options
	opt.Signer = noSigner{log.Signer}
	crashed, err := sequence.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := crashed.Run(t.Context()); !errors.Is(err, errKilled) {
		t.Fatalf("Run = %v, want killed", err)
	}
	fill(t, backup, 900, 903)
	kill.Store = backup
	if _, err := newSequencer(t, log, kill).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ledgertest.Audit(log.Keys, log.Files, 258); err != nil {
		t.Error(err)
	}
	oneHistory(t, log, backup, signed)
}

// noSigner is killed before it signs.
type noSigner struct{ sequence.Signer }

func (noSigner) Sign(context.Context, ledger.Tree, ledger.Tree, tlog.TreeProof) ([]byte, error) {
	return nil, errKilled
}

// A file of the signed part that differs is no leftover.
func TestOtherLogsFilesAreKept(t *testing.T) {
	store := ledgertest.NewStore()
	files := ledgertest.NewFiles()
	log := ledgertest.NewLog(t, store, files)
	fill(t, store, 0, 3)
	log.Run(t, 3)
	path := ledger.EntriesPath(0, 3)
	files.Remove(path)
	if err := files.Put(t.Context(), path, []byte("other")); err != nil {
		t.Fatal(err)
	}
	err := log.Seq.Restore(t.Context())
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Key != "ledger.tiles.other" {
		t.Errorf("Restore over another log's file = %v, want ledger.tiles.other", err)
	}
}

// A signer whose own state came from an old backup is not asked to go on.
func TestSignerBehind(t *testing.T) {
	store := ledgertest.NewStore()
	log := ledgertest.NewLog(t, store, nil)
	fill(t, store, 0, 3)
	log.Run(t, 3)
	fresh := ledgertest.NewLog(t, store, log.Files)
	_, err := fresh.Seq.Run(t.Context())
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Key != "ledger.signer.behind" {
		t.Errorf("Run with a signer that knows nothing = %v, want ledger.signer.behind", err)
	}
}

// Files that were lost come back from the leaves.
func TestLostFiles(t *testing.T) {
	store := ledgertest.NewStore()
	files := ledgertest.NewFiles()
	log := ledgertest.NewLog(t, store, files)
	fill(t, store, 0, 600)
	log.Run(t, 600)
	for _, p := range files.Paths() {
		files.Remove(p)
	}
	log.Run(t, 600)
	fill(t, store, 600, 601)
	log.Run(t, 601)
}

// One old tile is lost, which going on would not notice: Restore brings it back.
func TestRestore(t *testing.T) {
	store := ledgertest.NewStore()
	files := ledgertest.NewFiles()
	log := ledgertest.NewLog(t, store, files)
	fill(t, store, 0, 700)
	log.Run(t, 700)
	files.Remove(ledger.TilePath(tlog.Tile{H: 8, L: 0, N: 0, W: 256}))
	files.Remove(ledger.EntriesPath(1, 256))
	files.Remove(ledger.CheckpointPath)
	if err := ledgertest.Audit(log.Keys, files, 700); err == nil {
		t.Fatal("the audit misses lost files")
	}
	if err := log.Seq.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ledgertest.Audit(log.Keys, files, 700); err != nil {
		t.Error(err)
	}
}

// A changed tile is noticed before anything is built on it.
func TestAlteredTile(t *testing.T) {
	store := ledgertest.NewStore()
	files := ledgertest.NewFiles()
	log := ledgertest.NewLog(t, store, files)
	fill(t, store, 0, 3)
	log.Run(t, 3)
	path := ledger.TilePath(tlog.Tile{H: 8, L: 0, N: 0, W: 3})
	b, err := files.Get(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	files.Remove(path)
	if err := files.Put(t.Context(), path, b); err != nil {
		t.Fatal(err)
	}
	fill(t, store, 3, 4)
	_, err = log.Seq.Run(t.Context())
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Key != "ledger.tiles.bad" {
		t.Errorf("Run over an altered tile = %v, want ledger.tiles.bad", err)
	}
}

type absent struct{ name string }

func (a absent) Name() string { return a.name }
func (absent) AddCheckpoint(context.Context, int64, tlog.TreeProof, []byte) ([]byte, error) {
	return nil, fmt.Errorf("nobody there")
}

// Without its quorum of witnesses a checkpoint is not published; once the witness
// is back, the same checkpoint is.
func TestQuorum(t *testing.T) {
	store := ledgertest.NewStore()
	log := ledgertest.NewLog(t, store, nil)
	fill(t, store, 0, 2)
	log.Run(t, 2)
	fill(t, store, 2, 5)
	opt := log.Seq.Options
	opt.Witnesses = []sequence.Witness{absent{"w"}}
	lonely, err := sequence.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lonely.Run(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("Run without witnesses = %v, want unavailable", err)
	}
	if err := ledgertest.Audit(log.Keys, log.Files, 2); err != nil {
		t.Errorf("an unwitnessed checkpoint was published: %v", err)
	}
	signed := mustState(t, store).Signed
	log.Run(t, 5)
	st := mustState(t, store)
	if !bytes.Equal(st.Signed, signed) {
		t.Error("the checkpoint was signed anew")
	}
}

func mustState(t *testing.T, s sequence.Store) sequence.State {
	t.Helper()
	st, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// Two sequencers on one database: both make progress or stand aside, never a fork.
func TestTwoSequencers(t *testing.T) {
	store := ledgertest.NewStore()
	log := ledgertest.NewLog(t, store, nil)
	second, err := sequence.New(log.Seq.Options)
	if err != nil {
		t.Fatal(err)
	}
	const total = 200
	var wg sync.WaitGroup
	wg.Go(func() { fill(t, store, 0, total) })
	for _, s := range []*sequence.Sequencer{log.Seq, second} {
		wg.Go(func() {
			for i := 0; i < 20_000; i++ {
				res, err := s.Run(t.Context())
				if err != nil && !errors.Is(err, sequence.ErrMoved) && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Unavailable) {
					t.Errorf("Run: %v", err)
					return
				}
				if f, ok := errors.AsType[*fault.Error](err); ok && (f.Key == "ledger.fork" || f.Key == "ledger.signer.behind") {
					t.Errorf("a race was taken for a fork: %v", err)
					return
				}
				if res.Tree.Size == total {
					return
				}
			}
			t.Error("200 leaves were not published in 20,000 runs")
		})
	}
	wg.Wait()
	log.Run(t, total)
}
