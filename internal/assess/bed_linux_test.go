package assess_test

import (
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/stranger"
)

const bedProduct = `format: hoshi-product/1
product:
  name: {ja: 見本, en: Sample}
  vendor: {ja: 見本製作所, en: Sample Works}
  models: [S-1]
  firmware: "1"
accounts: []
ports:
  - {port: tcp/80, service: http, reason: 設定画面}
assets: []
paths: []
updates: []
interfaces: []
`

// web puts an HTTP server on a port of the device.
func web(b *bed.Bed, port uint16) {
	b.Go(func() (func(), error) {
		l, err := net.Listen("tcp", netip.AddrPortFrom(b.Addr, port).String())
		if err != nil {
			return nil, err
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("status")) })}
		go func() { _ = s.Serve(l) }()
		return func() { _ = s.Close() }, nil
	})
}

func bedOptions(t *testing.T, b *bed.Bed) assess.Options {
	t.Helper()
	e, err := criteria.Builtin(assess.DefaultEdition)
	if err != nil {
		t.Fatal(err)
	}
	p := probe.Practice()
	p.UDPWait, p.Budget = 50*time.Millisecond, 5*time.Second
	return assess.Options{Address: b.Addr.String(), ProductFile: "product.yaml", Product: []byte(bedProduct), Edition: e, Tool: "hoshi test",
		Pace: p, Now: time.Now, Rand: rand.Reader, Journal: filepath.Join(t.TempDir(), "run.hoshi.journal")}
}

// quick lets a device answer closed ports without a limit.
var quick = map[string]string{"net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_msgs_per_sec": "100000", "net.ipv4.icmp_msgs_burst": "10000"}

// A whole run sends to the device and to nobody else.
func TestNothingLeavesForOthers(t *testing.T) {
	whole(t, bed.Profile{Delay: time.Millisecond, Sysctl: quick})
}

// The same of a device that has no IPv4.
func TestIPv6OnlyDevice(t *testing.T) {
	whole(t, bed.Profile{Delay: time.Millisecond, IPv6Only: true, Sysctl: map[string]string{"net.ipv6.icmp.ratelimit": "0", "net.ipv4.icmp_msgs_per_sec": "100000", "net.ipv4.icmp_msgs_burst": "10000"}})
}

func whole(t *testing.T, p bed.Profile) {
	t.Helper()
	bed.Run(t, p, func(t *testing.T, b *bed.Bed) {
		web(b, 80)
		web(b, 50123)
		b.Await("tcp/80", "tcp/50123")
		run, err := assess.Run(t.Context(), bedOptions(t, b))
		if err != nil {
			t.Fatal(err)
		}
		stranger.Keep(t, run)
		if v, ok := run.Facts.Get("service.protocol", "tcp/80"); !ok || probe.Str(v.Value, "protocol") != "http" {
			t.Errorf("port 80 speaks %v", v.Value)
		}
		for _, p := range []string{"tcp/80", "tcp/50123"} {
			if _, ok := run.Facts.Get("tcp.open", p); !ok {
				t.Errorf("%s was not found", p)
			}
		}
		if !b.Isolated {
			return
		}
		if s := b.Strays(nil); len(s) > 0 {
			t.Errorf("%d frames for others: %v", len(s), s[0])
		}
		marks := run.Transcripts[assess.RunTranscript]
		if !slices.ContainsFunc(marks, func(r probe.Record) bool { return r.Event == "identity" && r.Item == "mac" }) {
			t.Error("the hardware address was not noted")
		}
	})
}

// Another device at the address ends the run and is recorded; when the first one
// is back the run goes on, but not before.
func TestAnotherDevice(t *testing.T) {
	bed.Run(t, bed.Profile{Delay: time.Millisecond, Sysctl: quick}, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run
		}
		web(b, 80)
		b.Await("tcp/80")
		o := bedOptions(t, b)
		o.Pace.TCPStart, o.Pace.TCPCap, o.Pace.Down = 1500, 1500, time.Minute
		scanning := make(chan struct{})
		var once sync.Once
		o.Progress = func(e assess.Event) {
			if e.Probe == "tcp" && e.Done > 2000 {
				once.Do(func() { close(scanning) })
			}
		}
		ended := make(chan error, 1)
		go func() {
			_, err := assess.Run(t.Context(), o)
			ended <- err
		}()
		select {
		case <-scanning:
		case err := <-ended:
			t.Fatalf("ended before the scan: %v", err)
		}
		b.Replace(200*time.Millisecond, func() { web(b, 80) })
		wantKey(t, <-ended, "assess.another")
		past, err := assess.ReadJournal(o.Journal)
		if err != nil {
			t.Fatal(err)
		}
		seen := ""
		for _, r := range past.Records {
			if r.Event == "another" {
				seen = r.Detail
			}
		}
		if seen != "02:00:00:00:00:33" {
			t.Errorf("the other device is recorded as %q", seen)
		}
		o.Resume, o.Progress = true, nil
		_, err = assess.Run(t.Context(), o)
		wantKey(t, err, "assess.another")
	})
}

// A service that the questions ended is told at the end of the run.
func TestServiceEnds(t *testing.T) {
	bed.Run(t, bed.Profile{Delay: time.Millisecond, Sysctl: quick}, func(t *testing.T, b *bed.Bed) {
		web(b, 80)
		b.Go(func() (func(), error) {
			l, err := net.Listen("tcp", netip.AddrPortFrom(b.Addr, 2121).String())
			if err != nil {
				return nil, err
			}
			go func() {
				defer l.Close() // after its first client
				if c, err := l.Accept(); err == nil {
					_, _ = c.Write([]byte("220 box FTP\r\n"))
					_, _ = c.Read(make([]byte, 1))
					_ = c.Close()
				}
			}()
			return func() { _ = l.Close() }, nil
		})
		b.Await("tcp/80")
		run, err := assess.Run(t.Context(), bedOptions(t, b))
		if err != nil {
			t.Fatal(err)
		}
		stranger.Keep(t, run)
		f, ok := run.Facts.Get("tcp.after", "")
		if d := cmp.Diff(any(map[string]any{"asked": int64(2), "ended": []any{"tcp/2121"}}), f.Value); b.Isolated && (!ok || d != "") {
			t.Errorf("-want +got:\n%s", d)
		}
	})
}

func wantKey(t *testing.T, err error, key string) {
	t.Helper()
	if fe, ok := errors.AsType[*fault.Error](err); !ok || fe.Key != key {
		t.Errorf("got %v, want %s", err, key)
	}
}
