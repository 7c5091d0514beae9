package mqtt

import (
	"slices"
	"strings"
	"testing"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// A broker that lets anybody in: what can be read is read, and written only with
// consent.
func TestOpenBroker(t *testing.T) {
	port := daemon.Mosquitto(t, "allow_anonymous true")
	if _, ok := daemon.Greets(t, Protocol.TCP, port); !ok {
		t.Error("not recognised")
	}
	for _, consent := range []bool{false, true} {
		target := daemon.Target(daemon.Speaks(port, name, false))
		if consent {
			target.Consents = []probe.Consent{probe.ConsentWrite}
		}
		rs, facts := daemon.Ask(t, *Protocol.Probe, target)
		f, ok := facts.Get("access.open", probe.TCP(port)+" mqtt")
		if !ok || !probe.Bool(f.Value, "read") || probe.Bool(f.Value, "write") != consent || probe.Bool(f.Value, "writeAsked") != consent || probe.Str(f.Value, "what") != "$SYS" {
			t.Errorf("consent %v: %v", consent, f.Value)
		}
		if d, ok := facts.Get("service.detail", probe.TCP(port)+" mqtt version"); !ok || !strings.HasPrefix(probe.Str(d.Value, "value"), "mosquitto version") {
			t.Errorf("version: %v", d.Value)
		}
		if len(facts.Named("signin.interface")) != 0 {
			t.Error("a sign-in was stated where anybody gets in")
		}
		if published := slices.ContainsFunc(rs, func(r probe.Record) bool { return strings.Contains(string(r.Sent), folder) }); published != consent {
			t.Errorf("consent %v, published %v", consent, published)
		}
	}
}

// A broker that demands a password has a sign-in and nothing open.
func TestClosedBroker(t *testing.T) {
	port := daemon.Mosquitto(t, "allow_anonymous false")
	_, facts := daemon.Ask(t, *Protocol.Probe, daemon.Target(daemon.Speaks(port, name, false)))
	f, ok := facts.Get("access.open", probe.TCP(port)+" mqtt")
	if !ok || probe.Bool(f.Value, "read") || probe.Bool(f.Value, "write") {
		t.Errorf("%v", f.Value)
	}
	if i, ok := facts.Get("signin.interface", probe.TCP(port)+" mqtt"); !ok || probe.Bool(i.Value, "encrypted") {
		t.Errorf("%v", i.Value)
	}
}

// What is not understood is never stated to be closed, and has a sign-in.
func TestUnclear(t *testing.T) {
	for _, recv := range [][]byte{nil, {0x20}, []byte("HTTP/1.1 400 no\r\n\r\n"), {0x20, 2, 0, 1}} {
		facts := parse([]probe.Record{{Event: "connect", Port: "tcp/1883", Number: 4, Recv: recv, Line: 1}})
		if len(facts.Named("access.open")) != 0 || len(facts.Named("signin.interface")) != 1 {
			t.Errorf("%q: %v", recv, facts)
		}
	}
}

func TestMatch(t *testing.T) {
	cases := map[string]bool{"\x20\x02\x00\x00": true, "\x20\x02\x00\x05": true, "\x20\x03\x00\x00\x00": true, "\x20\x03\x00\x87\x00": true,
		"\x10\x02\x00\x00": false, "\x20\x02\x00": false, "\x20\x02\x02\x00": false, "\x20\x02\x00\x07": false, "": false, " \x02ok": false}
	for in, want := range cases {
		if _, ok := match([]byte(in)); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x20\x02\x00\x00"), []byte("\x90\x04\x00\x01\x00\x00\x30\x06\x00\x01axyz"), 4)
	f.Add([]byte("\x20\x03\x00\x00\x00"), []byte("\x90\x05\x00\x01\x00\x00\x00\x32\x09\x00\x01a\x00\x01\x00xyz"), 5)
	f.Fuzz(func(t *testing.T, connack, stream []byte, level int) {
		_, _ = match(stream)
		n := 0
		for _, p := range packets(stream) {
			n += len(p.body)
		}
		if n > len(stream) {
			t.Errorf("%d bytes out of %d", n, len(stream))
		}
		for _, x := range parse([]probe.Record{{Event: "connect", Port: "tcp/1", Recv: connack, Number: level}, {Event: "read", Port: "tcp/1", Recv: stream, Number: level}, {Event: "write", Port: "tcp/1", Item: "hoshi-probe/x", Recv: stream, Number: level}}) {
			if len(probe.Str(x.Value, "what")) > probe.MaxText {
				t.Errorf("%v", x)
			}
		}
	})
}
