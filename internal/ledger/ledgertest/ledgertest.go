// Package ledgertest holds every implementation of the log's storage to its
// contract ([RunStore], [RunFiles]) and has stand-ins of the outside world for
// tests: a store in memory, a signer in process, a clock. No product code imports it.
package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/sequence"
)

// StoreUnderTest is one fresh, empty store. Append commits one leaf, unindexed, in
// a transaction of its own; the same id twice must fail. Two values of Again read
// and write the same data, as two processes would.
type StoreUnderTest struct {
	Store  sequence.Store
	Append func(ctx context.Context, leaf ledger.Leaf) error
	Again  func(t *testing.T) sequence.Store
}

// Event makes the n-th of a row of plausible leaves.
func Event(n int) ledger.Leaf {
	serial := int64(n)
	return ledger.Leaf{V: 1, Type: ledger.LabelGranted, ID: fmt.Sprintf("grant-%06d", n), At: "2026-11-23T00:00:00Z", Scheme: "sample",
		Subject: ledger.Subject{Label: fmt.Sprintf("LABEL%07d", n), Serial: &serial, Registration: fmt.Sprintf("R-%05d", n), Level: "star1", Edition: "e1"},
		Issued:  "2026-11-23", Expires: "2028-11-22"}
}

// RunStore is the conformance suite of sequence.Store.
func RunStore(t *testing.T, open func(t *testing.T) StoreUnderTest) {
	ctx := context.Background()
	add := func(t *testing.T, s StoreUnderTest, from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if err := s.Append(ctx, Event(i)); err != nil {
				t.Fatalf("append %d: %v", i, err)
			}
		}
	}
	state := func(t *testing.T, s sequence.Store) sequence.State {
		t.Helper()
		st, err := s.State(ctx)
		if err != nil {
			t.Fatalf("State: %v", err)
		}
		return st
	}

	t.Run("empty", func(t *testing.T) {
		s := open(t)
		if st := state(t, s.Store); st.Indexed != 0 || st.Signed != nil || st.Published != nil {
			t.Errorf("a new store is at %+v", st)
		}
		if n, err := s.Store.Assign(ctx, 0, 10); n != 0 || err != nil {
			t.Errorf("Assign on an empty store = %d, %v; want 0, nil", n, err)
		}
	})

	t.Run("places follow insertion, without gaps, in batches", func(t *testing.T) {
		s := open(t)
		add(t, s, 0, 7)
		for _, step := range []struct {
			from int64
			max  int
			want int
		}{{0, 3, 3}, {3, 3, 3}, {6, 3, 1}, {7, 3, 0}} {
			if n, err := s.Store.Assign(ctx, step.from, step.max); n != step.want || err != nil {
				t.Fatalf("Assign(%d, %d) = %d, %v; want %d", step.from, step.max, n, err, step.want)
			}
		}
		if st := state(t, s.Store); st.Indexed != 7 {
			t.Errorf("Indexed = %d, want 7", st.Indexed)
		}
		leaves, err := s.Store.Leaves(ctx, 0, 7)
		if err != nil || len(leaves) != 7 {
			t.Fatalf("Leaves = %d, %v", len(leaves), err)
		}
		for i, l := range leaves {
			want, err := Event(i).Encode()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(l, want) {
				t.Errorf("place %d holds %s, want %s", i, l, want)
			}
		}
		if part, err := s.Store.Leaves(ctx, 2, 4); err != nil || len(part) != 2 || !bytes.Equal(part[0], leaves[2]) {
			t.Errorf("Leaves(2, 4) = %d, %v", len(part), err)
		}
		if part, err := s.Store.Leaves(ctx, 4, 4); err != nil || len(part) != 0 {
			t.Errorf("Leaves(4, 4) = %d, %v; want none", len(part), err)
		}
		if _, err := s.Store.Leaves(ctx, 5, 8); err == nil {
			t.Error("Leaves beyond the last place gave no error")
		}
	})

	t.Run("assign compares first", func(t *testing.T) {
		s := open(t)
		add(t, s, 0, 4)
		if n, err := s.Store.Assign(ctx, 0, 2); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		for _, from := range []int64{0, 1, 3, 4} {
			if n, err := s.Store.Assign(ctx, from, 2); n != 0 || !errors.Is(err, sequence.ErrMoved) {
				t.Errorf("Assign(%d) with two places given = %d, %v; want ErrMoved", from, n, err)
			}
		}
		if st := state(t, s.Store); st.Indexed != 2 {
			t.Errorf("a refused Assign moved Indexed to %d", st.Indexed)
		}
	})

	t.Run("an id enters once", func(t *testing.T) {
		s := open(t)
		add(t, s, 0, 2)
		if err := s.Append(ctx, Event(1)); err == nil {
			t.Error("the same id entered twice")
		}
		if n, err := s.Store.Assign(ctx, 0, 10); n != 2 || err != nil {
			t.Errorf("Assign = %d, %v; want 2", n, err)
		}
	})

	t.Run("two assign at once", func(t *testing.T) {
		s := open(t)
		const total = 60
		add(t, s, 0, total)
		var wg sync.WaitGroup
		for _, st := range []sequence.Store{s.Store, s.Again(t)} {
			wg.Go(func() {
				for {
					now, err := st.State(ctx)
					if err != nil {
						t.Errorf("State: %v", err)
						return
					}
					if now.Indexed == total {
						return
					}
					if _, err := st.Assign(ctx, now.Indexed, 7); err != nil && !errors.Is(err, sequence.ErrMoved) {
						t.Errorf("Assign: %v", err)
						return
					}
				}
			})
		}
		wg.Wait()
		leaves, err := s.Store.Leaves(ctx, 0, total)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, l := range leaves {
			seen[string(l)] = true
		}
		if len(seen) != total {
			t.Errorf("%d different leaves on %d places", len(seen), total)
		}
	})

	t.Run("checkpoints are compared and swapped", func(t *testing.T) {
		s := open(t)
		other := s.Again(t)
		a, b := []byte("checkpoint a\n"), []byte("checkpoint b\x00ü\n")
		for _, c := range []struct {
			name string
			save func(st sequence.Store, old, next []byte) error
			get  func(sequence.State) []byte
		}{
			{"signed", func(st sequence.Store, old, next []byte) error { return st.SaveSigned(ctx, old, next) }, func(st sequence.State) []byte { return st.Signed }},
			{"published", func(st sequence.Store, old, next []byte) error { return st.SavePublished(ctx, old, next, 0) }, func(st sequence.State) []byte { return st.Published }},
		} {
			if err := c.save(s.Store, b, a); !errors.Is(err, sequence.ErrMoved) {
				t.Errorf("%s: first save over %q = %v, want ErrMoved", c.name, b, err)
			}
			if err := c.save(s.Store, nil, a); err != nil {
				t.Errorf("%s: first save: %v", c.name, err)
			}
			if err := c.save(other, nil, b); !errors.Is(err, sequence.ErrMoved) {
				t.Errorf("%s: late save = %v, want ErrMoved", c.name, err)
			}
			if err := c.save(other, a, b); err != nil {
				t.Errorf("%s: second save: %v", c.name, err)
			}
			if got := c.get(state(t, s.Store)); !bytes.Equal(got, b) {
				t.Errorf("%s: holds %q, want %q", c.name, got, b)
			}
		}
	})

	t.Run("a cancelled context changes nothing", func(t *testing.T) {
		s := open(t)
		add(t, s, 0, 1)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if n, err := s.Store.Assign(gone, 0, 5); err == nil {
			t.Errorf("Assign under a cancelled context = %d", n)
		}
		if st := state(t, s.Store); st.Indexed != 0 {
			t.Errorf("Indexed = %d", st.Indexed)
		}
	})

	t.Run("sequencer", func(t *testing.T) {
		s := open(t)
		l := NewLog(t, s.Store, nil)
		for round, to := range []int{1, 5, 300} {
			from := []int{0, 1, 5}[round]
			add(t, s, from, to)
			l.Run(t, int64(to))
		}
		st := state(t, s.Store)
		if st.Indexed != 300 || st.Signed == nil || !bytes.HasPrefix(st.Published, bytes.TrimSuffix(st.Signed, []byte("\n"))) {
			t.Errorf("after three rounds: %d indexed, signed %q, published %q", st.Indexed, st.Signed, st.Published)
		}
	})
}

