package service_test

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
	"hoshi/internal/probe/service"
)

var svc = service.Probe(registry.Protocols)

func parse(rs ...probe.Record) (protocol string, v any) {
	for i := range rs {
		rs[i].Line = i + 1
	}
	s := svc.Parse(rs)
	if len(s) == 0 {
		return "", nil
	}
	return probe.Str(s[0].Value, "protocol"), s[0].Value
}

// Every answer is recognised by what it is, whatever question brought it.
func TestRecognition(t *testing.T) {
	cases := map[string]string{
		"SSH-2.0-dropbear_2022.83\r\n":                  "ssh",
		"notice\r\nSSH-2.0-x\r\n":                       "ssh",
		"\xff\xfd\x01\xff\xfb\x03box login:":            "telnet",
		"Welcome\r\nlogin: ":                            "telnet",
		"BusyBox v1.35 built-in shell\r\n\r\n/var # ":   "telnet",
		"220 (vsFTPd 3.0.3)\r\n":                        "ftp",
		"220-hello\r\n220 ready\r\n":                    "ftp",
		"421 FTP: too many\r\n":                         "ftp",
		"220 box ESMTP Postfix\r\n":                     "smtp",
		"HTTP/1.0 400 Bad Request\r\nServer: x\r\n\r\n": "http",
		"READY\r\n":                             "other",
		"\x00\x01\x02":                          "other",
		"HTTP but not really":                   "other",
		"price list: 10 # ":                     "other",
		"RFB 003.008\n":                         "vnc",
		"+OK Dovecot ready.\r\n":                "pop3",
		"* OK [CAPABILITY IMAP4rev1] ready\r\n": "imap",
		"@RSYNCD: 31.0\n":                       "rsync",
		"-ERR wrong number of arguments for 'get' command\r\n": "redis",
	}
	for in, want := range cases {
		for _, event := range []string{"banner", "ask"} {
			got, v := parse(probe.Record{Event: event, Port: "tcp/9", Item: "http", Recv: []byte(in)}, probe.Record{Event: "end", Port: "tcp/9"})
			if got != want {
				t.Errorf("%q as %s: %s", in, event, got)
			}
			if (probe.Str(v, "excerpt") != "") != (want == "other") {
				t.Errorf("%q: excerpt %q", in, probe.Str(v, "excerpt"))
			}
		}
	}
}

// What a greeting says of the present moment is no part of the software's name.
func TestPassingPartsOfGreetings(t *testing.T) {
	cases := map[string]string{
		"+OK Dovecot ready. <4e1.2.6745@box>\r\n":                                "Dovecot ready.",
		"220 box ESMTP Sendmail 8.17; Wed, 25 Nov 2026 16:18:03 +0000 (UTC)\r\n": "box ESMTP Sendmail 8.17;",
		"220 FTP ready at 16:18:03.\r\n":                                         "FTP ready at .",
	}
	for in, want := range cases {
		if _, v := parse(probe.Record{Event: "banner", Port: "tcp/9", Recv: []byte(in)}, probe.Record{Event: "end", Port: "tcp/9"}); probe.Str(v, "software") != want {
			t.Errorf("%q: %q", in, probe.Str(v, "software"))
		}
	}
}

// A port whose questions were broken off is left undecided, not called silent.
func TestBrokenOff(t *testing.T) {
	rs := []probe.Record{{Event: "banner", Port: "tcp/80", Error: "timeout"}, {Event: "tls", Port: "tcp/80", Error: "timeout"}, {Event: "ask", Item: "http", Port: "tcp/80", Error: "no-connection"}}
	if p, _ := parse(rs...); p != "" {
		t.Error(p)
	}
	if p, v := parse(append(rs, probe.Record{Event: "end", Port: "tcp/80"})...); p != "silent" || probe.Bool(v, "understood") {
		t.Error(p, v)
	}
}

// TLS that nothing can be asked through is TLS, and not understood.
func TestShutTLS(t *testing.T) {
	p, v := parse(probe.Record{Event: "banner", Port: "tcp/9", Error: "timeout"}, probe.Record{Event: "tls", Port: "tcp/9", Recv: []byte{21, 3, 3, 0, 2, 2, 40}},
		probe.Record{Event: "banner", Detail: "tls", Port: "tcp/9", Error: "handshake"}, probe.Record{Event: "end", Port: "tcp/9"})
	if p != "other" || !probe.Bool(v, "tls") || probe.Bool(v, "understood") {
		t.Error(p, v)
	}
}

