package dns

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

func TestRealServer(t *testing.T) {
	for settings, want := range map[string]string{"": "refused", "address=/example.com/192.0.2.9\n": "answered"} {
		port := daemon.Dnsmasq(t, settings)
		if _, ok := daemon.Greets(t, Protocol.TCP, port); !ok {
			t.Error("not recognised over TCP")
		}
		target := daemon.Target(daemon.Speaks(port, name, false), probe.Observed("udp.open", probe.UDP(port), map[string]any{"service": name}))
		c, err := target.Net.UDP(t.Context(), port, target.Pace.Exchange)
		if err != nil {
			t.Fatal(err)
		}
		got, err := probe.Datagram(t.Context(), c, Protocol.UDP.Ask("", []byte{1, 2}), target.Pace.Exchange)
		_ = c.Close()
		if _, ok := Protocol.UDP.Match(got); !ok {
			t.Errorf("not recognised over UDP: %q, %v", got, err)
		}
		_, facts := daemon.Ask(t, *Protocol.Probe, target)
		for _, p := range []string{probe.TCP(port), probe.UDP(port)} {
			if d, _ := facts.Get("service.detail", p+" dns recursion"); probe.Str(d.Value, "value") != want {
				t.Errorf("%q on %s: %v", settings, p, d.Value)
			}
			if d, _ := facts.Get("service.detail", p+" dns version"); len(probe.Str(d.Value, "value")) < 7 || probe.Str(d.Value, "value")[:7] != "dnsmasq" {
				t.Errorf("version on %s: %v", p, d.Value)
			}
		}
	}
}

// A question is no answer: what an echo gives back is not recognised.
func TestQuestionIsNoAnswer(t *testing.T) {
	q := roots([]byte{1, 2})
	if _, ok := match(q); ok {
		t.Error("a question was taken for an answer")
	}
	if _, ok := Protocol.TCP.Match(framed(q)); ok {
		t.Error("a question was taken for an answer over TCP")
	}
	q[2] |= 0x80
	if _, ok := match(q); !ok {
		t.Error("an answer was not recognised")
	}
}

// A server that would ask others and could not is told from one that refuses.
func TestRecursion(t *testing.T) {
	cases := map[string]dnsmessage.Header{
		"offered": {Response: true, RecursionAvailable: true, RCode: dnsmessage.RCodeServerFailure},
		"refused": {Response: true, RCode: dnsmessage.RCodeRefused},
	}
	for want, h := range cases {
		b, err := (&dnsmessage.Message{Header: h}).Pack()
		if err != nil {
			t.Fatal(err)
		}
		if s := parse([]probe.Record{{Event: "recursion", Port: "udp/53", Recv: b}}); len(s) != 1 || probe.Str(s[0].Value, "value") != want {
			t.Errorf("%s: %v", want, s)
		}
	}
}

// An answer much longer than its question is stated as such.
func TestAmplification(t *testing.T) {
	sent := query(1, "example.com.", dnsmessage.TypeA, dnsmessage.ClassINET, true)
	facts := parse([]probe.Record{{Probe: name, Event: "recursion", Port: "udp/53", Item: "example.com.", Sent: sent, Recv: make([]byte, 20*len(sent))}})
	f, ok := facts.Get("amplification", "udp/53 dns")
	if !ok || probe.Int(f.Value, "percent") != 2000 {
		t.Errorf("%v", facts)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(roots([]byte{1, 2}))
	f.Add([]byte("\x48\x53\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03\x00\x00\x00\x00\x00\x02\x01x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = match(b)
		_, _ = Protocol.TCP.Match(b)
		for _, x := range parse([]probe.Record{{Event: "recursion", Port: "udp/53", Recv: b}, {Event: "version", Port: "tcp/53", Recv: b}}) {
			if probe.Str(x.Value, "value") == "" {
				t.Errorf("%v", x)
			}
		}
	})
}
