package daemon

import (
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// Target is the loopback as the device of a run, asked at the fast pace, with
// facts that earlier probes would have stated.
func Target(facts ...fact.Fact) *probe.Target {
	a := netip.MustParseAddr(Addr)
	pace := probe.Practice()
	pace.Exchange = 6 * time.Second // tests share the machine
	return &probe.Target{Addr: a, Net: probe.NewNet(a, nil), Network: probe.ModeShared, Pace: pace, Rand: rand.Reader, Facts: facts}
}

// Speaks states that a protocol was found on a TCP port.
func Speaks(port int, protocol string, tls bool) fact.Fact {
	return probe.Observed("service.protocol", probe.TCP(port), map[string]any{"protocol": protocol, "over": "", "tls": tls, "understood": true, "software": "", "excerpt": ""})
}

// Ask runs one probe and returns what it recorded and the facts of it.
func Ask(t testing.TB, p probe.Probe, target *probe.Target) ([]probe.Record, fact.Set) {
	t.Helper()
	rec := probe.NewRecorder(time.Now, nil)
	if err := p.Run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	rs := rec.Records(p.Name)
	return rs, p.Parse(rs)
}

// Greets connects to a port in a protocol's way and reports whether the protocol
// recognises what comes back. A server for one client at a time may drop the first
// connections while it still closes the one before.
func Greets(t testing.TB, talk *probe.Talk, port int) (software string, ok bool) {
	t.Helper()
	target := Target()
	var got []byte
	for range 5 {
		c, err := target.Net.Patiently(t.Context(), port, target.Pace.Exchange)
		if err != nil {
			t.Fatal(err)
		}
		var ask []byte
		if talk.Ask != nil {
			random := make([]byte, 32)
			if _, err := rand.Read(random); err != nil {
				t.Fatal(err)
			}
			ask = talk.Ask(target.Host(port, false), random)
		}
		got, err = probe.Exchange(t.Context(), c, ask, 8<<10, target.Pace.Exchange, func(b []byte) bool {
			_, ok := talk.Match(b)
			return ok && (talk.Whole == nil || talk.Whole(b))
		})
		_ = c.Close()
		if len(got) > 0 || probe.Word(err) == "timeout" {
			break
		}
	}
	return talk.Match(got)
}
