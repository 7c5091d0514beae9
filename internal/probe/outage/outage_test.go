package outage

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// device is one that can be away; 80 is open, everything else closed.
type device struct {
	away   atomic.Bool
	mute   atomic.Bool // it says that 80 is closed, as one that starts
	dialed atomic.Int32
	then   func(n int32)
}

func (d *device) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n := d.dialed.Add(1)
	if d.then != nil {
		d.then(n)
	}
	switch {
	case d.away.Load():
		<-ctx.Done()
		return nil, ctx.Err()
	case strings.HasSuffix(address, ":80") && !d.mute.Load():
		a, b := net.Pipe()
		_ = b.Close()
		return a, nil
	}
	return nil, syscall.ECONNREFUSED
}

func target(d *device) (*probe.Target, *probe.Recorder) {
	addr := netip.MustParseAddr("192.0.2.7")
	t := &probe.Target{Addr: addr, Net: probe.NewNet(addr, d.dial), Pace: probe.Practice(), Facts: fact.Set{probe.Observed("tcp.open", "tcp/80", true)}}
	rec := probe.NewRecorder(time.Now, nil)
	rec.Add(probe.Record{Probe: "tcp", Event: "closed", Ports: "1-79"})
	rec.Add(probe.Record{Probe: "http", Port: "tcp/80", Event: "asked", Sent: []byte("GET /reset HTTP/1.0\r\n\r\n"), Error: "timeout"})
	return t, rec
}

func outages(rec *probe.Recorder) fact.Set { return Parse(rec.Records(name)) }

// At the end of the services it is counted, be it that nothing happened.
func TestWatched(t *testing.T) {
	for _, away := range []int64{0, 1} {
		x, rec := target(&device{})
		if away > 0 {
			Look(t.Context(), x, rec, "http", away)
		}
		if err := Probe.Run(t.Context(), x, rec); err != nil {
			t.Fatal(err)
		}
		if f, ok := outages(rec).Get("device.watch", ""); !ok || probe.Int(f.Value, "outages") != away {
			t.Errorf("%v", outages(rec))
		}
	}
}

// A device that is there is no outage, whatever its services do.
func TestThere(t *testing.T) {
	t.Parallel()
	d := &device{}
	x, rec := target(d)
	if Look(t.Context(), x, rec, "http", 0) || len(rec.Records(name)) > 0 {
		t.Error("an outage of a device that answers")
	}
	w := Begin(t.Context(), x, rec, func() { t.Error("down") })
	d.mute.Store(true)
	for d.dialed.Load() < 3 {
		if !probe.Wait(t.Context(), 10*time.Millisecond) {
			t.Fatal("the watch does not ask")
		}
	}
	if w.End() != 0 {
		t.Error("a service that ended was taken for a device that is away")
	}
}

// One that goes away is noticed by the watch, waited for until its services run, and
// told of with what was sent last.
func TestAway(t *testing.T) {
	t.Parallel()
	d := &device{}
	x, rec := target(d)
	d.away.Store(true)
	ended := make(chan struct{})
	w := Begin(t.Context(), x, rec, func() { close(ended) })
	<-ended
	at := w.End()
	d.dialed.Store(0)
	d.then = func(n int32) {
		switch n {
		case 2:
			d.away.Store(false)
			d.mute.Store(true)
		case 6:
			d.mute.Store(false)
		}
	}
	if at == 0 || !Look(t.Context(), x, rec, "http", at) {
		t.Fatal("not noticed")
	}
	if d.dialed.Load() < 6 {
		t.Error("its service was not waited for")
	}
	f := outages(rec)
	if len(f) != 1 || f[0].Subject != "services 1" || probe.Str(f[0].Value, "kind") != "unknown" || probe.Int(f[0].Value, "seconds") == 0 ||
		!strings.Contains(probe.Str(f[0].Value, "last"), "http tcp/80: GET /reset") {
		t.Errorf("%v", f)
	}
}

// One that does not come back is given up once; a run that is killed while it waits
// waits on.
func TestGone(t *testing.T) {
	t.Parallel()
	d := &device{}
	x, rec := target(d)
	d.away.Store(true)
	x.Pace.Down = 1500 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	d.then = func(n int32) {
		if n == 2 {
			cancel()
		}
	}
	Look(ctx, x, rec, "tls", 0)
	if f := outages(rec); len(f) != 1 || probe.Str(f[0].Value, "kind") != "gone" {
		t.Fatalf("killed: %v", f)
	}
	d.then = nil
	if !Look(t.Context(), x, rec, "ssh", 0) {
		t.Error("it does not wait on")
	}
	rs := rec.Records(name)
	if len(rs) != 2 || rs[1].Event != "gave-up" || rs[0].Item != "tls" {
		t.Fatalf("%v", rs)
	}
	asked := d.dialed.Load()
	if Look(t.Context(), x, rec, "ssh", 0) || d.dialed.Load() != asked {
		t.Error("it is waited for again")
	}
}

func TestLastSent(t *testing.T) {
	r := func(at int64, sent, recv string) probe.Record {
		return probe.Record{At: at, Probe: "http", Port: "tcp/80", Sent: []byte(sent), Recv: []byte(recv)}
	}
	all := map[string][]probe.Record{"http": {r(1000, "a", "x"), r(2000, "b", "x"), r(3000, "c", "x"), r(4000, "d", "x"), r(5100, "e", ""), r(6000, "f", ""), r(7000, "g", ""), r(9000, "h", "")}}
	want := "2.0 s http tcp/80: b; 3.0 s http tcp/80: c; 4.0 s http tcp/80: d; 5.1 s http tcp/80: e; 6.0 s http tcp/80: f"
	if got := LastSent(all, 8000); got != want {
		t.Errorf("%s", got)
	}
	if got := LastSent(all, 500); got != "" {
		t.Errorf("%s", got)
	}
	if got := LastSent(map[string][]probe.Record{"http": {r(1000, "a", "")}}, 8000); got != "1.0 s http tcp/80: a" {
		t.Errorf("%s", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("down", "GET /", "up", int64(3000))
	f.Fuzz(func(t *testing.T, event, detail, next string, took int64) {
		for _, x := range Parse([]probe.Record{{Event: event, Detail: detail}, {Event: next, Took: took}, {Event: "down"}}) {
			if !fact.Known(x.Name) || probe.Int(x.Value, "seconds") < 0 || len(probe.Str(x.Value, "last")) > probe.MaxText {
				t.Errorf("%v", x)
			}
		}
	})
}
