package storetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

func organisations(t *testing.T, b *Bench) {
	b.orgs(t)
	o := get(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Organisation, error) {
		return store.Organisation(ctx, tx, "a")
	})
	same(t, scheme.Organisation{ID: "a", Kind: scheme.Vendor, Name: "あ社", CorporateNumber: "7000012050002", Version: 1}, o)
	hidden(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Organisation, error) {
		return store.Organisation(ctx, tx, "z")
	})
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error {
		return store.InsertOrganisation(ctx, tx, scheme.Organisation{ID: "c", CorporateNumber: "7000012050002"})
	})
	b.update(t, func(ctx context.Context, tx *store.Tx) error { // no number stands beside no number
		return store.InsertOrganisation(ctx, tx, scheme.Organisation{ID: "c", Kind: scheme.Vendor, Name: "Foreign"})
	})
	o.Name = "新しいあ社"
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateOrganisation(ctx, tx, &o) })
	if o.Version != 2 {
		t.Errorf("version %d", o.Version)
	}
	old := o
	old.Version = 1
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateOrganisation(ctx, tx, &old) })
	same(t, o, get(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Organisation, error) {
		return store.Organisation(ctx, tx, "a")
	}))
	list := get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Organisation, error) {
		return store.Organisations(ctx, tx, scheme.Evaluating)
	})
	if len(list) != 1 || list[0].ID != "lab" {
		t.Errorf("%+v", list)
	}
}

func keys(t *testing.T, b *Bench) {
	b.orgs(t)
	k := scheme.SigningKey{ID: "k", OrganisationID: "a", Name: "bench 1", Enrolled: Start}
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.InsertKey(ctx, tx, k) })
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error {
		return store.InsertKey(ctx, tx, scheme.SigningKey{ID: "k", OrganisationID: "b"})
	})
	k.Retired = Start.Add(time.Hour)
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateKey(ctx, tx, k) })
	stranger := k
	stranger.OrganisationID = "b"
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateKey(ctx, tx, stranger) })
	of := func(org string) []scheme.SigningKey {
		return get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.SigningKey, error) { return store.Keys(ctx, tx, org) })
	}
	same(t, []scheme.SigningKey{k}, of("a"))
	same(t, []scheme.SigningKey{}, of("b"))
}

func people(t *testing.T, b *Bench) {
	b.orgs(t)
	m := scheme.Membership{ID: "m", AccountID: "acct", OrganisationID: "a", Role: scheme.Applicant, From: Start}
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		if err := store.InsertPerson(ctx, tx, scheme.Person{ID: "person", Name: "星野"}); err != nil {
			return err
		}
		if err := store.InsertAccount(ctx, tx, store.Credentials{Account: scheme.Account{ID: "acct", PersonID: "person", Login: "x"}}); err != nil {
			return err
		}
		return store.InsertMembership(ctx, tx, m)
	})
	acting := func() store.Acting {
		return get(t, b, func(ctx context.Context, tx *store.Tx) (store.Acting, error) { return store.ActingAs(ctx, tx, "m") })
	}
	has := func() bool {
		return get(t, b, func(ctx context.Context, tx *store.Tx) (bool, error) { return store.HasMembership(ctx, tx, "acct") })
	}
	same(t, store.Acting{Membership: m, Person: scheme.Person{ID: "person", Name: "星野"}}, acting())
	same(t, scheme.Person{ID: "person", Name: "星野"}, get(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Person, error) {
		return store.AccountPerson(ctx, tx, "acct")
	}))
	hidden(t, b, func(ctx context.Context, tx *store.Tx) (store.Acting, error) { return store.ActingAs(ctx, tx, "none") })
	hidden(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Person, error) {
		return store.AccountPerson(ctx, tx, "none")
	})
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		if err := store.InsertPerson(ctx, tx, scheme.Person{ID: "other", Name: "青木"}); err != nil {
			return err
		}
		return store.SetAccountPerson(ctx, tx, "acct", "other")
	})
	same(t, scheme.Person{ID: "other", Name: "青木"}, acting().Person)
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		return store.SetAccountPerson(ctx, tx, "acct", "person")
	})
	acts := func(organisation string) bool {
		return get(t, b, func(ctx context.Context, tx *store.Tx) (bool, error) {
			return store.PersonActsFor(ctx, tx, "person", organisation)
		})
	}
	if !has() || !acts(m.OrganisationID) || acts("none") {
		t.Error("an open membership is not seen, or one is seen that is not there")
	}
	b.Clock.Advance(time.Hour)
	end := func() {
		b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.EndMembership(ctx, tx, "m") })
	}
	end()
	b.Clock.Advance(time.Hour)
	end() // again: the first end stays
	if a := acting(); !a.Until.Equal(Start.Add(time.Hour)) || a.ActiveAt(b.Clock.Now()) || has() || acts(m.OrganisationID) {
		t.Errorf("%+v", a)
	}
}

