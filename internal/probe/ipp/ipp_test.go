package ipp

import (
	"strings"
	"testing"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// A real print server that takes jobs from anybody, and one that asks who it is.
func TestRealServer(t *testing.T) {
	for _, closed := range []bool{false, true} {
		policy := ""
		if closed {
			policy = "AuthType Basic\nRequire valid-user"
		}
		port := daemon.CUPS(t, policy)
		if s, ok := daemon.Greets(t, Protocol.TCP, port); !ok || !strings.HasPrefix(s, "CUPS/") {
			t.Errorf("recognised %v as %q", ok, s)
		}
		rs, facts := daemon.Ask(t, *Protocol.Probe, daemon.Target(daemon.Speaks(port, name, false)))
		f, ok := facts.Get("access.open", probe.TCP(port)+" ipp")
		if !ok || probe.Bool(f.Value, "read") == closed || probe.Bool(f.Value, "write") == closed {
			t.Errorf("closed %v: %v, %v", closed, ok, f.Value)
		}
		if _, ok := facts.Get("signin.interface", probe.TCP(port)+" other "+usual); ok != closed {
			t.Errorf("closed %v: %v", closed, facts.Named("signin.interface"))
		}
		for _, r := range rs {
			_, body, _ := strings.Cut(string(r.Sent), "\r\n\r\n")
			if op := body[2:4]; op != "\x00\x0b" && op != "\x40\x01" && op != "\x00\x0a" && op != "\x00\x04" {
				t.Errorf("operation %x may change something", op)
			}
		}
		if d, ok := facts.Get("service.detail", probe.TCP(port)+" ipp model"); !closed && (!ok || probe.Str(d.Value, "value") == "") {
			t.Errorf("model: %v", facts)
		}
	}
}

// An ordinary web server is no printer.
func TestMatch(t *testing.T) {
	cases := map[string]bool{
		"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n\r\n":   true,
		"HTTP/1.1 404 Not Found\r\nServer: CUPS/2.4 IPP/2.1\r\n\r\n": true,
		"HTTP/1.1 200 OK\r\nServer: lighttpd/1.4\r\n\r\n":            false,
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nIPP/2.1":  false,
		"": false,
	}
	for in, want := range cases {
		if _, ok := match([]byte(in)); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n\r\n\x01\x01\x00\x00\x00\x00\x00\x01\x01\x41\x00\x01a\x00\x01b\x03"))
	f.Add([]byte("HTTP/1.1 401 No\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = match(b)
		_ = whole(b)
		if r, ok := parseResponse(b); ok && len(r.attributes) > 200 {
			t.Error("too many attributes")
		}
		for _, e := range []string{"printer", "jobs", "validate"} {
			parse([]probe.Record{{Event: e, Port: "tcp/631", Item: "/", Recv: b}})
		}
	})
}
