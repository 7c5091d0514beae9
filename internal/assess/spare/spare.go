// Package spare finds free addresses on the device's link, from which a UDP scan
// may send so that a limit that the device sets for each peer does not slow it.
//
// It asks the link whether anybody has them, as a host does before it takes an
// address (RFC 5227), and takes none that is answered for. That is more than
// touching the device alone, so a person has to agree first
// (probe.ConsentAddresses).
package spare

import (
	"errors"
	"net"
	"net/netip"
)

// Most is how many addresses are looked for: more would fill the neighbour table of
// a small device.
const Most = 200

// ErrNone says that there is no link to take addresses from: another system than
// Linux, no rights, or a device behind a router.
var ErrNone = errors.New("spare: no free addresses of the link can be had")

// linkOf returns the interface and prefix of this host that the target is on.
func linkOf(target netip.Addr) (*net.Interface, netip.Prefix, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, netip.Prefix{}, err
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagPointToPoint != 0 || len(i.HardwareAddr) != 6 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Contains(target) && p.Addr() != target && !p.Addr().IsLinkLocalUnicast() {
				return &i, p, nil
			}
		}
	}
	return nil, netip.Prefix{}, ErrNone
}

// candidates lists addresses of an IPv4 link to ask for, from its upper end, where
// DHCP servers give out addresses least often.
func candidates(p netip.Prefix, target netip.Addr, most int) []netip.Addr {
	base := p.Masked().Addr().As4()
	size := uint32(1) << (32 - p.Bits())
	first := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
	var out []netip.Addr
	for n := int64(size) - 2; n >= 1 && len(out) < most; n-- {
		v := first + uint32(n)
		a := netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		if a != target && a != p.Addr() {
			out = append(out, a)
		}
	}
	return out
}
