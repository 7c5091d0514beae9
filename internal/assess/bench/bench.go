// Package bench makes Hoshi the whole network of one device: DHCP server, gateway
// and name server on a second network port, with nothing behind it.
//
// The device gets an address, a router, a name server and a time server, all of
// them us, and nobody answers there. Nothing is forwarded: no packet of the device
// leaves the bench link. Because the device sends everything off its link to us,
// a UDP scan may use any such address as its sender, see [Bench.Senders].
//
// Usage: [Setup] takes the interface and starts to serve; [Bench.Wait] waits until
// a device has come up; [Bench.Close] puts everything back. A run that was killed
// leaves a note, from which the next Setup on that interface cleans up first.
//
// Linux only, with the rights to configure interfaces and to send raw frames; the
// frames go around the host's firewall, which need not be opened.
package bench

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/probe"
)

// Options say which interface to take.
type Options struct {
	Interface string // one that nothing uses: no address but a link-local one, no default route
	// Notes is the folder for the note that lets a later run clean up; "" = /run.
	Notes string
	// Settle is how long a device is given to start its services after it has its
	// address; 0 = 5 s.
	Settle time.Duration
	// Progress is told what happens on the link; may be nil. Calls do not overlap.
	Progress func(Event)
}

// Event is something seen on the bench link. The sentence is "bench.event.<Kind>"
// with the arguments mac, addr and host.
type Event struct {
	Kind string // "waiting", "asked", "leased", "ipv6", "static", "other", "ready"
	MAC  string
	Addr string
	Host string
}

// Device is the device that came up on the bench.
type Device struct {
	MAC   net.HardwareAddr
	Host  string     // name that it gave when it asked for an address; may be empty
	Addr4 netip.Addr // its lease; invalid when it never asked
	Addr6 netip.Addr // in the prefix that we announce; invalid when it took none
	Local netip.Addr // its link-local IPv6 address, without zone; invalid when not seen
}

// Addr is the address to test: IPv4 when it has one.
func (d Device) Addr() netip.Addr {
	if d.Addr4.IsValid() {
		return d.Addr4
	}
	return d.Addr6
}

// The networks of a bench. The link is the first that the host has no part in;
// the pools lie off it, so the device sends answers to them to its gateway.
var (
	links4 = []netip.Prefix{netip.MustParsePrefix("192.168.142.0/24"), netip.MustParsePrefix("172.29.142.0/24"), netip.MustParsePrefix("10.142.142.0/24")}
	link6  = netip.MustParsePrefix("fd68:6f73:6869:1::/64")
	pool4  = netip.MustParsePrefix("198.19.0.0/16") // RFC 2544: exists nowhere else
	pool6  = netip.MustParsePrefix("fd68:6f73:6869:2::/64")
)

// Bench is an interface that serves one device.
type Bench struct {
	o Options
	port

	mu     sync.Mutex
	s      *server
	broken error      // why nothing is served any more; nil = it is
	tell   sync.Mutex // held while Progress is told
}

// Senders returns the source addresses that a UDP scan of the target may use: a
// prefix off the bench link, which the device routes to us.
func (b *Bench) Senders(target netip.Addr) probe.Senders {
	if target.Unmap().Is4() {
		return probe.Senders{Routed: pool4}
	}
	return probe.Senders{Routed: pool6}
}

// Wait waits until a device has an address and has been given time to start its
// services. It fails when ctx ends, with what was seen until then, and when the link
// cannot be read any more.
func (b *Bench) Wait(ctx context.Context) (Device, error) {
	b.report(Event{Kind: "waiting"})
	settle := b.o.Settle
	if settle <= 0 {
		settle = 5 * time.Second
	}
	for {
		if !probe.Wait(ctx, 50*time.Millisecond) {
			b.mu.Lock()
			defer b.mu.Unlock()
			key := "bench.nobody"
			if b.s.static.IsValid() {
				key = "bench.static"
			}
			return Device{}, fault.Wrap(fault.Unavailable, "bench.Wait", ctx.Err(), key, "interface", b.o.Interface, "addr", b.s.static.String())
		}
		b.mu.Lock()
		ready := b.s.ready(time.Now(), settle)
		d, broken := b.s.device, b.broken
		b.mu.Unlock()
		if broken != nil {
			return Device{}, fault.Wrap(fault.Unavailable, "bench.Wait", broken, "bench.broken", "interface", b.o.Interface)
		}
		if ready {
			b.report(Event{Kind: "ready", MAC: d.MAC.String(), Addr: d.Addr().String(), Host: d.Host})
			return d, nil
		}
	}
}

// frame hands a received frame to the server and returns what to send.
func (b *Bench) frame(f []byte) [][]byte {
	b.mu.Lock()
	out := b.s.frame(time.Now(), f)
	events := b.s.events
	b.s.events = nil
	b.mu.Unlock()
	for _, e := range events {
		b.report(e)
	}
	return out
}

func (b *Bench) report(e Event) {
	b.tell.Lock()
	defer b.tell.Unlock()
	if b.o.Progress != nil {
		b.o.Progress(e)
	}
}
