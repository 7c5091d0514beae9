package store_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/store"
	"hoshi/internal/store/postgres"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/testkit"
)

// The database keeps the sequencer's contract on both engines.
func TestLogKeepsTheContract(t *testing.T) {
	for name, fresh := range map[string]func(t *testing.T) store.Engine{
		"sqlite":   func(t *testing.T) store.Engine { return sqlite.Engine{Path: filepath.Join(t.TempDir(), "hoshi.db")} },
		"postgres": func(t *testing.T) store.Engine { return postgres.Engine{URL: testkit.PostgresURL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			ledgertest.RunStore(t, func(t *testing.T) ledgertest.StoreUnderTest {
				engine := fresh(t)
				db := openEngine(t, engine)
				return ledgertest.StoreUnderTest{
					Store: db.Log(),
					Append: func(ctx context.Context, l ledger.Leaf) error {
						return db.Update(ctx, func(tx *store.Tx) error { return store.AppendLeaf(ctx, tx, l) })
					},
					Again: func(t *testing.T) sequence.Store { return openEngine(t, engine).Log() },
				}
			})
		})
	}
}

func openEngine(t *testing.T, e store.Engine) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), e, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestLease(t *testing.T) {
	engines(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		take := func(holder string, d time.Duration, want bool) {
			t.Helper()
			if got, err := db.Lease(ctx, "sequencer", holder, d); err != nil || got != want {
				t.Errorf("%s: got %v, %v; want %v", holder, got, err, want)
			}
		}
		take("a", time.Hour, true)
		take("b", time.Hour, false)
		take("a", -time.Second, true) // prolonged, and over at once
		take("b", time.Hour, true)
		take("a", time.Hour, false)
		if err := db.Release(ctx, "sequencer", "a"); err != nil {
			t.Fatal(err)
		}
		take("a", time.Hour, false)
		if err := db.Release(ctx, "sequencer", "b"); err != nil {
			t.Fatal(err)
		}
		take("a", time.Hour, true)
	})
}
