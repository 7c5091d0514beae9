package tcp

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
	"hoshi/internal/testkit/bed"
)

// serve opens ports of the device, on every address it has.
func serve(b *bed.Bed, ports ...int) {
	for _, p := range ports {
		b.Go(func() (func(), error) {
			l, err := net.Listen("tcp", netip.AddrPortFrom(b.Addr, uint16(p)).String())
			if err != nil {
				return nil, err
			}
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.Close()
				}
			}()
			return func() { _ = l.Close() }, nil
		})
		b.Await(probe.TCP(p))
	}
}

// against scans the device of a bed. seen, if not nil, is called with each record.
func against(t *testing.T, b *bed.Bed, p probe.Pace, seen func(probe.Record)) fact.Set {
	t.Helper()
	rec := probe.NewRecorder(time.Now, seen)
	if err := run(t.Context(), &probe.Target{Addr: b.Addr, Net: probe.NewNet(b.Addr, nil), Pace: p, Rand: rand.Reader}, rec); err != nil {
		t.Fatal(err)
	}
	return Parse(rec.Records(name))
}

func ports(s fact.Set) []int {
	var out []int
	for _, f := range s.Named("tcp.open") {
		out = append(out, probe.PortNumber(f.Subject))
	}
	return out
}

// expect checks the open ports and what became of all others; on loopback other
// programs may listen as well, so there only the device's own ports are.
func expect(t *testing.T, b *bed.Bed, s fact.Set, open []int, rest string) {
	t.Helper()
	if !b.Isolated {
		for _, p := range open {
			if _, ok := s.Get("tcp.open", probe.TCP(p)); !ok {
				t.Errorf("port %d was missed", p)
			}
		}
		return
	}
	if d := cmp.Diff(open, ports(s)); d != "" {
		t.Errorf("open ports, -want +got:\n%s", d)
	}
	c := coverage(t, s)
	if c["asked"] != int64(65535) || c[rest] != int64(65535-len(open)) {
		t.Errorf("coverage %v", c)
	}
	if f, _ := s.Get("tcp.scan", ""); probe.Str(f.Value, "method") != "syn" {
		t.Errorf("scan %v", f.Value)
	}
	for _, f := range b.Strays(nil) {
		t.Errorf("a frame for another address: %v", f)
	}
}

// SYNs over IPv4 and over IPv6 find every open port and prove all others closed.
func TestBed(t *testing.T) {
	open := []int{1, 80, 443, 31337, 65535}
	for _, six := range []bool{false, true} {
		t.Run("IPv6 "+strconv.FormatBool(six), func(t *testing.T) {
			bed.Run(t, bed.Profile{IPv6Only: six}, func(t *testing.T, b *bed.Bed) {
				serve(b, open...)
				expect(t, b, against(t, b, probe.Practice(), nil), open, "closed")
			})
		})
	}
}

// A firewall that swallows everything but the open ports.
func TestBedFiltered(t *testing.T) {
	open := []int{80, 31337}
	bed.Run(t, bed.Profile{Only: []string{"tcp/80", "tcp/31337"}}, func(t *testing.T, b *bed.Bed) {
		serve(b, open...)
		s := against(t, b, probe.Practice(), nil)
		if b.Isolated {
			expect(t, b, s, open, "filtered")
		}
	})
}

// A device that takes few packets, and one that falls over when it gets many:
// none is overrun, nothing is missed. The short run has strong cousins of both;
// the long one the figures of real devices and the careful default.
func TestBedWeak(t *testing.T) {
	open := []int{23, 80, 8080, 61000}
	soak := os.Getenv("HOSHI_SOAK") != ""
	careful := probe.Practice()
	careful.TCPStart, careful.TCPCap, careful.Down = 3000, 6000, time.Minute
	takes, hangs := bed.Profile{Delay: time.Millisecond, Rate: 4000, Burst: 64}, bed.Profile{Delay: time.Millisecond, HangAbove: 8000, HangFor: 5 * time.Second}
	if soak {
		careful = probe.Careful()
		takes.Rate, takes.Burst = 500, 32
		hangs.HangAbove, hangs.HangFor = 2000, 20*time.Second
	}
	t.Run("takes few", func(t *testing.T) {
		t.Parallel()
		bed.Run(t, takes, func(t *testing.T, b *bed.Bed) {
			if !b.Isolated {
				return // said by Run
			}
			serve(b, open...)
			expect(t, b, against(t, b, careful, nil), open, "closed")
			if n := b.ToDevice(); n.Over > n.In/10 {
				t.Errorf("%d of %d frames were more than the device takes", n.Over, n.In)
			}
			above, refusing := bed.Above(b.Sent(), takes.Rate), bed.Refusing(b.Sent())
			t.Logf("%v on end above what the device takes, %v on end refused", above, refusing)
			if above > time.Second || refusing > time.Second {
				t.Errorf("%v on end above what the device takes, %v on end refused", above, refusing)
			}
		})
	})
	t.Run("hangs when flooded", func(t *testing.T) {
		t.Parallel()
		bed.Run(t, hangs, func(t *testing.T, b *bed.Bed) {
			if !b.Isolated {
				return // said by Run
			}
			serve(b, open...)
			s := against(t, b, careful, nil)
			expect(t, b, s, open, "closed")
			if n := b.ToDevice(); n.Hung > 0 || len(s.Named("device.outage")) > 0 {
				t.Errorf("the careful pace made it hang: %+v, %v", n, s.Named("device.outage"))
			}
		})
	})
	t.Run("hangs, and is asked without a cap", func(t *testing.T) {
		t.Parallel()
		bed.Run(t, hangs, func(t *testing.T, b *bed.Bed) {
			if !b.Isolated {
				return // said by Run
			}
			serve(b, open...)
			p := probe.Practice()
			p.Down = time.Minute
			s := against(t, b, p, nil)
			expect(t, b, s, open, "closed")
			out := s.Named("device.outage")
			if len(out) == 0 || probe.Str(out[0].Value, "last") == "" {
				t.Errorf("the hang is no finding: %v", out)
			}
		})
	})
}

