package link

import (
	"context"
	"net"
	"net/netip"
	"time"

	"hoshi/internal/probe"
)

// How long somebody on the link may take to say that an address is theirs.
const (
	askings = 7
	askWait = 500 * time.Millisecond
)

// Somebody reports whether anybody on the link has an address. It is false only
// when that is sure: behind a router, on links without hardware addresses and where
// the system does not tell its neighbours, nothing is known, and somebody may be there.
func Somebody(ctx context.Context, a netip.Addr) bool {
	if _, err := neighbours(); err != nil || !named(a) {
		return true
	}
	for range askings {
		if _, ok := MAC(a); ok {
			return true
		}
		poke(a)
		Ask(a)
		if !probe.Wait(ctx, askWait) {
			return true
		}
	}
	_, ok := MAC(a)
	return ok
}

// named reports whether the address is on a link on which devices have hardware addresses.
func named(a netip.Addr) bool {
	all, err := net.Interfaces()
	if err != nil {
		return false
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagPointToPoint != 0 || len(i.HardwareAddr) != 6 || a.Zone() != "" && a.Zone() != i.Name {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, x := range addrs {
			if p, err := netip.ParsePrefix(x.String()); err == nil && p.Masked().Contains(a.WithZone("").Unmap()) {
				return true
			}
		}
	}
	return false
}

// poke sends an empty datagram to the discard port, which makes the system find out
// who has the address; it leaves only where somebody answered that.
func poke(a netip.Addr) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 9)))
	if err == nil {
		_, _ = c.Write(nil)
		_ = c.Close()
	}
}
