package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

var errRefused = errors.New("the act is refused")

func numbers(t *testing.T, b *Bench) {
	next := func(series string) (n int64) {
		b.update(t, func(ctx context.Context, tx *store.Tx) (err error) {
			n, err = store.NextNumber(ctx, tx, series)
			return err
		})
		return n
	}
	for want := int64(1); want <= 3; want++ {
		if got := next("a"); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	err := b.Update(t.Context(), func(tx *store.Tx) error {
		if n, err := store.NextNumber(t.Context(), tx, "a"); n != 4 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		return errRefused
	})
	if !errors.Is(err, errRefused) || next("a") != 4 || next("b") != 1 {
		t.Error("a rolled-back act left a gap, or series share a counter")
	}
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		first, second, err := store.NextNumbers(ctx, tx, "c", "a")
		if first != 1 || second != 5 {
			t.Errorf("%d and %d, want 1 and 5", first, second)
		}
		return err
	})
}

func numbersAtOnce(t *testing.T, b *Bench) {
	const n = 40
	var mu sync.Mutex
	seen := map[int64]bool{}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var got int64
			err := b.Update(t.Context(), func(tx *store.Tx) (err error) {
				got, err = store.NextNumber(t.Context(), tx, "a")
				if err == nil && i%4 == 0 {
					return errRefused
				}
				return err
			})
			if errors.Is(err, errRefused) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[got] {
				t.Errorf("%d twice, or %v", got, err)
			}
			seen[got] = true
		})
	}
	wg.Wait()
	for i := int64(1); i <= n-n/4; i++ {
		if !seen[i] {
			t.Errorf("%d was left out", i)
		}
	}
}

func labels(t *testing.T, b *Bench) {
	b.orgs(t)
	soon, late := scheme.NewDay(2027, 1, 31), scheme.NewDay(2028, 11, 22)
	l := b.label(t, 0, soon)
	b.label(t, 1, late)
	one := func(by store.Tenant) func(ctx context.Context, tx *store.Tx) (scheme.Label, error) {
		return func(ctx context.Context, tx *store.Tx) (scheme.Label, error) { return store.Label(ctx, tx, "L0", by) }
	}
	same(t, l, get(t, b, one("a")))
	same(t, l, get(t, b, one(store.Everyone)))
	hidden(t, b, one("b"))
	hidden(t, b, one(""))
	sealed := get(t, b, func(ctx context.Context, tx *store.Tx) ([]byte, error) { return store.SealedStatement(ctx, tx, "L0") })
	same(t, `{"sealed":0}`, string(sealed))
	for by, want := range map[store.Tenant]int{"a": 2, "b": 0, "": 0, store.Everyone: 2} {
		list := get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Label, error) { return store.Labels(ctx, tx, by) })
		if len(list) != want || want == 2 && list[0].ID != "L1" {
			t.Errorf("%q sees %+v", by, list)
		}
	}
	twin := l
	twin.ID = "other"
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.InsertLabel(ctx, tx, twin, nil) })

	past := func(day scheme.Day) []scheme.Label {
		return get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Label, error) {
			return store.LabelsPast(ctx, tx, day, 1)
		})
	}
	if len(past(soon)) != 0 || len(past(soon.AddDays(1))) != 1 || past(late.AddDays(1))[0].ID != "L0" {
		t.Error("labels past their last day are wrong")
	}
	l.State = scheme.LabelWithdrawn
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateLabel(ctx, tx, &l) })
	stale := l
	stale.Version = 1
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateLabel(ctx, tx, &stale) })
	if len(past(soon.AddDays(1))) != 0 {
		t.Error("a label that ended is still due")
	}
}

func revocations(t *testing.T, b *Bench) {
	b.orgs(t)
	b.label(t, 0, scheme.NewDay(2028, 11, 22))
	r := scheme.Revocation{ID: "r1", LabelID: "L0", State: scheme.RevocationProposed, Version: 1, PublicReason: "理由"}
	again := r
	again.ID = "r2"
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.InsertRevocation(ctx, tx, r) })
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.InsertRevocation(ctx, tx, again) })
	r.State = scheme.RevocationDismissed
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateRevocation(ctx, tx, &r) })
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.InsertRevocation(ctx, tx, again) })
	stale := r
	stale.Version = 1
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateRevocation(ctx, tx, &stale) })
	same(t, r, get(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Revocation, error) {
		return store.Revocation(ctx, tx, "r1")
	}))
	hidden(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Revocation, error) {
		return store.Revocation(ctx, tx, "none")
	})
	same(t, []scheme.Revocation{r, again}, get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Revocation, error) {
		return store.Revocations(ctx, tx, "L0")
	}))
	c := scheme.ChangeReport{ID: "c", LabelID: "L0", What: "部品", By: "p", At: Start}
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.InsertChangeReport(ctx, tx, c) })
	same(t, []scheme.ChangeReport{c}, get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.ChangeReport, error) {
		return store.ChangeReports(ctx, tx, "L0")
	}))
}

