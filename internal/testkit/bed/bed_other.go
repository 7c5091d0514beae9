//go:build !linux

package bed

import (
	"errors"
	"testing"
)

type system struct{}

// Run runs the body on loopback: this system has no network namespaces.
func Run[T testing.TB](t T, p Profile, body func(T, *Bed)) {
	t.Helper()
	body(t, loopback(t, p, errors.New("not Linux")))
}