// serve answers each connection with f on a loopback port.
func serve(t *testing.T, f func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
				defer c.Close()
				f(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func target(ports ...int) (*probe.Target, *probe.Recorder) {
	a := netip.MustParseAddr("127.0.0.1")
	t := &probe.Target{Addr: a, Net: probe.NewNet(a, nil), Network: probe.ModeShared, Pace: probe.Practice(), Rand: rand.Reader}
	for _, p := range ports {
		t.Facts = append(t.Facts, probe.Observed("tcp.open", probe.TCP(p), true))
	}
	return t, probe.NewRecorder(time.Now, nil)
}

func identify(t *testing.T, ports ...int) fact.Set {
	tg, rec := target(ports...)
	if err := svc.Run(t.Context(), tg, rec); err != nil {
		t.Fatal(err)
	}
	return svc.Parse(rec.Records("service"))
}

// counted counts the connections that are open at the same time.
type counted struct {
	net.Conn
	now *atomic.Int32
}

func (c counted) Close() error {
	c.now.Add(-1)
	return c.Conn.Close()
}

// A device that serves one connection at a time is asked all the same: a port has
// never more than one connection.
func TestOneConnectionAtATime(t *testing.T) {
	port := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	var now, most atomic.Int32
	tg, rec := target(port)
	tg.Net = probe.NewNet(tg.Addr, func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			most.Store(max(most.Load(), now.Add(1)))
			c = counted{c, &now}
		}
		return c, err
	})
	if err := svc.Run(t.Context(), tg, rec); err != nil {
		t.Fatal(err)
	}
	f, ok := svc.Parse(rec.Records("service")).Get("service.protocol", probe.TCP(port))
	if !ok || probe.Str(f.Value, "protocol") != "silent" || most.Load() != 1 {
		t.Errorf("%v, most connections %d", f.Value, most.Load())
	}
}

// A greeting that comes in pieces, later than the listener waits, is recognised.
func TestLateGreeting(t *testing.T) {
	port := serve(t, func(c net.Conn) {
		probe.Wait(t.Context(), 300*time.Millisecond)
		_, _ = c.Write([]byte("SSH-2."))
		probe.Wait(t.Context(), 10*time.Millisecond)
		_, _ = c.Write([]byte("0-slow\r\n"))
		_, _ = io.Copy(io.Discard, c)
	})
	f, _ := identify(t, port).Get("service.protocol", probe.TCP(port))
	if probe.Str(f.Value, "protocol") != "ssh" || probe.Str(f.Value, "software") != "slow" {
		t.Errorf("%v", f.Value)
	}
}

// What gives back all it is given is an echo, and no other protocol.
func TestEcho(t *testing.T) {
	port := serve(t, func(c net.Conn) { _, _ = io.Copy(c, c) })
	f, _ := identify(t, port).Get("service.protocol", probe.TCP(port))
	if probe.Str(f.Value, "protocol") != "echo" || probe.Bool(f.Value, "tls") {
		t.Errorf("%v", f.Value)
	}
}

// An endless talker costs a bounded number of bytes.
func TestEndlessTalker(t *testing.T) {
	port := serve(t, func(c net.Conn) {
		for {
			if _, err := c.Write([]byte(strings.Repeat("noise ", 1000))); err != nil {
				return
			}
		}
	})
	tg, rec := target(port)
	if err := svc.Run(t.Context(), tg, rec); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range rec.Records("service") {
		n += len(r.Recv)
	}
	if f, _ := svc.Parse(rec.Records("service")).Get("service.protocol", probe.TCP(port)); n > 64<<10 || probe.Str(f.Value, "protocol") != "other" || !strings.HasPrefix(probe.Str(f.Value, "excerpt"), "noise") {
		t.Errorf("%d bytes, %v", n, f.Value)
	}
}

// When the run ends nothing is said of ports that were not asked to the end.
func TestEnded(t *testing.T) {
	port := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	tg, rec := target(port)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := svc.Run(ctx, tg, rec); err != nil {
		t.Fatal(err)
	}
	if s := svc.Parse(rec.Records("service")); len(s) != 0 {
		t.Errorf("%v", s)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\n"), "ask", "http")
	f.Add([]byte("\xff\xfb"), "banner", "")
	f.Add([]byte{22, 3, 1, 0, 5, 2, 0, 0, 0}, "tls", "")
	f.Fuzz(func(t *testing.T, b []byte, event, item string) {
		_, v := parse(probe.Record{Event: event, Port: "tcp/9", Item: item, Recv: b, Sent: b}, probe.Record{Event: "end", Port: "tcp/9"})
		if s := probe.Str(v, "software"); probe.Str(v, "protocol") == "" || len(s) > 120 || len(probe.Str(v, "excerpt")) > 130 || strings.ContainsAny(s+probe.Str(v, "excerpt"), "\r\n\x00") {
			t.Errorf("%q: %v", b, v)
		}
	})
}
