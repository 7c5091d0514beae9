package practice

import (
	"testing"
	"time"
)

// An account rests after five wrong values, longer each time, and a right value
// sets everything back.
func TestGuard(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := &guard{now: func() time.Time { return now }, accounts: map[string]*account{}}
	wrong := func(n int) {
		t.Helper()
		for range n {
			if ok, wait := g.try("admin", "wrong", "right"); ok || wait > 0 {
				t.Fatalf("ok %v, wait %v", ok, wait)
			}
		}
	}
	wrong(5)
	for i, rest := range []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute} {
		if ok, wait := g.try("admin", "right", "right"); ok || wait != rest {
			t.Fatalf("rest %d: ok %v, wait %v, want %v", i, ok, wait, rest)
		}
		now = now.Add(rest)
		if i < 2 {
			wrong(5)
		}
	}
	if ok, _ := g.try("admin", "right", "right"); !ok {
		t.Error("the right value was refused after the rest")
	}
	wrong(4)
	if ok, _ := g.try("admin", "right", "right"); !ok {
		t.Error("the right value was refused after four wrong ones")
	}
	g.unlimited = true
	wrong(100)
}