// A device that restarts in the middle: the scan notices, waits, goes on, misses
// nothing, and says that it was a reboot.
func TestBedReboot(t *testing.T) {
	t.Parallel()
	open := []int{80, 31337, 61000}
	bed.Run(t, bed.Profile{Uptime: time.Hour}, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run
		}
		serve(b, open...)
		p := probe.Practice()
		p.TCPStart, p.TCPCap, p.Down = 3000, 9000, time.Minute
		var once sync.Once
		n, done := 0, make(chan struct{})
		s := against(t, b, p, func(r probe.Record) {
			if r.Event == "pace" {
				if n++; n == 4 { // the device's clock is known by then
					once.Do(func() {
						go func() {
							b.Reboot(3 * time.Second)
							close(done)
						}()
					})
				}
			}
		})
		<-done
		expect(t, b, s, open, "closed")
		outages := s.Named("device.outage")
		if len(outages) != 1 || probe.Str(outages[0].Value, "kind") != "reboot" || probe.Int(outages[0].Value, "rate") == 0 || probe.Str(outages[0].Value, "last") == "" {
			t.Errorf("outages %v", outages)
		}
	})
}

// Stopped at once and gone on with from its records, a scan ends as one that was
// not disturbed.
func TestBedResumed(t *testing.T) {
	open := []int{80, 31337}
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		serve(b, open...)
		p := probe.Practice()
		p.TCPStart, p.TCPCap = 12000, 20000
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		chunks := 0
		rec := probe.NewRecorder(time.Now, func(r probe.Record) {
			if r.Event == "closed" {
				if chunks++; chunks == 20 {
					stop()
				}
			}
		})
		target := &probe.Target{Addr: b.Addr, Net: probe.NewNet(b.Addr, nil), Pace: p, Rand: rand.Reader}
		if err := run(ctx, target, rec); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped: %v", err)
		}
		before, _ := sweep.Read(rec.Records(name), "tcp")
		if n := before.Count(true); n.Closed < 10000 || n.Undecided == 0 {
			t.Errorf("when stopped: %+v", n)
		}
		if err := run(t.Context(), target, rec); err != nil {
			t.Fatal(err)
		}
		expect(t, b, Parse(rec.Records(name)), open, "closed")
		plans := 0
		for _, r := range rec.Records(name) {
			if r.Event == "plan" {
				plans++
			}
		}
		if plans != 1 {
			t.Errorf("%d plans", plans)
		}
	})
}

// Another device at the address, as the watch says, ends the scan with its error.
func TestWatched(t *testing.T) {
	t.Parallel()
	another := errors.New("another device")
	d := &device{open: map[int]bool{80: true}, left: -1}
	p := probe.Practice()
	p.TCPStart, p.TCPCap = 400, 400
	addr := netip.MustParseAddr("192.0.2.7")
	rec := probe.NewRecorder(time.Now, nil)
	err := run(t.Context(), &probe.Target{Addr: addr, Net: probe.NewNet(addr, d.dial), Pace: p, Rand: rand.Reader,
		Watch: func(context.Context) error { return another }}, rec)
	if !errors.Is(err, another) {
		t.Errorf("got %v", err)
	}
	if e, ok := sweep.Read(rec.Records(name), "tcp"); !ok || e.Count(true).Closed == 0 {
		t.Error("what was settled before is lost")
	}
}
