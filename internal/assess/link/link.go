// Package link tells what the testing host itself knows of the links that it is
// on: which interfaces there are, and which device answers at an address of them.
package link

import (
	"errors"
	"net"
	"net/netip"
)

// errUnknown says that this system does not tell its neighbours.
var errUnknown = errors.New("link: this system does not tell its neighbours")

// neighbour is a device on a link of this host, by its hardware address.
type neighbour struct {
	Addr  netip.Addr
	MAC   net.HardwareAddr
	Index int  // of the interface
	Fresh bool // it answered within the last half minute or so
}

// On reports whether an address belongs to a network that this host is on by
// itself, without a router between.
func On(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	a = a.WithZone("").Unmap()
	for _, x := range all {
		if p, err := netip.ParsePrefix(x.String()); err == nil && p.Masked().Contains(a) {
			return true
		}
	}
	return false
}

// MAC returns the hardware address behind an address; false when the address is
// not on a link of this host, or nobody has been seen there.
func MAC(a netip.Addr) (net.HardwareAddr, bool) {
	all, err := neighbours()
	if err != nil {
		return nil, false
	}
	for _, n := range all {
		if n.Addr == a.WithZone("").Unmap() {
			return n.MAC, true
		}
	}
	return nil, false
}
