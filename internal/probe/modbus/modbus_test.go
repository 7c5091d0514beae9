package modbus

import (
	"testing"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// A real server, Debian's python3-pymodbus: who it is, and a value of it.
func TestRealServer(t *testing.T) {
	port := daemon.Modbus(t)
	if s, ok := daemon.Greets(t, Protocol.TCP, port); !ok || s != "Boxmaker Pump 3" {
		t.Errorf("recognised %v as %q", ok, s)
	}
	rs, facts := daemon.Ask(t, *Protocol.Probe, daemon.Target(daemon.Speaks(port, name, false)))
	f, ok := facts.Get("access.open", probe.TCP(port)+" modbus")
	if !ok || !probe.Bool(f.Value, "read") || probe.Bool(f.Value, "write") || probe.Str(f.Value, "what") != "holding registers" {
		t.Errorf("%v", f.Value)
	}
	for key, want := range map[string]string{"vendor": "Boxmaker", "product": "Pump 3", "version": "1.4"} {
		if d, _ := facts.Get("service.detail", probe.TCP(port)+" modbus "+key); probe.Str(d.Value, "value") != want {
			t.Errorf("%s: %v", key, d.Value)
		}
	}
	for _, r := range rs {
		if f := r.Sent[7]; f != identification && f > 4 {
			t.Errorf("a function that does more than read was sent: %d", f)
		}
	}
}

func TestMatch(t *testing.T) {
	cases := map[string]bool{
		"\x12\x34\x00\x00\x00\x03\x01\xab\x01":                              true,
		"\x12\x34\x00\x00\x00\x0b\x01\x2b\x0e\x01\x01\x00\x00\x01\x00\x01A": true,
		"\x12\x34\x00\x00\x00\x05\x01\x2b\x0e\x01\x00":                      false, // our own request, given back
		"\x12\x34\x00\x00\x00\x03\x01\xab\x00":                              false,
		"\x12\x34\x00\x01\x00\x03\x01\xab\x01":                              false,
		"\x12\x34\x00\x00\x00\x0b\x01\x2b\x0e\x01\x01\x00\x00\x01\x00\xffA": false,
		"": false,
	}
	for in, want := range cases {
		if _, ok := match([]byte(in)); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
}

// A server that refuses every read is not open; one that is silent is not judged.
func TestRefused(t *testing.T) {
	ask := request(1, 1, 3, 0, 0, 0, 1)
	s := parse([]probe.Record{{Event: "read", Port: "tcp/502", Sent: ask, Recv: []byte{0, 1, 0, 0, 0, 3, 1, 0x83, 2}}})
	if f, ok := s.Get("access.open", "tcp/502 modbus"); !ok || probe.Bool(f.Value, "read") {
		t.Errorf("%v", s)
	}
	if s := parse([]probe.Record{{Event: "read", Port: "tcp/502", Sent: ask, Error: "timeout"}}); len(s) != 0 {
		t.Errorf("%v", s)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x12\x34\x00\x00\x00\x0b\x01\x2b\x0e\x01\x01\x00\x00\x01\x00\x01A"))
	f.Add([]byte("\x00\x01\x00\x00\x00\x05\x01\x03\x02\x00\x07"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := match(b); ok && len(b) < 9 {
			t.Errorf("%q", b)
		}
		parse([]probe.Record{{Event: "identify", Port: "tcp/502", Recv: b, Sent: b}, {Event: "read", Port: "tcp/502", Recv: b, Sent: b}})
	})
}
