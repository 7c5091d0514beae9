// Package storetest holds every engine to the same behaviour: it calls every
// function of package store on a real database. Start at [Run].
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fault"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/testkit"
)

// Bench is one fresh, migrated database with a clock that the test moves.
type Bench struct {
	*store.DB
	Clock *testkit.Clock
}

// Start is where a bench's clock stands first; whole milliseconds, as stored.
var Start = time.Date(2026, 11, 23, 1, 2, 3, 4_000_000, time.UTC)

// Run runs the suite; open gives a fresh bench, whose clock stands at [Start].
func Run(t *testing.T, open func(t *testing.T) *Bench) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b *Bench)
	}{
		{"organisations", organisations}, {"keys", keys}, {"people", people}, {"products", products}, {"evaluations", evaluations},
		{"applications", applications}, {"snapshots", snapshots}, {"numbers", numbers}, {"numbers at once", numbersAtOnce},
		{"labels", labels}, {"revocations", revocations}, {"public labels", publicLabels}, {"search", search}, {"status lists", statusLists}, {"label rows", labelRows}, {"audit", audit},
		{"once", once}, {"writes that wait", waiting}, {"leaves", leaves}, {"jobs", jobs}, {"periodic", periodic}, {"times", times}, {"refused acts", refused},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// update runs a writing transaction that must succeed.
func (b *Bench) update(t *testing.T, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := b.Update(t.Context(), func(tx *store.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

// fails runs a writing transaction that must fail with the kind.
func (b *Bench) fails(t *testing.T, kind fault.Kind, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := b.Update(t.Context(), func(tx *store.Tx) error { return fn(t.Context(), tx) }); !fault.Is(err, kind) {
		t.Errorf("%v, want %s", err, kind)
	}
}

// get reads in a reading transaction.
func get[T any](t *testing.T, b *Bench, fn func(ctx context.Context, tx *store.Tx) (T, error)) T {
	t.Helper()
	v, err := try(t, b, fn)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func try[T any](t *testing.T, b *Bench, fn func(ctx context.Context, tx *store.Tx) (T, error)) (v T, err error) {
	t.Helper()
	err = b.View(t.Context(), func(tx *store.Tx) error {
		v, err = fn(t.Context(), tx)
		return err
	})
	return v, err
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b scheme.Day) bool { return a == b })); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func hidden[T any](t *testing.T, b *Bench, fn func(ctx context.Context, tx *store.Tx) (T, error)) {
	t.Helper()
	if v, err := try(t, b, fn); !fault.Is(err, fault.NotFound) {
		t.Errorf("%+v, %v; want nothing", v, err)
	}
}

// orgs adds the organisations "a", "b" and the evaluator "lab".
func (b *Bench) orgs(t *testing.T) {
	t.Helper()
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		for _, o := range []scheme.Organisation{
			{ID: "a", Kind: scheme.Vendor, Name: "あ社", CorporateNumber: "7000012050002", Version: 1},
			{ID: "b", Kind: scheme.Vendor, Name: "い社", CorporateNumber: "5111101000006", Version: 1},
			{ID: "lab", Kind: scheme.Evaluating, Name: "研究所", Version: 1, Classes: []scheme.EvaluatorClass{scheme.ClassLaboratory}},
		} {
			if err := store.InsertOrganisation(ctx, tx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// things adds a product, an evaluation given to the lab and an application of "a",
// with ids that end in suffix.
func (b *Bench) things(t *testing.T, suffix string) (scheme.Product, scheme.Evaluation, scheme.Application) {
	t.Helper()
	p := scheme.Product{ID: "p" + suffix, OrganisationID: "a", Version: 1, Name: "カメラ", Models: []scheme.Model{{Number: "X-1"}}}
	e := scheme.Evaluation{ID: "e" + suffix, OrganisationID: "a", ProductID: p.ID, EditionID: "ed", Version: 1, EvaluatorOrgID: "lab"}
	a := scheme.Application{ID: "a" + suffix, OrganisationID: "a", ProductID: p.ID, EvaluationID: e.ID, State: scheme.ApplicationDraft, Version: 1}
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		if err := store.InsertProduct(ctx, tx, p); err != nil {
			return err
		}
		if err := store.InsertEvaluation(ctx, tx, e); err != nil {
			return err
		}
		return store.InsertApplication(ctx, tx, a)
	})
	return p, e, a
}

// label adds a valid label with a place in the status list.
func (b *Bench) label(t *testing.T, serial int64, lastDay scheme.Day) scheme.Label {
	t.Helper()
	_, _, a := b.things(t, fmt.Sprintf("%d", serial))
	l := scheme.Label{ID: fmt.Sprintf("L%d", serial), Serial: serial, Registration: fmt.Sprintf("HS-%05d", serial+1), ApplicationID: a.ID,
		OrganisationID: "a", Level: "star1", Issued: scheme.NewDay(2026, 11, 23), LastDay: lastDay, State: scheme.LabelValid, Since: Start, Version: 1}
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		return store.InsertLabel(ctx, tx, l, []byte(fmt.Sprintf(`{"sealed":%d}`, serial)))
	})
	return l
}
