package udp

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"hoshi/internal/probe"
)

// What silence means depends on how many ports are silent, and on whether the
// device tells of closed ones.
func TestSilence(t *testing.T) {
	plan := probe.Record{Event: "plan", Ports: "1-65535", Detail: "pace=careful method=pool seed=0000000000000001"}
	for name, c := range map[string]struct {
		records                           []probe.Record
		open, closed, filtered, undecided int64
	}{
		"nothing came back":                        {nil, 0, 0, 0, 65535},
		"a few among closed ports":                 {[]probe.Record{{Event: "closed", Ports: "3-65535"}, {Event: "silent", Ports: "1-2", Number: 6}}, 2, 65533, 0, 0},
		"a firewall":                               {[]probe.Record{{Event: "closed", Ports: "1-9"}, {Event: "silent", Ports: "10-65535", Number: 3}}, 0, 9, 65526, 0},
		"more than services, less than a firewall": {[]probe.Record{{Event: "closed", Ports: "1001-65535"}, {Event: "silent", Ports: "1-1000", Number: 6}}, 0, 64535, 0, 1000},
		"no closed port was told":                  {[]probe.Record{{Event: "silent", Ports: "1-5", Number: 6}}, 0, 0, 0, 65535},
		"tried and not settled":                    {[]probe.Record{{Event: "closed", Ports: "1-60000"}, {Event: "undecided", Ports: "60001-65535", Number: 2}}, 0, 60000, 0, 5535},
		"an answer counts more":                    {[]probe.Record{{Event: "closed", Ports: "1-65535"}, {Event: "asked", Port: "udp/53", Item: "dns", Recv: []byte("x")}}, 1, 65534, 0, 0},
		"a firewall that says so":                  {[]probe.Record{{Event: "closed", Ports: "1-9"}, {Event: "filtered", Ports: "10-65535", Detail: "icmp-3-13"}}, 0, 9, 65526, 0},
		"a refusal of one question":                {[]probe.Record{{Event: "asked", Port: "udp/53", Item: "dns", Error: "refused"}}, 0, 1, 0, 65534},
	} {
		s := newCatalogue(nil).parse(append([]probe.Record{plan}, c.records...))
		f, _ := s.Get("udp.coverage", "")
		for k, want := range map[string]int64{"asked": 65535, "open": c.open, "closed": c.closed, "filtered": c.filtered, "undecided": c.undecided} {
			if got := probe.Int(f.Value, k); got != want {
				t.Errorf("%s: %s %d, want %d", name, k, got, want)
			}
		}
		if n := len(s.Named("udp.open")); n != int(c.open) {
			t.Errorf("%s: %d facts", name, n)
		}
	}
	if s := newCatalogue(nil).parse([]probe.Record{{Event: "asked", Port: "udp/53", Recv: []byte("x")}}); s != nil {
		t.Errorf("facts without a plan: %v", s)
	}
}

// The estimate is what the device's own words allow.
func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		m      measurement
		enough bool
		want   int
	}{
		{measurement{sent: 30, answered: 30, took: 450 * time.Millisecond}, true, 1282},
		{measurement{sent: 30, answered: 7, took: 450 * time.Millisecond}, false, 65535}, // six at once and one a second
		{measurement{sent: 30, answered: 16, took: 450 * time.Millisecond}, false, 3276},
		{measurement{sent: 30}, false, 0},
		{measurement{}, false, 0},
	} {
		if c.m.sent > 0 && c.m.enough() != c.enough || c.m.seconds() != c.want {
			t.Errorf("%+v: %v, %d s, want %d", c.m, c.m.enough(), c.m.seconds(), c.want)
		}
	}
}

var (
	ours    = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	theirs  = net.HardwareAddr{2, 0, 0, 0, 0, 2}
	target4 = netip.MustParseAddr("192.0.2.9")
	sender4 = netip.MustParseAddr("192.0.2.77")
)
