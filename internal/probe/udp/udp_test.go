package udp

import (
	"crypto/rand"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// responder answers every datagram on a port, from the same or another port.
func responder(t *testing.T, addr string, port int, roams bool) {
	t.Helper()
	ip := net.ParseIP(addr)
	in, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	out := in
	if roams {
		if out, err = net.ListenUDP("udp", &net.UDPAddr{IP: ip}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = out.Close() })
	}
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := in.ReadFromUDP(b)
			if err != nil {
				return
			}
			_, _ = out.WriteToUDP(append([]byte("re:"), b[:n]...), from)
		}
	}()
}

// target is a device to be scanned at a pace for tests.
func target(a netip.Addr, s probe.Senders) *probe.Target {
	return &probe.Target{Addr: a, Net: probe.NewNet(a, nil), Pace: probe.Practice(), Rand: rand.Reader, Senders: s}
}

// scanned runs the probe and returns its facts.
func scanned(t *testing.T, target *probe.Target) (fact.Set, []probe.Record) {
	t.Helper()
	rec := probe.NewRecorder(time.Now, nil)
	c := newCatalogue(nil)
	if err := c.run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	rs := rec.Records(name)
	return c.parse(rs), rs
}

// found checks open ports and their services, and coverage.
func found(t *testing.T, s fact.Set, open map[string]any, coverage map[string]any) {
	t.Helper()
	got := map[string]any{}
	for _, f := range s.Named("udp.open") {
		got[f.Subject] = f.Value
	}
	if d := cmp.Diff(open, got); d != "" {
		t.Errorf("open ports (-want +got):\n%s", d)
	}
	c, _ := s.Get("udp.coverage", "")
	v, _ := c.Value.(map[string]any)
	for k, want := range coverage {
		if d := cmp.Diff(want, v[k]); d != "" {
			t.Errorf("coverage, %s (-want +got):\n%s\n%v", k, d, v)
		}
	}
}

func says(service string) map[string]any {
	return map[string]any{"service": service, "answered": service != "silent"}
}

// On loopback, with sockets of the system, all ports are settled: a datagram back
// is open, a refusal closed, silence among refusals open.
func TestSockets(t *testing.T) {
	const addr = "127.0.77.9" // an address of loopback that nothing else uses
	responder(t, addr, 5683, false)
	responder(t, addr, 1900, true)
	mute, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	a := netip.MustParseAddr(addr)
	x := target(a, probe.Senders{})
	// A way given from outside is never gone around with raw packets.
	var d net.Dialer
	x.Net = probe.NewNet(a, d.DialContext)
	s, rs := scanned(t, x)
	c, _ := s.Get("udp.coverage", "")
	// Services of this host that listen on all addresses are seen as well.
	if m := probe.Str(c.Value, "method"); m != "sockets" || probe.Int(c.Value, "undecided") != 0 || probe.Int(c.Value, "closed") < 65000 {
		t.Errorf("coverage %v", c.Value)
	}
	for port, service := range map[string]string{"udp/5683": "other", "udp/1900": "silent", "udp/5353": "silent"} {
		f, ok := s.Get("udp.open", port)
		if d := cmp.Diff(says(service), f.Value); !ok || d != "" {
			t.Errorf("%s: %s", port, d)
		}
	}
	for _, r := range rs {
		if r.Event == "asked" && r.Port == "udp/5683" && r.Item == "coap" && string(r.Recv) != "re:"+string(basic[6].UDP.Ask("", nil)) {
			t.Errorf("the datagram was not kept whole: %q", r.Recv)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("53,69", "udp/53", "dns", "refused", []byte("x"))
	f.Fuzz(func(t *testing.T, ports, port, item, word string, recv []byte) {
		s := newCatalogue(nil).parse([]probe.Record{{Event: "plan", Ports: ports}, {Event: "asked", Port: port, Item: item, Error: word, Recv: recv}})
		if c, ok := s.Get("udp.coverage", ""); ok && probe.Int(c.Value, "undecided") < 0 {
			t.Errorf("%v", c.Value)
		}
	})
}
