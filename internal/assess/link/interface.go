package link

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Kind is what an interface is to a person.
type Kind string

// The kinds of interfaces.
const (
	Wired    Kind = "wired"
	Wireless Kind = "wireless"
	Virtual  Kind = "virtual" // made by software: containers, tunnels, machines inside this one
	Other    Kind = "other"   // the system does not say
)

// Interface is a link that this host is on.
type Interface struct {
	Name   string
	Index  int
	Kind   Kind
	Prefix netip.Prefix // own IPv4 address and the link's network
}

// Interfaces lists the links with an IPv4 address, those of real hardware first.
func Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []Interface
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is4() && p.Bits() < 31 {
				out = append(out, Interface{Name: i.Name, Index: i.Index, Kind: kind(i.Name), Prefix: p})
			}
		}
	}
	order := []Kind{Wired, Wireless, Other, Virtual}
	slices.SortStableFunc(out, func(a, b Interface) int {
		if d := slices.Index(order, a.Kind) - slices.Index(order, b.Kind); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// maxSearched is how many addresses of a link are searched at most.
const maxSearched = 1022

// Searched are the addresses of the link that a search asks: all of a small
// network, and of a large one those around the host's own address; never the
// host's own, the network's or the broadcast address.
func (i Interface) Searched() []netip.Addr {
	p := i.Prefix
	if p.Bits() < 22 {
		p = netip.PrefixFrom(p.Addr(), 24)
	}
	var out []netip.Addr
	whole := i.Prefix.Masked()
	for a := p.Masked().Addr(); p.Contains(a) && len(out) < maxSearched; a = a.Next() {
		if a != i.Prefix.Addr() && a != whole.Addr() && a != last(whole) {
			out = append(out, a)
		}
	}
	return out
}

// last is the broadcast address of an IPv4 network.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}
