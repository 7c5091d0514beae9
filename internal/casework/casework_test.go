package casework_test

import (
	"os"
	"testing"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
	"hoshi/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testkit.StopShared()
	os.Exit(code)
}

// onSQLite makes a world on a fresh SQLite file.
func onSQLite(t testing.TB) *caseworktest.World {
	return world(t, storetest.SQLite(t), 1)
}

func world(t testing.TB, engine store.Engine, seed uint64) *caseworktest.World {
	t.Helper()
	clock := testkit.NewClock(caseworktest.Start)
	return caseworktest.New(t, storetest.Open(t, engine, clock.Now), clock, seed)
}

// onBoth runs a test on both engines.
func onBoth(t *testing.T, run func(t *testing.T, w *caseworktest.World)) {
	storetest.Engines(t, func(t *testing.T, e store.Engine) { run(t, world(t, e, 1)) })
}
