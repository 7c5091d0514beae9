package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
)

// serve starts UDP services on the device: mute ones, and one that answers CoAP.
func serve(b *bed.Bed, ports ...int) {
	for _, port := range ports {
		b.Go(func() (func(), error) {
			c, err := net.ListenPacket("udp", netip.AddrPortFrom(b.Addr, uint16(port)).String())
			if err != nil {
				return nil, err
			}
			go func() {
				buf := make([]byte, 2048)
				for {
					n, from, err := c.ReadFrom(buf)
					if err != nil {
						return
					}
					if port == 5683 && n > 4 && buf[0]>>4 == 4 { // piggy-backed "not found"
						_, _ = c.WriteTo([]byte{0x60, 0x84, buf[2], buf[3]}, from)
					}
				}
			}()
			return func() { _ = c.Close() }, nil
		})
	}
}

// perPeer is a device that tells each peer of a few closed ports a second, as Linux
// does with its default of one, and all peers together of as many as they like, to
// be done soon.
var perPeer = map[string]string{"net.ipv4.icmp_ratelimit": "200", "net.ipv4.icmp_msgs_per_sec": "1000000", "net.ipv4.icmp_msgs_burst": "100000",
	"net.ipv6.icmp.ratelimit": "200"}

var services = map[string]any{"udp/5683": says("coap"), "udp/7": says("silent"), "udp/40001": says("silent")}

// device starts the services that services names.
func device(b *bed.Bed) { serve(b, 5683, 7, 40001) }

// pools are prefixes that the device of a bed routes to the tester.
var pools = map[bool]netip.Prefix{true: netip.MustParsePrefix("198.19.0.0/16"), false: netip.MustParsePrefix("fd00:2545::/64")}

// With a pool every port is proved open or closed, IPv4 and IPv6, and no packet
// goes to anybody but the device.
func TestPool(t *testing.T) {
	t.Parallel()
	for _, six := range []bool{false, true} {
		bed.Run(t, bed.Profile{Delay: time.Millisecond, IPv6Only: six, Sysctl: perPeer}, func(t *testing.T, b *bed.Bed) {
			device(b)
			s, _ := scanned(t, target(b.Addr, probe.Senders{Routed: pools[b.Addr.Is4()]}))
			if !b.Isolated {
				return
			}
			found(t, s, services, map[string]any{"asked": int64(65535), "open": int64(3), "answered": int64(1), "closed": int64(65532), "undecided": int64(0), "method": "pool"})
			if strays := b.Strays(nil); len(strays) > 0 {
				t.Errorf("strays: %v", strays[:min(5, len(strays))])
			}
		})
	}
}

// From one address, a device with such a limit is asked for its known services
// only. The rest is undecided, with an estimate.
func TestNoPool(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		device(b)
		if !b.Isolated {
			return
		}
		s, _ := scanned(t, target(b.Addr, probe.Senders{}))
		found(t, s, map[string]any{"udp/5683": says("coap")}, map[string]any{"asked": int64(65535), "open": int64(1), "filtered": int64(0), "method": "questions"})
		c, _ := s.Get("udp.coverage", "")
		if probe.Int(c.Value, "undecided") < 65500 || probe.Int(c.Value, "closed") < 4 {
			t.Errorf("%v", c.Value)
		}
		f, _ := s.Get("udp.scan", "")
		if n := probe.Int(f.Value, "estimate"); n < 50000 || n > 65535 {
			t.Errorf("estimate %v", f.Value)
		}
	})
}

// A device that does not limit what it tells a peer is scanned from one address.
func TestSingle(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{Sysctl: map[string]string{"net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_msgs_per_sec": "1000000", "net.ipv4.icmp_msgs_burst": "100000"}}, func(t *testing.T, b *bed.Bed) {
		device(b)
		if !b.Isolated {
			return
		}
		s, _ := scanned(t, target(b.Addr, probe.Senders{}))
		found(t, s, services, map[string]any{"closed": int64(65532), "undecided": int64(0), "method": "single"})
	})
}

// Free addresses of the link serve as well; we answer for them.
func TestLink(t *testing.T) {
	t.Parallel()
	limits := map[string]string{"net.ipv4.icmp_ratelimit": "20", "net.ipv4.icmp_msgs_per_sec": "1000000", "net.ipv4.icmp_msgs_burst": "100000"}
	bed.Run(t, bed.Profile{Sysctl: limits}, func(t *testing.T, b *bed.Bed) {
		device(b)
		if !b.Isolated {
			return
		}
		var on probe.Senders
		for a := netip.MustParseAddr("198.18.0.20"); len(on.OnLink) < 200; a = a.Next() {
			on.OnLink = append(on.OnLink, a)
		}
		s, _ := scanned(t, target(b.Addr, on))
		found(t, s, services, map[string]any{"closed": int64(65532), "undecided": int64(0), "method": "link"})
		if strays := b.Strays(nil); len(strays) > 0 {
			t.Errorf("strays: %v", strays[:min(5, len(strays))])
		}
	})
}

