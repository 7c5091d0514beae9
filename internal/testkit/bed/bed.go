// Package bed gives tests a device on a wire of its own: two network namespaces
// joined by a cable in user space that delays, loses, limits, hangs and counts.
//
// [Run] starts the test program again as a child whose whole process stands in
// the tester's namespace, so the body of a test is plain Go: whatever it sends
// goes over the wire and nowhere else. Services of the device are commands
// ([Bed.Service]) or Go code on a thread of the device's namespace ([Bed.Go]).
// Namespaces have no names and live only as long as the child does, so any number
// of beds may run side by side and nothing is left behind, even after a panic.
//
// Root is not needed where user namespaces are allowed; daemons that change
// their user need it. Where neither works, Run says so, runs the body on loopback
// and names what is then not covered.
package bed

import (
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// Profile is how the device and the way to it behave. The zero value is a
// healthy device with IPv4 and IPv6 at the end of an instant cable.
type Profile struct {
	Delay time.Duration // each way
	Loss  float64       // share of frames lost, each way
	Rate  float64       // frames per second that the device takes in; 0 = no limit
	Burst float64       // frames beyond Rate at once; 0 = 32

	HangAbove float64       // the device hangs when one second brings more frames than this; 0 = never
	HangFor   time.Duration // for so long

	Only     []string          // ports that a firewall lets through, "tcp/80"; nil = all. Echo, ARP and NDP pass
	IPv6Only bool              // the device has no IPv4
	Bare     bool              // neither side gets addresses, as before DHCP
	Uptime   time.Duration     // how long the device has been up, as its TCP timestamps show; Reboot sets it to 0
	Sysctl   map[string]string // of the device, "net.ipv4.icmp_ratelimit"
}

// The addresses of every bed: RFC 2544's range for benchmarks and a local prefix.
var (
	Tester4 = netip.MustParseAddr("198.18.0.1")
	Device4 = netip.MustParseAddr("198.18.0.2")
	Tester6 = netip.MustParseAddr("fd00:2544::1")
	Device6 = netip.MustParseAddr("fd00:2544::2")
)

// Interface is the tester's end of the cable.
const Interface = "bed0"

// DeviceInterface is the device's end of the cable.
const DeviceInterface = "dev0"

// Bed is a device, a tester and the wire between them.
type Bed struct {
	// Isolated is false on loopback, where there is no wire: no counters, no
	// capture, no profile.
	Isolated bool
	Addr     netip.Addr // the device: IPv4, or IPv6 in an IPv6-only bed
	Addr4    netip.Addr // invalid in an IPv6-only bed
	Addr6    netip.Addr

	t testing.TB
	p Profile
	system
}

// Counters are what the wire carried, one direction.
type Counters struct {
	In, Out int // frames that entered and left the wire
	Lost    int // by chance or by a full queue
	Over    int // beyond what the device takes in
	Hung    int // while the device hung or was off
	Barred  int // by the firewall
	Peak    int // most frames that entered within one second
}

var beds atomic.Int32

// loopback is the bed of a system without namespaces.
func loopback(t testing.TB, p Profile, why error) *Bed {
	n := beds.Add(1)
	pid := os.Getpid()
	b := &Bed{t: t, p: p,
		Addr4: netip.AddrFrom4([4]byte{127, 66 + byte(n%64), byte(pid >> 8), byte(pid)}), Addr6: netip.IPv6Loopback()}
	b.Addr = b.Addr4
	if p.IPv6Only {
		b.Addr, b.Addr4 = b.Addr6, netip.Addr{}
	}
	note := fmt.Sprintf("BED WITHOUT NAMESPACES (%v): %s runs on loopback. NOT COVERED: %s", why, t.Name(), p.uncovered())
	t.Log(note)
	fmt.Fprintln(os.Stderr, note)
	return b
}

// uncovered names what a run on loopback leaves out.
func (p Profile) uncovered() string {
	s := "raw packets, what leaves for other addresses, device limits"
	for _, x := range []struct {
		on   bool
		what string
	}{{p.Delay > 0, "delay"}, {p.Loss > 0, "loss"}, {p.Rate > 0, "a device that takes few packets"}, {p.HangAbove > 0, "a device that hangs when flooded"},
		{p.Only != nil, "filtered ports"}, {p.IPv6Only, "a device without IPv4"}, {p.Bare, "DHCP"}} {
		if x.on {
			s += ", " + x.what
		}
	}
	return s
}
