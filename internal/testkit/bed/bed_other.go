//go:build !linux

package bed

import (
	"errors"
	"testing"
)

type system struct{}

// Run runs the body on loopback: this system has no network namespaces.
func Run(t *testing.T, p Profile, body func(*testing.T, *Bed)) {
	t.Helper()
	body(t, loopback(t, p, errors.New("not Linux")))
}
