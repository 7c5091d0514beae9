package udp

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"hoshi/internal/probe"
)

// A device that answers each try only after the next one has come is heard, whether
// the answer comes from the port that was asked or from another.
func TestLateAnswers(t *testing.T) {
	for _, roams := range []bool{false, true} {
		in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 77, 11)})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out := in
		if roams {
			if out, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 77, 11)}); err != nil {
				t.Fatal(err)
			}
			defer out.Close()
		}
		go func() {
			b := make([]byte, 64)
			var before *net.UDPAddr
			for {
				_, from, err := in.ReadFromUDP(b)
				if err != nil {
					return
				}
				if before != nil {
					_, _ = out.WriteToUDP([]byte("late"), before)
				}
				before = from
			}
		}()
		a := netip.MustParseAddr("127.0.77.11")
		x := asker{t: &probe.Target{Addr: a, Net: probe.NewNet(a, nil)}, port: in.LocalAddr().(*net.UDPAddr).Port, listens: true, tries: 100, wait: 50 * time.Millisecond}
		if got, word := x.exchange(t.Context(), roams, []byte("?"), make(chan struct{})); string(got) != "late" {
			t.Errorf("roams %v: %q %s", roams, got, word)
		}
	}
}
