package casework_test

import (
	"os"
	"path/filepath"
	"testing"

	"hoshi/internal/casework/caseworktest"
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

// onSQLite makes a world on a fresh SQLite file.
func onSQLite(t testing.TB) *caseworktest.World {
	return world(t, sqlite.Engine{Path: filepath.Join(t.TempDir(), "hoshi.db")}, 1)
}

func world(t testing.TB, engine store.Engine, seed uint64) *caseworktest.World {
	t.Helper()
	clock := testkit.NewClock(caseworktest.Start)
	db := open(t, engine, clock)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return caseworktest.New(t, db, clock, seed)
}

func open(t testing.TB, engine store.Engine, clock *testkit.Clock) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), engine, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// onBoth runs a test on both engines.
func onBoth(t *testing.T, run func(t *testing.T, w *caseworktest.World)) {
	t.Run("sqlite", func(t *testing.T) { run(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { run(t, world(t, postgres.Engine{URL: testkit.PostgresURL(t)}, 1)) })
}
