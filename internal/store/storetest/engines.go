package storetest

import (
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/store"
	"hoshi/internal/store/postgres"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/testkit"
)

// SQLite is an engine on a new, empty file.
func SQLite(t testing.TB) store.Engine {
	t.Helper()
	return sqlite.Engine{Path: filepath.Join(t.TempDir(), "hoshi.db")}
}

// Postgres is an engine on a new, empty database of a real server.
func Postgres(t testing.TB) store.Engine {
	t.Helper()
	return postgres.Engine{URL: testkit.PostgresURL(t)}
}

// Engines runs a test once on each engine, on an empty database.
func Engines(t *testing.T, run func(t *testing.T, e store.Engine)) {
	t.Run("sqlite", func(t *testing.T) { run(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { run(t, Postgres(t)) })
}

// Open connects to an engine, migrates, and closes when the test ends.
func Open(t testing.TB, e store.Engine, now func() time.Time) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), e, now)
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