func publicLabels(t *testing.T, b *Bench) {
	b.orgs(t)
	var want []store.PublicLabel
	for i := range int64(3) {
		l := b.label(t, i, scheme.NewDay(2028, 11, 22))
		row := store.PublicLabel{LabelID: l.ID, Serial: i, Granted: fmt.Sprintf("2026-11-23 %d", i), Folded: "x", State: scheme.LabelValid, Since: Start,
			LastDay: l.LastDay, LeafID: "leaf", LastLeafID: "leaf", Version: 1, Doc: json.RawMessage(`{"b":1, "a":2}` + "\n")}
		b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.PutPublicLabel(ctx, tx, row) })
		want = append(want, row)
	}
	row := want[1]
	row.State, row.Ground, row.Reason, row.ReasonSalt, row.LastLeafID, row.Version = scheme.LabelRevoked, "false-application", "理由", "salt", "leaf2", 2
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.PutPublicLabel(ctx, tx, row) })
	same(t, row, get(t, b, func(ctx context.Context, tx *store.Tx) (store.PublicLabel, error) {
		return store.PublicLabelOf(ctx, tx, "L1")
	}))
	hidden(t, b, func(ctx context.Context, tx *store.Tx) (store.PublicLabel, error) {
		return store.PublicLabelOf(ctx, tx, "none")
	})
	same(t, []store.PublicLabel{row, want[2]}, get(t, b, func(ctx context.Context, tx *store.Tx) ([]store.PublicLabel, error) {
		return store.PublicLabels(ctx, tx, 1, 5)
	}))
}

