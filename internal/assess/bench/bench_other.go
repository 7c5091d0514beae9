//go:build !linux

package bench

import (
	"context"

	"hoshi/internal/fault"
)

type port struct{}

// Setup is refused: this system cannot be a bench.
func Setup(_ context.Context, o Options) (*Bench, error) {
	return nil, fault.New(fault.Unavailable, "bench.Setup", "bench.system", "interface", o.Interface)
}

// Close does nothing.
func (b *Bench) Close() error { return nil }
