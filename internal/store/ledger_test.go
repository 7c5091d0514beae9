package store_test

import (
	"context"
	"testing"
	"time"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
)

// The database keeps the sequencer's contract on both engines.
func TestLogKeepsTheContract(t *testing.T) {
	for name, fresh := range map[string]func(testing.TB) store.Engine{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			ledgertest.RunStore(t, func(t *testing.T) ledgertest.StoreUnderTest {
				engine := fresh(t)
				db := storetest.Open(t, engine, time.Now)
				return ledgertest.StoreUnderTest{
					Store: db.Log(),
					Append: func(ctx context.Context, l ledger.Leaf) error {
						return db.Update(ctx, func(tx *store.Tx) error { return store.AppendLeaf(ctx, tx, l) })
					},
					Again: func(t *testing.T) sequence.Store { return storetest.Open(t, engine, time.Now).Log() },
				}
			})
		})
	}
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