// search takes terms literally, needs all of them, pages by key, and finds only
// what the log has made public.
func search(t *testing.T, b *Bench) {
	b.orgs(t)
	for i, text := range []string{"\nカメラ\nhc100\n星野電機\n", "\nカメラ\n100%\n月野\n", "\nル_タ\na\\b\n", "\nルXタ\nカメ\n", "\nカメラ\nまだ公開されていない\n"} {
		l := b.label(t, int64(i), scheme.NewDay(2028, 11, 22))
		leaf := ledger.Leaf{V: 1, Type: ledger.LabelWithdrawn, ID: fmt.Sprintf("leaf-%d", i), At: ledger.Seconds(Start), Scheme: "test",
			Subject: ledger.Subject{Label: l.ID, Serial: &l.Serial}}
		b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.AppendLeaf(ctx, tx, leaf) })
		row := store.PublicLabel{LabelID: l.ID, Serial: l.Serial, Granted: fmt.Sprintf("2026-11-23 %d", i), Folded: text, LeafID: leaf.ID, State: l.State, LastDay: l.LastDay,
			Version: 1, Doc: json.RawMessage(`{}`)}
		b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.PutPublicLabel(ctx, tx, row) })
	}
	if n, err := b.Log().Assign(t.Context(), 0, 100); n != 5 || err != nil {
		t.Fatalf("%d leaves got a place, %v", n, err)
	}
	if err := b.Log().SavePublished(t.Context(), nil, []byte("checkpoint"), 4); err != nil {
		t.Fatal(err)
	}
	find := func(before string, limit int, terms ...string) string {
		list := get(t, b, func(ctx context.Context, tx *store.Tx) ([]store.PublicLabel, error) {
			return store.SearchPublicLabels(ctx, tx, terms, before, limit)
		})
		out := ""
		for _, p := range list {
			out += p.LabelID + " "
		}
		return out
	}
	for _, c := range []struct {
		terms []string
		want  string
	}{
		{nil, "L3 L2 L1 L0 "},
		{[]string{"カ"}, "L3 L1 L0 "},
		{[]string{"カメラ"}, "L1 L0 "},
		{[]string{"カメラ", "星"}, "L0 "},
		{[]string{"カメラ", "無い"}, ""},
		{[]string{"%"}, "L1 "},
		{[]string{"_"}, "L2 "},
		{[]string{`\`}, "L2 "},
		{[]string{"'"}, ""},
		{[]string{"ル_タ"}, "L2 "},
	} {
		if got := find("", 10, c.terms...); got != c.want {
			t.Errorf("%q: %q, want %q", c.terms, got, c.want)
		}
	}
	if got := find("", 2, "カ"); got != "L3 L1 " {
		t.Errorf("first page %q", got)
	}
	if got := find("2026-11-23 1", 2, "カ"); got != "L0 " {
		t.Errorf("second page %q", got)
	}
}

func leaves(t *testing.T, b *Bench) {
	serial := int64(0)
	leaf := ledger.Leaf{V: 1, Type: ledger.LabelWithdrawn, ID: "w-1", At: ledger.Seconds(Start), Scheme: "test",
		Subject: ledger.Subject{Label: "L", Serial: &serial}}
	add := func(l ledger.Leaf) func(ctx context.Context, tx *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error { return store.AppendLeaf(ctx, tx, l) }
	}
	b.update(t, add(leaf))
	b.fails(t, fault.Conflict, add(leaf))
	bad := leaf
	bad.ID = "no spaces"
	b.fails(t, fault.Invalid, add(bad))
	// Of one instant, and yet in the order of appending.
	for _, id := range []string{"w-3", "w-2"} {
		leaf.ID = id
		b.update(t, add(leaf))
	}
	var ids string
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		return store.EachLeaf(ctx, tx, func(body []byte) error {
			l, err := ledger.DecodeLeaf(body)
			ids += l.ID + " "
			return err
		})
	})
	if ids != "w-1 w-3 w-2 " {
		t.Errorf("%s", ids)
	}
	if err := b.View(t.Context(), func(tx *store.Tx) error {
		return store.EachLeaf(t.Context(), tx, func([]byte) error { return errRefused })
	}); !errors.Is(err, errRefused) {
		t.Errorf("%v", err)
	}
}

func times(t *testing.T, b *Bench) {
	b.Clock.Advance(1234 * time.Nanosecond)
	b.update(t, func(_ context.Context, tx *store.Tx) error {
		if !tx.At.Equal(Start) || tx.At.Location() != time.UTC {
			t.Errorf("the instant is %v", tx.At)
		}
		return nil
	})
}

// refused: a transaction that fails leaves nothing, one that only reads cannot write.
func refused(t *testing.T, b *Bench) {
	insert := func(tx *store.Tx) error {
		return store.InsertOrganisation(t.Context(), tx, scheme.Organisation{ID: "x", Name: "x"})
	}
	err := b.Update(t.Context(), func(tx *store.Tx) error {
		if err := insert(tx); err != nil {
			t.Error(err)
		}
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Errorf("%v", err)
	}
	hidden(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Organisation, error) {
		return store.Organisation(ctx, tx, "x")
	})
}

// statusLists: the newest counts, once the log has made its leaf public.
func statusLists(t *testing.T, b *Bench) {
	newest := func(waiting bool) func(ctx context.Context, tx *store.Tx) (store.StatusList, error) {
		return func(ctx context.Context, tx *store.Tx) (store.StatusList, error) {
			return store.NewestStatusList(ctx, tx, waiting)
		}
	}
	hidden(t, b, newest(true))
	serial := int64(0)
	var lists []store.StatusList
	for i, id := range []string{"l-1", "l-2"} {
		leaf := ledger.Leaf{V: 1, Type: ledger.LabelWithdrawn, ID: id, At: ledger.Seconds(Start), Scheme: "test", Subject: ledger.Subject{Label: "L", Serial: &serial}}
		s := store.StatusList{LeafID: id, At: Start.Add(time.Duration(i) * time.Hour), Tree: int64(i), JWS: "jws"}
		b.update(t, func(ctx context.Context, tx *store.Tx) error {
			if err := store.AppendLeaf(ctx, tx, leaf); err != nil {
				return err
			}
			return store.SaveStatusList(ctx, tx, s)
		})
		lists = append(lists, s)
	}
	hidden(t, b, newest(false))
	same(t, lists[1], get(t, b, newest(true)))
	if _, err := b.Log().Assign(t.Context(), 0, 10); err != nil {
		t.Fatal(err)
	}
	if err := b.Log().SavePublished(t.Context(), nil, []byte("checkpoint"), 1); err != nil {
		t.Fatal(err)
	}
	same(t, lists[0], get(t, b, newest(false)))
	if size := get(t, b, store.LogSize); size != 1 {
		t.Errorf("size %d", size)
	}
}

func labelRows(t *testing.T, b *Bench) {
	b.orgs(t)
	want := []scheme.Label{b.label(t, 0, scheme.NewDay(2028, 11, 22)), b.label(t, 1, scheme.NewDay(2027, 11, 22))}
	var got []scheme.Label
	err := b.View(t.Context(), func(tx *store.Tx) error {
		return store.EachLabelRow(t.Context(), tx, func(r store.LabelRow) error {
			got = append(got, r.Doc)
			if r.Columns.ID != r.Doc.ID || r.Columns.LastDay != r.Doc.LastDay || r.Columns.Serial != r.Doc.Serial || len(r.Sealed) == 0 {
				t.Errorf("%+v", r)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, want, got)
}
