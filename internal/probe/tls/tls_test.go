package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/probe"
)

func server(t *testing.T, conf *tls.Config) int {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	conf.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func asked(t *testing.T, port int) (versions, suites []any, complete bool) {
	t.Helper()
	addr := netip.MustParseAddr("127.0.0.1")
	rec := probe.NewRecorder(time.Now, nil)
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: probe.Practice(), Rand: rand.Reader}
	target.Facts = append(target.Facts, probe.Observed("service.protocol", probe.TCP(port), map[string]any{"protocol": "http", "tls": true, "software": ""}))
	if err := run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	rs := rec.Records(name)
	s := parse(rs)
	v, ok := s.Get("tls.version", probe.TCP(port))
	x, ok2 := s.Get("tls.suite", probe.TCP(port))
	if !ok || !ok2 {
		t.Fatal("no facts")
	}
	return v.Value.(map[string]any)["versions"].([]any), x.Value.(map[string]any)["suites"].([]any), probe.Bool(v.Value, "complete")
}

// The lists are exactly what the server is configured for, nothing more or less.
func TestCompleteLists(t *testing.T) {
	cases := []struct {
		conf             *tls.Config
		versions, suites []any
	}{
		{&tls.Config{MinVersion: tls.VersionTLS13}, []any{"TLS 1.3"},
			[]any{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}},
		{&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}},
			[]any{"TLS 1.0", "TLS 1.1"}, []any{"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"}},
		{&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}},
			[]any{"TLS 1.2"}, []any{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"}},
	}
	for _, c := range cases {
		versions, suites, complete := asked(t, server(t, c.conf))
		if d := cmp.Diff(c.versions, versions) + cmp.Diff(c.suites, suites); d != "" || !complete {
			t.Errorf("complete %v (-want +got):\n%s", complete, d)
		}
	}
}

// A device that takes one connection at a time and hangs up on the others is not
// misread: its hanging up is no refusal.
func TestOneAtATime(t *testing.T) {
	backend := server(t, &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var busy, hungUp atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if busy.Add(1) > 1 {
				hungUp.Add(1)
				_ = c.Close()
				busy.Add(-1)
				continue
			}
			go func() {
				defer busy.Add(-1)
				defer c.Close()
				b, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", backend))
				if err != nil {
					return
				}
				defer b.Close()
				go func() { _, _ = io.Copy(c, b); _ = c.Close() }()
				_, _ = io.Copy(b, c)
			}()
		}
	}()
	versions, suites, complete := asked(t, l.Addr().(*net.TCPAddr).Port)
	if d := cmp.Diff([]any{"TLS 1.2"}, versions) + cmp.Diff([]any{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}, suites); d != "" || !complete {
		t.Errorf("complete %v (-want +got):\n%s", complete, d)
	}
	if hungUp.Load() == 0 {
		t.Error("the server never was busy: the test proves nothing")
	}
}

// A device that does not even listen while it serves a client is not misread either.
func TestNotListeningMeanwhile(t *testing.T) {
	backend := server(t, &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	over := make(chan struct{})
	t.Cleanup(func() { <-over })
	go func() {
		defer close(over)
		for t.Context().Err() == nil {
			if l == nil {
				if l, _ = net.Listen("tcp", addr); l == nil {
					return
				}
			}
			_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(100 * time.Millisecond))
			c, err := l.Accept()
			if err != nil {
				continue
			}
			_ = l.Close()
			l = nil
			if b, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", backend)); err == nil {
				go func() { _, _ = io.Copy(c, b); _ = c.Close() }()
				_, _ = io.Copy(b, c)
				_ = b.Close()
			}
			_ = c.Close()
			probe.Wait(t.Context(), 60*time.Millisecond) // as a program takes to start anew
		}
		if l != nil {
			_ = l.Close()
		}
	}()
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	versions, suites, complete := asked(t, int(ap.Port()))
	if d := cmp.Diff([]any{"TLS 1.2"}, versions) + cmp.Diff([]any{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}, suites); d != "" || !complete {
		t.Errorf("complete %v (-want +got):\n%s", complete, d)
	}
}

// A server that stops answering leaves the lists incomplete.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	addr := netip.MustParseAddr("127.0.0.1")
	rec := probe.NewRecorder(time.Now, nil)
	pace := probe.Practice()
	pace.Exchange, pace.Budget = 10*time.Millisecond, 200*time.Millisecond
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: pace, Rand: rand.Reader}
	target.Facts = append(target.Facts, probe.Observed("service.protocol", probe.TCP(port), map[string]any{"tls": true}))
	if err := run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	v, ok := parse(rec.Records(name)).Get("tls.version", probe.TCP(port))
	if !ok || probe.Bool(v.Value, "complete") {
		t.Errorf("%v", v.Value)
	}
}

// Every hello says what it offers.
func TestHelloRoundTrip(t *testing.T) {
	for _, v := range Versions {
		offer := []uint16{0x1301, 0xc02f, 0x0005}
		got, suites, err := offered(Hello(v, offer, make([]byte, 96)))
		if err != nil || got != v || !slices.Equal(suites, offer) {
			t.Errorf("%s: %s %v %v", v, got, suites, err)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(append(append([]byte{22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}, make([]byte, 33)...), 0xc0, 0x2f, 0))
	f.Add([]byte{21, 3, 1, 0, 2, 2, 40})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := ParseAnswer(b); a.Hello && !a.TLS {
			t.Error("a hello that is not TLS")
		}
	})
}

func FuzzOffered(f *testing.F) {
	f.Add(Hello(TLS13, modern, make([]byte, 96)))
	f.Add(Hello(SSL30, classic[:9], make([]byte, 96)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, suites, err := offered(bytes.Clone(b)); err == nil && len(suites) == 0 {
			t.Error("an offer of nothing")
		}
	})
}

// Many ports are asked side by side, and each gets its facts. (Their budgets were once
// set up while the first ports were already spending: the race detector saw it.)
func TestManyPorts(t *testing.T) {
	addr := netip.MustParseAddr("127.0.0.1")
	rec := probe.NewRecorder(time.Now, nil)
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: probe.Practice(), Rand: rand.Reader}
	var ports []int
	for range 6 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() { // hangs up on every hello
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.Close()
			}
		}()
		port := l.Addr().(*net.TCPAddr).Port
		ports = append(ports, port)
		target.Facts = append(target.Facts, probe.Observed("service.protocol", probe.TCP(port), map[string]any{"protocol": "other", "tls": true}))
	}
	if err := run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	facts := parse(rec.Records(name))
	for _, p := range ports {
		if _, ok := facts.Get("tls.version", probe.TCP(p)); !ok {
			t.Errorf("no facts of port %d", p)
		}
	}
}
