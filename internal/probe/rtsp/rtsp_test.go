package rtsp

import (
	"testing"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// A real server whose stream anybody may have, and one that asks for a sign-in.
func TestRealServer(t *testing.T) {
	for _, closed := range []bool{false, true} {
		port := daemon.RTSP(t, closed)
		if s, ok := daemon.Greets(t, Protocol.TCP, port); !ok || s != "GStreamer RTSP server" {
			t.Errorf("recognised %v as %q", ok, s)
		}
		_, facts := daemon.Ask(t, *Protocol.Probe, daemon.Target(daemon.Speaks(port, name, false)))
		f, ok := facts.Get("access.open", probe.TCP(port)+" rtsp")
		if !ok || probe.Bool(f.Value, "read") == closed || (probe.Str(f.Value, "what") == "/live") == closed {
			t.Errorf("closed %v: %v", closed, f.Value)
		}
		if _, ok := facts.Get("signin.interface", probe.TCP(port)+" rtsp /live"); ok != closed {
			t.Errorf("closed %v: %v", closed, facts)
		}
	}
}

// Streams at places that were not asked are not stated to be closed.
func TestPlaceNotFound(t *testing.T) {
	s := parseAll([]probe.Record{{Event: "describe", Port: "tcp/554", Item: "/", Recv: []byte("RTSP/1.0 404 Not Found\r\nCSeq: 2\r\n\r\n")}})
	if len(s.Named("access.open")) != 0 || len(s.Named("signin.interface")) != 1 {
		t.Errorf("%v", s)
	}
}

func TestMatch(t *testing.T) {
	cases := map[string]bool{
		"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n":                                        true,
		"HTTP/1.1 503 Service Unavailable\r\nServer: GStreamer RTSP Server\r\n\r\n": true,
		"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n<p>\nserver: rtsp":                     false,
		"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n":                                  false,
		"OPTIONS * RTSP/1.0\r\n\r\n":                                                false,
		"":                                                                          false,
	}
	for in, want := range cases {
		if _, ok := match([]byte(in)); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("RTSP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nm=x\n"))
	f.Add([]byte("RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm=\"x\"\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = match(b)
		_ = wholeReply(b)
		if s := parseAll([]probe.Record{{Event: "describe", Port: "tcp/554", Item: "/", Recv: b}}); len(s) == 0 {
			t.Error("a server that was asked has no fact")
		}
	})
}
