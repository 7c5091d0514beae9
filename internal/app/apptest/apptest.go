// Package apptest grants labels in the database of an installation, as another
// node of its server would, for tests that run the whole program. It is imported
// by tests only.
package apptest

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"hoshi/internal/app"
	"hoshi/internal/blob"
	"hoshi/internal/casework"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/testkit"
)

// People are who takes part in a grant.
type People struct{ Vendor, Officer, Second policy.Actor }

// Seed puts the people of [caseworktest.World] into a database, once, and names them.
func Seed(t testing.TB, db *store.DB) People {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		_, err := store.ActingAs(t.Context(), tx, "m-hoshino")
		return err
	})
	if fault.Is(err, fault.NotFound) {
		w := caseworktest.New(t, db, testkit.NewClock(time.Now().Add(-time.Hour)), 1)
		return People{w.Vendor, w.Officer, w.Second}
	}
	if err != nil {
		t.Fatal(err)
	}
	actor := func(account, org string, role scheme.Role) policy.Actor {
		return policy.Actor{PersonID: account, PersonName: "Name " + account, AccountID: account, MembershipID: "m-" + account, OrganisationID: org, Role: role}
	}
	return People{actor("hoshino", "star", scheme.Applicant), actor("tanaka", "owner", scheme.Officer), actor("suzuki", "owner", scheme.Officer)}
}

// Service is the use cases on a database under a scheme; editions is a folder
// beside the editions of the program, or "".
func Service(db *store.DB, set *scheme.Settings, editions, blobs string) (*casework.Service, error) {
	find, err := app.Editions(editions)
	if err != nil {
		return nil, err
	}
	b, err := blob.Open(blobs, time.Now())
	if err != nil {
		return nil, err
	}
	return &casework.Service{DB: db, Settings: set, Editions: find, Blobs: b, OpenBundle: app.OpenBundle, Fold: registry.Fold,
		StatusListURL: "https://" + set.Host + "/status-list", Rand: rand.Reader}, nil
}

// Grant walks one application at a level from the first draft to the label.
func Grant(ctx context.Context, s *casework.Service, p People, level string) (scheme.Label, error) {
	none := scheme.Label{}
	l, ok := s.Settings.Level(level)
	if !ok || len(l.Editions) == 0 {
		return none, fmt.Errorf("level %q has no edition", level)
	}
	product, err := s.CreateProduct(ctx, p.Vendor, caseworktest.Product(), "")
	if err != nil {
		return none, err
	}
	e, err := s.CreateEvaluation(ctx, p.Vendor, product.ID, l.Editions[0], "")
	if err != nil {
		return none, err
	}
	caseworktest.Fill(&e)
	if e, err = s.SaveEvaluation(ctx, p.Vendor, e); err != nil {
		return none, err
	}
	a, err := s.CreateApplication(ctx, p.Vendor, e.ID, "")
	if err != nil {
		return none, err
	}
	form := caseworktest.Form()
	form.Months = s.Settings.Validity.MaxMonths
	for _, step := range []func() (scheme.Application, error){
		func() (scheme.Application, error) { return s.SaveApplication(ctx, p.Vendor, a.ID, a.Version, form) },
		func() (scheme.Application, error) { return s.Submit(ctx, p.Vendor, a.ID, a.Version, "") },
		func() (scheme.Application, error) { return s.Accept(ctx, p.Officer, a.ID, a.Version, "") },
		func() (scheme.Application, error) {
			return s.ProposeGrant(ctx, p.Officer, a.ID, a.Version, "整っています", "")
		},
	} {
		if a, err = step(); err != nil {
			return none, err
		}
	}
	return s.Grant(ctx, p.Second, a.ID, a.Version, "")
}
