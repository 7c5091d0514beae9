//go:build !linux

package udp

import (
	"net/netip"

	"hoshi/internal/probe/wire"
)

// answerFor is not possible on this system.
func answerFor(_, _ netip.Addr, _ []netip.Addr) (end func(), err error) {
	return nil, wire.ErrNotAllowed
}
