package tcp

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// device is a network of one device: open ports, ports behind a filter, and a
// moment from which nothing is heard any more.
type device struct {
	open     map[int]bool
	filtered func(port int) bool
	mu       sync.Mutex
	left     int // answers until it falls silent; below 0 = never
	deaf     int // attempts that meet silence before it recovers; 0 = never recovers
}

func (d *device) dial(ctx context.Context, _, address string) (net.Conn, error) {
	ap := netip.MustParseAddrPort(address)
	d.mu.Lock()
	dead := d.left == 0
	if d.left > 0 {
		d.left--
	}
	if dead && d.deaf > 0 {
		if d.deaf--; d.deaf == 0 {
			d.left = -1
		}
	}
	d.mu.Unlock()
	if dead || d.filtered != nil && d.filtered(int(ap.Port())) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if d.open[int(ap.Port())] {
		a, b := net.Pipe()
		_ = b.Close()
		return conn{a, net.TCPAddrFromAddrPort(ap)}, nil
	}
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

// conn is a connection with an address of its own at the far end.
type conn struct {
	net.Conn
	far net.Addr
}

func (c conn) RemoteAddr() net.Addr { return c.far }

func scanned(t *testing.T, d *device) fact.Set {
	t.Helper()
	p := probe.Pace{Name: "test", TCPStart: 20000, TCPWorkers: 4096, TCPWait: 50 * time.Millisecond, TCPTries: 2, TCPFew: 2, Down: 500 * time.Millisecond}
	addr := netip.MustParseAddr("192.0.2.7")
	rec := probe.NewRecorder(time.Now, nil)
	if err := run(t.Context(), &probe.Target{Addr: addr, Net: probe.NewNet(addr, d.dial), Pace: p, Rand: rand.NewChaCha8([32]byte{1})}, rec); err != nil {
		t.Fatal(err)
	}
	rs := rec.Records(name)
	return Parse(rs)
}

func coverage(t *testing.T, s fact.Set) map[string]any {
	t.Helper()
	f, ok := s.Get("tcp.coverage", "")
	if !ok {
		t.Fatal("no tcp.coverage")
	}
	return f.Value.(map[string]any)
}

func TestAllPorts(t *testing.T) {
	s := scanned(t, &device{open: map[int]bool{1: true, 23: true, 65535: true}, left: -1})
	want := map[string]any{"asked": int64(65535), "open": int64(3), "closed": int64(65532), "filtered": int64(0), "undecided": int64(0)}
	if d := cmp.Diff(want, coverage(t, s)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, p := range []string{"tcp/1", "tcp/23", "tcp/65535"} {
		if _, ok := s.Get("tcp.open", p); !ok {
			t.Errorf("%s was missed", p)
		}
	}
}

// Ports that a filter swallows are told from a device that has gone.
func TestFiltered(t *testing.T) {
	s := scanned(t, &device{open: map[int]bool{80: true}, left: -1, filtered: func(p int) bool { return p >= 100 && p < 200 }})
	want := map[string]any{"asked": int64(65535), "open": int64(1), "closed": int64(65434), "filtered": int64(100), "undecided": int64(0)}
	if d := cmp.Diff(want, coverage(t, s)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A device that falls silent for good: the scan ends, and what it missed is undecided.
func TestSilentForGood(t *testing.T) {
	c := coverage(t, scanned(t, &device{open: map[int]bool{80: true, 61234: true}, left: 5000}))
	if c["open"] != int64(1) || c["undecided"].(int64) < 60000 || c["filtered"] != int64(0) {
		t.Errorf("coverage %v", c)
	}
}

// A device that comes back, here while the canary is asked, is scanned to the end.
func TestSilentForAWhile(t *testing.T) {
	c := coverage(t, scanned(t, &device{open: map[int]bool{80: true, 61234: true}, left: 5000, deaf: 124}))
	if c["open"] != int64(2) || c["undecided"] != int64(0) {
		t.Errorf("coverage %v", c)
	}
}

// A device that never answers is undecided, not closed and not filtered.
func TestNobodyThere(t *testing.T) {
	c := coverage(t, scanned(t, &device{left: 0}))
	if c["undecided"] != int64(65535) {
		t.Errorf("coverage %v", c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1-65535", "1-5,7", "tcp/6")
	f.Add("1-3", "1-9", "tcp/0")
	f.Fuzz(func(t *testing.T, plan, closed, open string) {
		s := Parse([]probe.Record{{Event: "plan", Ports: plan}, {Event: "closed", Ports: closed}, {Event: "open", Port: open}})
		for _, c := range s.Named("tcp.coverage") {
			if probe.Int(c.Value, "undecided") < 0 {
				t.Errorf("coverage %v", c.Value)
			}
		}
	})
}

// A transcript that names all ports again and again states nothing, and is not read
// to its end.
func TestParseBoundsRanges(t *testing.T) {
	few := []probe.Record{{Probe: name, Event: "plan", Ports: "1-65535"}, {Probe: name, Event: "closed", Ports: "1-65535"}}
	if facts := Parse(few); len(facts) != 2 {
		t.Errorf("an honest transcript: %v", facts)
	}
	for _, event := range []string{"plan", "closed"} {
		many := few
		for range probe.MaxRecords {
			many = append(many, probe.Record{Probe: name, Event: event, Ports: "1-65535"})
		}
		if facts := Parse(many); facts != nil {
			t.Errorf("%s: %v", event, facts)
		}
	}
}
