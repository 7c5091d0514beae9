//go:build !linux

package bed

import (
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// system is what a bed is without namespaces: services on loopback and no wire.
type system struct{ stops []func() }

// Run runs the body on loopback: this system has no network namespaces.
func Run[T testing.TB](t T, p Profile, body func(T, *Bed)) {
	t.Helper()
	b := loopback(t, p, errors.New("not Linux"))
	defer b.Close()
	body(t, b)
}

// Close ends the services.
func (b *Bed) Close() {
	for _, s := range slices.Backward(b.stops) {
		s()
	}
	b.stops = nil
}

func (b *Bed) needsWire(what string) {
	b.t.Helper()
	b.t.Fatalf("%s needs a wire: look at Isolated first", what)
}

// Reboot needs a wire, as do Replace, Unplug, Plug, Truth, Sent and Strays.
func (b *Bed) Reboot(time.Duration) { b.needsWire("Reboot") }

// Replace needs a wire.
func (b *Bed) Replace(time.Duration, func()) { b.needsWire("Replace") }

// Unplug needs a wire.
func (b *Bed) Unplug() { b.needsWire("Unplug") }

// Plug needs a wire.
func (b *Bed) Plug() { b.needsWire("Plug") }

// Truth needs a wire.
func (b *Bed) Truth() []string { b.needsWire("Truth"); return nil }

// Sent needs a wire.
func (b *Bed) Sent() []Frame { b.needsWire("Sent"); return nil }

// Strays needs a wire.
func (b *Bed) Strays(func(Frame) bool) []Frame { b.needsWire("Strays"); return nil }

// ToDevice counts nothing: there is no wire.
func (b *Bed) ToDevice() Counters { return Counters{} }

// Device runs a command on this host and returns what it wrote.
func (b *Bed) Device(name string, args ...string) string {
	b.t.Helper()
	out, err := exec.CommandContext(b.t.Context(), name, args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Service runs a command until the bed is closed.
func (b *Bed) Service(name string, args ...string) {
	b.t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		b.t.Fatalf("%s is needed: %v", name, err)
	}
	b.stops = append(b.stops, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// Go runs Go code; stop, which may be nil, is called when the bed is closed.
func (b *Bed) Go(fn func() (stop func(), err error)) {
	b.t.Helper()
	stop, err := fn()
	if err != nil {
		b.t.Fatal(err)
	}
	if stop != nil {
		b.stops = append(b.stops, stop)
	}
}

// Await waits until all the TCP ports take connections; it cannot tell of UDP.
func (b *Bed) Await(ports ...string) {
	b.t.Helper()
	for _, p := range ports {
		port, tcp := strings.CutPrefix(p, "tcp/")
		if !tcp {
			continue
		}
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if c, err := net.DialTimeout("tcp", net.JoinHostPort(b.Addr.String(), port), time.Second); err == nil {
				_ = c.Close()
				break
			}
			if time.Now().After(end) {
				b.t.Fatalf("the device does not listen on %s", p)
			}
		}
	}
}

// The rest of a bed needs namespaces or Linux's own services: a test that uses it
// fails here and says so.

func (b *Bed) linux() { b.t.Helper(); b.t.Fatal("this test needs Linux") }