// RunFiles is the conformance suite of sequence.Files.
func RunFiles(t *testing.T, open func(t *testing.T) sequence.Files) {
	ctx := context.Background()
	t.Run("missing", func(t *testing.T) {
		if _, err := open(t).Get(ctx, "tile/0/000"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get of a missing file = %v, want fs.ErrNotExist", err)
		}
	})
	t.Run("put once", func(t *testing.T) {
		f := open(t)
		// A full tile and its partial ones must be able to stand side by side.
		for _, p := range []string{"tile/0/x001/067", "tile/0/x001/067.p/8", "tile/entries/000"} {
			if err := f.Put(ctx, p, []byte(p)); err != nil {
				t.Fatalf("Put %s: %v", p, err)
			}
			if err := f.Put(ctx, p, []byte(p)); err != nil {
				t.Errorf("the same Put of %s again: %v", p, err)
			}
			if err := f.Put(ctx, p, []byte("other")); err == nil {
				t.Errorf("Put changed %s", p)
			}
			if got, err := f.Get(ctx, p); err != nil || string(got) != p {
				t.Errorf("Get %s = %q, %v", p, got, err)
			}
		}
	})
	t.Run("replace", func(t *testing.T) {
		f := open(t)
		for _, v := range []string{"one", "two, longer", "3"} {
			if err := f.Replace(ctx, "checkpoint", []byte(v)); err != nil {
				t.Fatal(err)
			}
			if got, err := f.Get(ctx, "checkpoint"); err != nil || string(got) != v {
				t.Errorf("Get = %q, %v; want %q", got, err, v)
			}
		}
	})
	t.Run("whole or not", func(t *testing.T) {
		f := open(t)
		a, b := strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<15)
		if err := f.Replace(ctx, "checkpoint", []byte(a)); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < 20 && err == nil; i++ {
				err = f.Replace(ctx, "checkpoint", []byte([]string{b, a}[i%2]))
			}
			done <- err
		}()
		for {
			got, err := f.Get(ctx, "checkpoint")
			if err != nil || string(got) != a && string(got) != b {
				t.Fatalf("a reader saw %d bytes, %v", len(got), err)
			}
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
				return
			default:
			}
		}
	})
	t.Run("stays inside", func(t *testing.T) {
		f := open(t)
		for _, p := range []string{"../x", "/etc/x", "a/../../x", ""} {
			if err := f.Put(ctx, p, []byte("x")); err == nil {
				t.Errorf("Put to %q was allowed", p)
			}
		}
	})
}
