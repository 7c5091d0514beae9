package udp

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// A datagram back is open, from another port too; an ICMP error is closed;
// silence is undecided.
func TestServices(t *testing.T) {
	const addr = "127.0.77.9" // an address of loopback that nothing else uses
	responder(t, addr, 5683, false)
	responder(t, addr, 1900, true)
	mute, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	a := netip.MustParseAddr(addr)
	rec := probe.NewRecorder(time.Now, nil)
	c := newCatalogue(nil)
	if err := c.run(t.Context(), &probe.Target{Addr: a, Net: probe.NewNet(a, nil), Pace: probe.Practice()}, rec); err != nil {
		t.Fatal(err)
	}
	s := c.parse(rec.Records(name))
	cover, _ := s.Get("udp.coverage", "")
	// 53, 69, 123 and 161 are closed unless this host listens on all addresses.
	if n := probe.Int(cover.Value, "asked"); n != 7 || probe.Int(cover.Value, "undecided") < 1 {
		t.Errorf("coverage %v", cover.Value)
	}
	for port, service := range map[string]string{"udp/5683": "other", "udp/1900": "other"} {
		f, ok := s.Get("udp.open", port)
		if d := cmp.Diff(map[string]any{"service": service, "answered": true}, f.Value); !ok || d != "" {
			t.Errorf("%s: %s", port, d)
		}
	}
	if _, ok := s.Get("udp.open", "udp/5353"); ok {
		t.Error("silence was taken for open")
	}
	for _, r := range rec.Records(name) {
		if r.Port == "udp/5683" && string(r.Recv) != "re:"+string(basic[6].UDP.Ask("", nil)) {
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
