package link

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"hoshi/internal/probe"
)

// Candidate is a device that answered on a link, for a person to recognise.
type Candidate struct {
	Addr    netip.Addr
	MAC     net.HardwareAddr
	Gateway bool  // the way out of the link, such as a router
	Open    []int // of Familiar, those that answered
}

// familiar are the TCP ports by which a person may recognise a device. Only they
// are asked during a search.
var familiar = []int{22, 23, 80, 443, 554, 1883, 8080, 8443}

// How gentle a search is.
const (
	between  = 15 * time.Millisecond // two addresses
	settle   = 1500 * time.Millisecond
	portWait = 800 * time.Millisecond
	// maxCandidates bounds the devices whose ports are looked at.
	maxCandidates = 64
)

// Search looks for devices on one link: it makes the system ask who has each
// address, and looks at a few ports of those who answer. It touches nothing
// outside the link. progress may be nil.
func Search(ctx context.Context, i Interface, progress func(done, total int)) ([]Candidate, error) {
	addrs := i.Searched()
	for n, a := range addrs {
		ask(i, a)
		if progress != nil {
			progress(n+1, len(addrs))
		}
		if !probe.Wait(ctx, between) {
			return nil, ctx.Err()
		}
	}
	if !probe.Wait(ctx, settle) {
		return nil, ctx.Err()
	}
	seen, err := neighbours()
	if err != nil {
		return nil, err
	}
	gateway, _ := Gateway(i.Name)
	var out []Candidate
	for _, n := range seen {
		if n.Index == i.Index && slices.Contains(addrs, n.Addr) && len(out) < maxCandidates {
			out = append(out, Candidate{Addr: n.Addr, MAC: n.MAC, Gateway: n.Addr == gateway})
		}
	}
	slices.SortFunc(out, func(a, b Candidate) int { return a.Addr.Compare(b.Addr) })
	var wg sync.WaitGroup
	for k := range out {
		wg.Go(func() { out[k].Open = Look(ctx, out[k].Addr) })
	}
	wg.Wait()
	return out, ctx.Err()
}

// Look asks the familiar ports of one device, one connection at a time, and
// returns those that are open.
func Look(ctx context.Context, a netip.Addr) []int {
	var open []int
	way := probe.NewNet(a, nil)
	for _, p := range familiar {
		if c, err := way.TCP(ctx, p, portWait); err == nil {
			open = append(open, p)
			_ = c.Close()
		}
	}
	return open
}

// ask sends an empty datagram to the discard port, which makes the system resolve
// the address; it leaves only where somebody answered that.
func ask(i Interface, a netip.Addr) {
	c, err := net.DialUDP("udp4", &net.UDPAddr{IP: i.Prefix.Addr().AsSlice()}, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 9)))
	if err == nil {
		_, _ = c.Write(nil)
		_ = c.Close()
	}
}
