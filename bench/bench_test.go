// Package bench measures Hoshi beside peers that do the least that the same work
// needs: each comparison runs its sides in turns within one command and prints
// medians and ratios. It asserts nothing and is no test; the figures and how to
// repeat them stand in README.md. Start at the Benchmark functions.
package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hoshi/internal/store"
	"hoshi/internal/store/postgres"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/testkit"
	"hoshi/internal/testkit/stranger"
)

// TestMain runs a client of a measurement when this process is one.
func TestMain(m *testing.M) {
	tests := stranger.Watch(m)
	if os.Getenv(clientEnv) != "" {
		if err := client(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := tests.Run()
	testkit.StopShared()
	os.Exit(code)
}

// size reads how much to do from the environment: HOSHI_BENCH_<name>.
func size(b *testing.B, name string, usual int) int {
	b.Helper()
	v := os.Getenv("HOSHI_BENCH_" + name)
	if v == "" {
		return usual
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		b.Fatalf("HOSHI_BENCH_%s=%q is no number", name, v)
	}
	return n
}

// engine is a database that other processes can open too.
type engine struct{ Name, At string }

func (e engine) open() store.Engine {
	if e.Name == "sqlite" {
		return sqlite.Engine{Path: e.At}
	}
	return postgres.Engine{URL: e.At}
}

// engines runs a measurement on a fresh database of each engine.
func engines(b *testing.B, run func(b *testing.B, e engine)) {
	b.Run("sqlite", func(b *testing.B) { run(b, engine{"sqlite", filepath.Join(b.TempDir(), "hoshi.db")}) })
	b.Run("postgres", func(b *testing.B) { run(b, engine{"postgres", testkit.PostgresURL(b)}) })
}

// openDB opens and migrates a database.
func openDB(b *testing.B, e engine, now func() time.Time) *store.DB {
	b.Helper()
	db, err := store.Open(b.Context(), e.open(), now)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	return db
}

// at is the value below which the share q of the values lies.
func at[T cmp.Ordered](values []T, q float64) T {
	s := slices.Sorted(slices.Values(values))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

func median[T cmp.Ordered](values []T) T { return at(values, 0.5) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// line prints one figure; machines read it after the tab.
func line(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }

func title(format string, args ...any) {
	fmt.Printf("\n%s  (%s, %d cores, load %s)\n", fmt.Sprintf(format, args...), runtime.Version(), runtime.NumCPU(), load())
}

// load is the system's load of the last minute; figures of a busy machine say so.
func load() string {
	v, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(v))[0]
}

func mustJSON(b *testing.B, v any) []byte {
	b.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	return out
}
