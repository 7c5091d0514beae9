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
	"pgregory.net/rapid"

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

var errKilled = errors.New("killed")

// outside counts every call to the outside and kills the sequencer at the n-th:
// before the call had its effect, or after it and before the answer came back.
type outside struct {
	sequence.Store
	sequence.Files
	sequence.Signer
	sequence.Witness
	n      int
	after  bool
	calls  int
	dead   bool
	mu     sync.Mutex
	signed *[][]byte
}

func (o *outside) call(do func() error) error {
	if o.dead {
		return errKilled
	}
	o.calls++
	if o.calls != o.n {
		return do()
	}
	o.dead = true
	if o.after {
		do()
	}
	return errKilled
}

func (o *outside) State(ctx context.Context) (st sequence.State, err error) {
	err = o.call(func() error { st, err = o.Store.State(ctx); return err })
	return st, err
}

func (o *outside) Assign(ctx context.Context, from int64, max int) (n int, err error) {
	err = o.call(func() error { n, err = o.Store.Assign(ctx, from, max); return err })
	return n, err
}

func (o *outside) SaveSigned(ctx context.Context, old, next []byte) error {
	return o.call(func() error { return o.Store.SaveSigned(ctx, old, next) })
}

func (o *outside) SavePublished(ctx context.Context, old, next []byte, size int64) error {
	return o.call(func() error { return o.Store.SavePublished(ctx, old, next, size) })
}

func (o *outside) Put(ctx context.Context, path string, data []byte) error {
	return o.call(func() error { return o.Files.Put(ctx, path, data) })
}

func (o *outside) Replace(ctx context.Context, path string, data []byte) error {
	return o.call(func() error { return o.Files.Replace(ctx, path, data) })
}

func (o *outside) Last(ctx context.Context) (tr ledger.Tree, err error) {
	err = o.call(func() error { tr, err = o.Signer.Last(ctx); return err })
	return tr, err
}

func (o *outside) Sign(ctx context.Context, old, next ledger.Tree, proof tlog.TreeProof) (c []byte, err error) {
	err = o.call(func() error {
		c, err = o.Signer.Sign(ctx, old, next, proof)
		if err == nil {
			*o.signed = append(*o.signed, c)
		}
		return err
	})
	return c, err
}

func (o *outside) AddCheckpoint(ctx context.Context, old int64, proof tlog.TreeProof, c []byte) (lines []byte, err error) {
	err = o.call(func() error { lines, err = o.Witness.AddCheckpoint(ctx, old, proof, c); return err })
	return lines, err
}

func (o *outside) Name() string { return o.Witness.Name() }

// Killed before or after every single step of three rounds, the log goes on with
// every leaf on one place, and everything that was ever signed is one history.
func TestKillAtEachStep(t *testing.T) {
	rounds := []int{1, 4, 270}
	steps := 0
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			store := ledgertest.NewStore()
			log := ledgertest.NewLog(t, store, nil)
			var signed [][]byte
			kill := &outside{Store: store, Files: log.Files, Signer: log.Signer, Witness: log.Witness, n: n, after: after, signed: &signed}
			have := 0
			for _, to := range rounds {
				fill(t, store, have, to)
				have = to
				seq := newSequencer(t, log, kill)
				_, err := seq.Run(t.Context())
				if err != nil && !errors.Is(err, errKilled) {
					t.Fatalf("killed at %d (after=%v): %v", n, after, err)
				}
			}
			reached := kill.dead
			kill.dead, kill.n = false, 0
			res, err := newSequencer(t, log, kill).Run(t.Context())
			if err != nil {
				t.Fatalf("killed at %d (after=%v), started again: %v", n, after, err)
			}
			if res.Tree.Size != int64(have) {
				t.Fatalf("killed at %d (after=%v): %d leaves published, want %d", n, after, res.Tree.Size, have)
			}
			if err := ledgertest.Audit(log.Keys, log.Files, int64(have)); err != nil {
				t.Fatalf("killed at %d (after=%v): %v", n, after, err)
			}
			oneHistory(t, log, store, signed)
			if !reached {
				break
			}
			steps++
		}
	}
	if steps < 40 {
		t.Errorf("only %d kills happened; the counting is broken", steps)
	}
}

func newSequencer(t *testing.T, log *ledgertest.Log, o *outside) *sequence.Sequencer {
	t.Helper()
	s, err := sequence.New(sequence.Options{Keys: log.Keys, Store: o, Files: o, Signer: o, Witnesses: []sequence.Witness{o}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// oneHistory checks every checkpoint that the key ever signed against the leaves.
func oneHistory(t testing.TB, log *ledgertest.Log, store sequence.Store, signed [][]byte) {
	t.Helper()
	st, err := store.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := store.Leaves(t.Context(), 0, st.Indexed)
	if err != nil {
		t.Fatal(err)
	}
	var whole ledger.Hashes
	for i, l := range leaves {
		if err := whole.Append(int64(i), l); err != nil {
			t.Fatal(err)
		}
	}
	v, err := log.Keys.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range signed {
		c, err := v.OpenCheckpoint(s)
		if err != nil {
			t.Fatal(err)
		}
		root, err := tlog.TreeHash(c.Size, whole)
		if err != nil || root != c.Root {
			t.Fatalf("a checkpoint of %d leaves was signed that is not of this history: %v", c.Size, err)
		}
	}
}

// Random walks: leaves come in any number, batches are of any size, the sequencer
// is killed anywhere; whatever was published once stays a prefix.
func TestWalk(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		store := ledgertest.NewStore()
		log := ledgertest.NewLog(t, store, nil)
		var signed [][]byte
		have := 0
		for range rapid.IntRange(1, 6).Draw(r, "rounds") {
			n := rapid.SampledFrom([]int{0, 1, 2, 7, 255, 256, 257}).Draw(r, "leaves")
			fill(t, store, have, have+n)
			have += n
			o := &outside{Store: store, Files: log.Files, Signer: log.Signer, Witness: log.Witness, signed: &signed,
				n: rapid.IntRange(0, 25).Draw(r, "kill"), after: rapid.Bool().Draw(r, "after")}
			s, err := sequence.New(sequence.Options{Keys: log.Keys, Store: o, Files: o, Signer: o, Witnesses: []sequence.Witness{o},
				Batch: rapid.IntRange(1, 300).Draw(r, "batch")})
			if err != nil {
				r.Fatal(err)
			}
			if _, err := s.Run(t.Context()); err != nil && !errors.Is(err, errKilled) {
				r.Fatal(err)
			}
		}
		if have > 0 {
			log.Run(t, int64(have))
		}
		oneHistory(t, log, store, signed)
	})
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