func products(t *testing.T, b *Bench) {
	b.orgs(t)
	p, e, _ := b.things(t, "1")
	product := func(id string, by store.Tenant) func(ctx context.Context, tx *store.Tx) (scheme.Product, error) {
		return func(ctx context.Context, tx *store.Tx) (scheme.Product, error) { return store.Product(ctx, tx, id, by) }
	}
	for _, by := range []store.Tenant{"a", "lab", store.Everyone} {
		same(t, p, get(t, b, product("p1", by)))
	}
	for _, by := range []store.Tenant{"b", "", "!", "%", "' OR 1=1 --"} {
		hidden(t, b, product("p1", by))
	}
	e.EvaluatorOrgID = "" // taken back; and then "nobody" must not match an organisation called nothing
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateEvaluation(ctx, tx, &e) })
	hidden(t, b, product("p1", "lab"))
	hidden(t, b, product("p1", ""))

	b.Clock.Advance(time.Second)
	b.things(t, "2")
	b.Clock.Advance(time.Second)
	p.Name = "新しいカメラ"
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateProduct(ctx, tx, &p) })
	stale, foreign := p, p
	stale.Version, foreign.OrganisationID = 1, "b"
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateProduct(ctx, tx, &stale) })
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateProduct(ctx, tx, &foreign) })
	list := get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Product, error) { return store.Products(ctx, tx, "a") })
	if len(list) != 2 || list[0].ID != "p1" || list[0].Version != 2 {
		t.Errorf("%+v", list)
	}
	same(t, []scheme.Product{}, get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Product, error) { return store.Products(ctx, tx, "b") }))
}

func evaluations(t *testing.T, b *Bench) {
	b.orgs(t)
	_, e, _ := b.things(t, "1")
	one := func(by store.Tenant) func(ctx context.Context, tx *store.Tx) (scheme.Evaluation, error) {
		return func(ctx context.Context, tx *store.Tx) (scheme.Evaluation, error) {
			return store.Evaluation(ctx, tx, "e1", by)
		}
	}
	all := func(by store.Tenant) int {
		return len(get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Evaluation, error) {
			return store.Evaluations(ctx, tx, by)
		}))
	}
	for _, by := range []store.Tenant{"a", "lab", store.Everyone} {
		same(t, e, get(t, b, one(by)))
		if all(by) != 1 {
			t.Errorf("%s sees %d", by, all(by))
		}
	}
	for _, by := range []store.Tenant{"b", ""} {
		hidden(t, b, one(by))
		if all(by) != 0 {
			t.Errorf("%s sees %d", by, all(by))
		}
	}
	e.EvaluatorOrgID = ""
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateEvaluation(ctx, tx, &e) })
	hidden(t, b, one("lab"))
	hidden(t, b, one(""))
	if all("") != 0 {
		t.Error("an account without an organisation sees what was given to nobody")
	}
	stale := e
	stale.Version = 1
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateEvaluation(ctx, tx, &stale) })

	used := func(digest string) bool {
		return get(t, b, func(ctx context.Context, tx *store.Tx) (bool, error) { return store.BundleInUse(ctx, tx, digest) })
	}
	result := func(ctx context.Context, tx *store.Tx) (json.RawMessage, error) {
		return store.BundleResult(ctx, tx, "e1", "d")
	}
	for _, doc := range []string{`{"v":1}`, `{"v":2}`} {
		b.update(t, func(ctx context.Context, tx *store.Tx) error {
			return store.PutBundleResult(ctx, tx, "e1", "d", json.RawMessage(doc))
		})
		same(t, doc, string(get(t, b, result)))
	}
	if !used("d") || used("x") {
		t.Error("in use is wrong")
	}
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.DeleteBundleResult(ctx, tx, "e1", "d") })
	hidden(t, b, result)
	if used("d") {
		t.Error("still in use")
	}
}

