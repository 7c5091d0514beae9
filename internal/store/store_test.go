package store_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/store"
	"hoshi/internal/store/postgres"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testkit.StopShared()
	os.Exit(code)
}

// engines opens a fresh, migrated database of each engine.
func engines(t *testing.T, run func(t *testing.T, db *store.DB)) {
	for name, engine := range map[string]func(t *testing.T) store.Engine{
		"sqlite":   func(t *testing.T) store.Engine { return sqlite.Engine{Path: filepath.Join(t.TempDir(), "hoshi.db")} },
		"postgres": func(t *testing.T) store.Engine { return postgres.Engine{URL: testkit.PostgresURL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), engine(t), time.Now)
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
			run(t, db)
		})
	}
}

func TestMigrateTwice(t *testing.T) {
	engines(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}
