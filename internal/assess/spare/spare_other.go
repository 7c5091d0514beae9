//go:build !linux

package spare

import (
	"context"
	"io"
	"net/netip"
)

// Find finds none on this system.
func Find(context.Context, netip.Addr, io.Reader) ([]netip.Addr, error) { return nil, ErrNone }
