package spare

import (
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
	"testing"

	"hoshi/internal/testkit/bed"
)

// Addresses that somebody has are not taken, and nobody but the link is asked.
func TestFind(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return
		}
		used := netip.MustParseAddr("198.18.0.250")
		b.Device("ip", "addr", "add", used.String()+"/24", "dev", bed.DeviceInterface)
		got, err := Find(t.Context(), b.Addr4, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != Most || slices.Contains(got, used) || slices.Contains(got, b.Addr4) || slices.Contains(got, bed.Tester4) {
			t.Errorf("%d addresses: %v", len(got), got)
		}
		link := netip.MustParsePrefix("198.18.0.0/24")
		if s := b.Strays(func(f bed.Frame) bool { return f.Kind == "arp" && link.Contains(f.About) && f.Src.IsUnspecified() }); len(s) > 0 {
			t.Errorf("strays: %v", s)
		}
		six, err := Find(t.Context(), b.Addr6, rand.Reader)
		if err != nil || len(six) != Most || !netip.MustParsePrefix("fd00:2544::/64").Contains(six[0]) || six[0] == six[1] {
			t.Errorf("IPv6: %v %v", six, err)
		}
		if _, err := Find(t.Context(), netip.MustParseAddr("203.0.113.9"), rand.Reader); err == nil {
			t.Error("addresses for a device behind a router")
		}
	})
}

func TestCandidates(t *testing.T) {
	p := netip.MustParsePrefix("192.0.2.5/29")
	var got []string
	for _, a := range candidates(p, netip.MustParseAddr("192.0.2.3"), 100) {
		got = append(got, a.String())
	}
	if want := []string{"192.0.2.6", "192.0.2.4", "192.0.2.2", "192.0.2.1"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if n := len(candidates(netip.MustParsePrefix("10.0.0.1/8"), netip.Addr{}, 7)); n != 7 {
		t.Errorf("%d", n)
	}
	if n := len(candidates(netip.MustParsePrefix("10.0.0.1/32"), netip.Addr{}, 7)); n != 0 {
		t.Errorf("%d", n)
	}
}

func FuzzAbout(f *testing.F) {
	f.Add(question(net.HardwareAddr{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("192.0.2.1")))
	f.Fuzz(func(_ *testing.T, b []byte) { about(b) })
}
