package practice

import (
	"testing"
	"time"
)

// An account rests after five wrong values, longer each time, and a right value
// sets everything back.
func TestGuard(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := newGuard(func() time.Time { return now })
	g.change("admin", "right")
	wrong := func(n int) {
		t.Helper()
		for range n {
			if ok, wait := g.try("web", "192.0.2.1:9", "admin", same("wrong")); ok || wait > 0 {
				t.Fatalf("ok %v, wait %v", ok, wait)
			}
		}
	}
	wrong(5)
	for i, rest := range []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute} {
		if ok, wait := g.try("telnet", "192.0.2.1:9", "admin", same("right")); ok || wait != rest {
			t.Fatalf("rest %d: ok %v, wait %v, want %v", i, ok, wait, rest)
		}
		now = now.Add(rest)
		if i < 2 {
			wrong(5)
		}
	}
	if ok, _ := g.try("web", "192.0.2.1:9", "admin", same("right")); !ok {
		t.Error("the right value was refused after the rest")
	}
	wrong(4)
	if ok, _ := g.try("web", "192.0.2.1:9", "admin", same("right")); !ok {
		t.Error("the right value was refused after four wrong ones")
	}
	g.unlimited["web"] = true
	wrong(100)
	if ok, _ := g.try("telnet", "192.0.2.1:9", "admin", same("right")); !ok {
		t.Error("values at a door without limit were counted elsewhere")
	}
}

// A change ends the old value, unless the device has that very flaw.
func TestChange(t *testing.T) {
	for _, flawed := range []bool{false, true} {
		g := newGuard(time.Now)
		g.keepOld = flawed
		g.change("admin", "first")
		if g.changed("admin") {
			t.Error("the first value counts as a change")
		}
		g.change("admin", "second")
		old, _ := g.try("web", "192.0.2.1:9", "admin", same("first"))
		now, _ := g.try("web", "192.0.2.1:9", "admin", same("second"))
		if old != flawed || !now || !g.changed("admin") || g.present("admin") != "second" {
			t.Errorf("flawed %v: old %v, new %v", flawed, old, now)
		}
	}
}

// A count for each source is what another address evades.
func TestPerSource(t *testing.T) {
	for _, flawed := range []bool{false, true} {
		g := newGuard(time.Now)
		g.perSource = flawed
		g.change("admin", "right")
		for range allowed {
			g.try("web", "192.0.2.1:9", "admin", same("wrong"))
		}
		_, here := g.try("web", "192.0.2.1:10", "admin", same("wrong"))
		_, there := g.try("web", "192.0.2.2:9", "admin", same("wrong"))
		if here == 0 || (there == 0) != flawed {
			t.Errorf("flawed %v: wait %v here, %v there", flawed, here, there)
		}
	}
}