func applications(t *testing.T, b *Bench) {
	b.orgs(t)
	_, _, a := b.things(t, "1")
	one := func(by store.Tenant) func(ctx context.Context, tx *store.Tx) (scheme.Application, error) {
		return func(ctx context.Context, tx *store.Tx) (scheme.Application, error) {
			return store.Application(ctx, tx, "a1", by)
		}
	}
	same(t, a, get(t, b, one("a")))
	same(t, a, get(t, b, one(store.Everyone)))
	for _, by := range []store.Tenant{"b", "lab", ""} { // an evaluator has no part in the application
		hidden(t, b, one(by))
	}
	second := a
	second.ID = "a1b"
	insertSecond := func(ctx context.Context, tx *store.Tx) error { return store.InsertApplication(ctx, tx, second) }
	locked := func() bool {
		return get(t, b, func(ctx context.Context, tx *store.Tx) (bool, error) { return store.EvaluationLocked(ctx, tx, "e1") })
	}
	queue := func() []scheme.Application {
		return get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Application, error) { return store.Queue(ctx, tx) })
	}
	a.Number = "A-1"
	for state, want := range map[scheme.ApplicationState]struct{ locked, queued, open bool }{
		scheme.ApplicationDraft:     {false, false, true},
		scheme.ApplicationSubmitted: {true, true, true},
		scheme.ApplicationReturned:  {false, true, true},
		scheme.ApplicationAccepted:  {true, true, true},
		scheme.ApplicationProposed:  {true, true, true},
		scheme.ApplicationGranted:   {true, false, false},
		scheme.ApplicationDeclined:  {false, false, false},
		scheme.ApplicationWithdrawn: {false, false, false},
	} {
		a.State, a.Submitted = state, Start
		b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateApplication(ctx, tx, &a) })
		if locked() != want.locked || (len(queue()) == 1) != want.queued {
			t.Errorf("%s: locked %v, queued %d", state, locked(), len(queue()))
		}
		if want.open {
			b.fails(t, fault.Conflict, insertSecond)
		}
	}
	a.State = scheme.ApplicationDeclined
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.UpdateApplication(ctx, tx, &a) })
	b.Clock.Advance(time.Second)
	b.update(t, insertSecond)
	newest := get(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Application, error) {
		return store.ApplicationOf(ctx, tx, "e1")
	})
	if newest.ID != "a1b" {
		t.Errorf("newest is %s", newest.ID)
	}
	hidden(t, b, func(ctx context.Context, tx *store.Tx) (scheme.Application, error) {
		return store.ApplicationOf(ctx, tx, "none")
	})
	second.Number = "A-1"
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateApplication(ctx, tx, &second) })
	list := get(t, b, func(ctx context.Context, tx *store.Tx) ([]scheme.Application, error) {
		return store.Applications(ctx, tx, "a")
	})
	if len(list) != 2 || list[0].ID != "a1b" {
		t.Errorf("%+v", list)
	}
	stale := a
	stale.Version--
	b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.UpdateApplication(ctx, tx, &stale) })
}

func snapshots(t *testing.T, b *Bench) {
	b.orgs(t)
	b.things(t, "1")
	var want []store.Snapshot
	for i, body := range []string{`{"a":"あ\\u0000"}`, `{"b":2}`} {
		s := store.Snapshot{Digest: "sha256:" + string(rune('0'+i)), ApplicationID: "a1", Round: i, Taken: Start, Body: json.RawMessage(body)}
		b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.InsertSnapshot(ctx, tx, s) })
		b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error { return store.InsertSnapshot(ctx, tx, s) })
		want = append(want, s)
	}
	same(t, want, get(t, b, func(ctx context.Context, tx *store.Tx) ([]store.Snapshot, error) {
		return store.Snapshots(ctx, tx, "a1")
	}))
}