// Where a firewall drops everything but two ports, nothing is proved: neither
// closed nor open, except by an answer.
func TestFiltered(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{Only: []string{"udp/5683", "udp/7"}, Sysctl: perPeer}, func(t *testing.T, b *bed.Bed) {
		device(b)
		if !b.Isolated {
			return
		}
		s, _ := scanned(t, target(b.Addr, probe.Senders{Routed: pools[true]}))
		found(t, s, map[string]any{"udp/5683": says("coap")}, map[string]any{"asked": int64(65535), "open": int64(1), "closed": int64(0), "undecided": int64(65534)})
	})
}

// A scan that is stopped anywhere goes on from its records, to the same facts.
func TestResume(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{Sysctl: perPeer}, func(t *testing.T, b *bed.Bed) {
		device(b)
		if !b.Isolated {
			return
		}
		x := target(b.Addr, probe.Senders{Routed: pools[true]})
		c := newCatalogue(nil)
		stops := 0
		var past []probe.Record
		for _, after := range []int{1, 9, 25, 1 << 30} {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			rec := probe.NewRecorder(time.Now, func(probe.Record) {
				if n++; n == after {
					cancel()
				}
			})
			rec.Resume(time.Now(), past)
			err := c.run(ctx, x, rec)
			if ctx.Err() != nil {
				stops++
			} else if err != nil {
				t.Fatal(err)
			}
			cancel()
			past = rec.Records(name)
		}
		if stops < 2 {
			t.Fatalf("stopped %d times", stops)
		}
		found(t, c.parse(past), services, map[string]any{"closed": int64(65532), "undecided": int64(0), "method": "pool"})
	})
}

// A device that starts anew in the middle is waited for; nothing is missed or
// invented, and the outage is a fact.
func TestReboot(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{Sysctl: perPeer}, func(t *testing.T, b *bed.Bed) {
		device(b)
		if !b.Isolated {
			return
		}
		x := target(b.Addr, probe.Senders{Routed: pools[true]})
		x.Pace.TCPCap = 15000 // slow enough to be interrupted
		c := newCatalogue(nil)
		settled := 0
		middle := make(chan struct{})
		rec := probe.NewRecorder(time.Now, func(r probe.Record) {
			if r.Event == "closed" {
				if settled++; settled == 10 {
					close(middle)
				}
			}
		})
		done := make(chan error, 1)
		go func() { done <- c.run(t.Context(), x, rec) }()
		<-middle
		b.Reboot(1500 * time.Millisecond)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		s := c.parse(rec.Records(name))
		found(t, s, services, map[string]any{"closed": int64(65532), "undecided": int64(0)})
		if n := len(s.Named("device.outage")); n == 0 {
			t.Error("no outage was seen")
		}
	})
}

// The run's watch ends the probe.
func TestWatch(t *testing.T) {
	t.Parallel()
	other := errors.New("another device")
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		serve(b, 7)
		if !b.Isolated {
			return
		}
		x := target(b.Addr, probe.Senders{})
		x.Watch = func(context.Context) error { return other }
		c := newCatalogue(nil)
		if err := c.run(t.Context(), x, probe.NewRecorder(time.Now, nil)); !errors.Is(err, other) {
			t.Errorf("%v", err)
		}
	})
}

func TestPoolAddresses(t *testing.T) {
	for prefix, want := range map[string][]string{
		"198.19.0.0/16":   {"4096", "198.19.0.1", "198.19.16.0"},
		"192.0.2.0/24":    {"254", "192.0.2.1", "192.0.2.254"},
		"192.0.2.128/30":  {"2", "192.0.2.129", "192.0.2.130"},
		"fd00:2545::/64":  {"4096", "fd00:2545::1", "fd00:2545::1000"},
		"198.19.77.77/31": {"0"},
	} {
		p := pool(netip.MustParsePrefix(prefix))
		got := []string{strconv.Itoa(len(p))}
		if len(p) > 0 {
			got = append(got, p[0].String(), p[len(p)-1].String())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", prefix, d)
		}
	}
}
