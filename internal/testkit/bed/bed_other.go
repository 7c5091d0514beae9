//go:build !linux

package bed

import (
	"errors"
	"testing"
	"time"
)

type system struct{}

// Run runs the body on loopback: this system has no network namespaces.
func Run[T testing.TB](t T, p Profile, body func(T, *Bed)) {
	t.Helper()
	body(t, loopback(t, p, errors.New("not Linux")))
}

// The rest of a bed needs namespaces or Linux's own services: a test that uses it
// fails here and says so.

func (b *Bed) linux() { b.t.Helper(); b.t.Fatal("this test needs Linux") }

func (b *Bed) Close()                             {}
func (b *Bed) Reboot(time.Duration)               { b.linux() }
func (b *Bed) Replace(time.Duration, func())      { b.linux() }
func (b *Bed) Unplug()                            { b.linux() }
func (b *Bed) Plug()                              { b.linux() }
func (b *Bed) Device(string, ...string) string    { b.linux(); return "" }
func (b *Bed) Service(string, ...string)          { b.linux() }
func (b *Bed) Go(func() (stop func(), err error)) { b.linux() }
func (b *Bed) Await(...string)                    { b.linux() }
func (b *Bed) Truth() []string                    { b.linux(); return nil }
func (b *Bed) ToDevice() Counters                 { b.linux(); return Counters{} }
func (b *Bed) FromDevice() Counters               { b.linux(); return Counters{} }
func (b *Bed) Sent() []Frame                      { b.linux(); return nil }
func (b *Bed) Strays(func(Frame) bool) []Frame    { b.linux(); return nil }
