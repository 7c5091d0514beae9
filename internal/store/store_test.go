package store_test

import (
	"context"
	"os"
	"testing"
	"time"

	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
	"hoshi/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testkit.StopShared()
	os.Exit(code)
}

// engines opens a fresh, migrated database of each engine.
func engines(t *testing.T, run func(t *testing.T, db *store.DB)) {
	storetest.Engines(t, func(t *testing.T, e store.Engine) {
		run(t, storetest.Open(t, e, time.Now))
	})
}

func TestMigrateTwice(t *testing.T) {
	engines(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}
