package practice

import (
	"testing"
	"time"
)

// An account rests after five wrong values, longer each time, and a right value
// sets everything back.
func TestGuard(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := &guard{now: func() time.Time { return now }, accounts: map[string]*account{}, unlimited: map[string]bool{}}
	g.change("admin", "right")
	wrong := func(n int) {
		t.Helper()
		for range n {
			if ok, wait := g.try("web", "admin", same("wrong")); ok || wait > 0 {
				t.Fatalf("ok %v, wait %v", ok, wait)
			}
		}
	}
	wrong(5)
	for i, rest := range []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute} {
		if ok, wait := g.try("telnet", "admin", same("right")); ok || wait != rest {
			t.Fatalf("rest %d: ok %v, wait %v, want %v", i, ok, wait, rest)
		}
		now = now.Add(rest)
		if i < 2 {
			wrong(5)
		}
	}
	if ok, _ := g.try("web", "admin", same("right")); !ok {
		t.Error("the right value was refused after the rest")
	}
	wrong(4)
	if ok, _ := g.try("web", "admin", same("right")); !ok {
		t.Error("the right value was refused after four wrong ones")
	}
	g.unlimited["web"] = true
	wrong(100)
	if ok, _ := g.try("telnet", "admin", same("right")); !ok {
		t.Error("values at a door without limit were counted elsewhere")
	}
}

// A change ends the old value, unless the device has that very flaw.
func TestChange(t *testing.T) {
	for _, flawed := range []bool{false, true} {
		g := &guard{now: time.Now, accounts: map[string]*account{}, keepOld: flawed}
		g.change("admin", "first")
		if g.changed("admin") {
			t.Error("the first value counts as a change")
		}
		g.change("admin", "second")
		old, _ := g.try("web", "admin", same("first"))
		now, _ := g.try("web", "admin", same("second"))
		if old != flawed || !now || !g.changed("admin") {
			t.Errorf("flawed %v: old %v, new %v", flawed, old, now)
		}
	}
}
