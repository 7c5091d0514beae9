package sequence_test

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/sequence"
)

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
