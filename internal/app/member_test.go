package app_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/app"
	"hoshi/internal/auth"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/store/sqlite"
)

// Whoever signs up under an officer's address beforehand, with a password of their
// own, does not become the officer when the operator gives the role.
func TestSignedUpBeforehand(t *testing.T) {
	db, err := store.Open(t.Context(), sqlite.Engine{Path: filepath.Join(t.TempDir(), "hoshi.db")}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	set, err := scheme.LoadSettings("scheme.yaml", []byte(caseworktest.SettingsYAML))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := auth.New(auth.Options{DB: db, Now: time.Now, Rand: rand.Reader}).SignUp(t.Context(), "Stranger", "officer@office.example", "a password of my own")
	if err != nil {
		t.Fatal(err)
	}
	m := app.Member{Login: "officer@office.example", Name: "Makoto Ichikawa", Password: "a long and quiet river 17", Role: scheme.Officer}
	roles := func() (n int) {
		t.Helper()
		err := db.View(t.Context(), func(tx *store.Tx) error {
			all, err := store.MembershipsOf(t.Context(), tx, stranger.ID)
			n = len(all)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := app.AddMember(t.Context(), db, set, time.Now, rand.Reader, m); !fault.Is(err, fault.Conflict) || roles() != 0 {
		t.Errorf("%v, %d roles", err, roles())
	}
	m.Existing = true
	for range 2 {
		if err := app.AddMember(t.Context(), db, set, time.Now, rand.Reader, m); err != nil || roles() != 1 {
			t.Errorf("after asking the person: %v, %d roles", err, roles())
		}
	}
	m.Existing, m.Role, m.Organisation = false, scheme.Evaluator, scheme.Organisation{Name: "Lab", CorporateNumber: "7000012050002", Classes: []scheme.EvaluatorClass{scheme.ClassVerification}}
	if err := app.AddMember(t.Context(), db, set, time.Now, rand.Reader, m); err != nil || roles() != 2 {
		t.Errorf("somebody the operator knows already: %v, %d roles", err, roles())
	}
}
