// Package udpd starts real UDP services for contract tests and runs one probe
// against them.
package udpd

import (
	"bytes"
	"crypto/rand"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// Loopback is where services listen outside a namespace.
var Loopback = netip.MustParseAddr("127.0.0.1")

// Start starts a service on a free port of loopback and waits until it answers
// in its protocol.
func Start(t testing.TB, talk *probe.Talk, command func(dir string, port int) []string) int {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: Loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	port := c.LocalAddr().(*net.UDPAddr).Port
	_ = c.Close()
	args := command(t.TempDir(), port)
	var out bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed: %v", args[0], err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if !Answers(t, Loopback, port, talk) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("%s does not answer: %s", args[0], out.String())
	}
	return port
}

// Answers waits until a service answers in its protocol, for at most a minute. It
// asks when something listens, and seldom: miniupnpd works through a queue of
// searches at one a second.
func Answers(t testing.TB, addr netip.Addr, port int, talk *probe.Talk) bool {
	t.Helper()
	n := probe.NewNet(addr, nil)
	heard, err := n.Packets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		refusals, err := n.UDP(t.Context(), port, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_, err = probe.Datagram(t.Context(), refusals, nil, 20*time.Millisecond)
		_ = refusals.Close()
		if probe.Word(err) == "refused" {
			probe.Wait(t.Context(), 20*time.Millisecond)
			continue
		}
		_ = heard.Send(port, talk.Ask(addr.String(), make([]byte, 32)))
		for next := time.Now().Add(2 * time.Second); ; {
			got, err := heard.Receive(time.Until(next))
			if err != nil {
				break
			}
			if _, ok := talk.Match(got); ok {
				return true
			}
		}
	}
	return false
}

// Target is a device with services found on UDP ports.
func Target(addr netip.Addr, found map[int]string, consents ...probe.Consent) *probe.Target {
	pace := probe.Practice()
	pace.UDPWait, pace.UDPTries = 2*time.Second, 3 // as in earnest: a test machine may be busy
	t := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Network: probe.ModeShared, Pace: pace, Consents: consents, Rand: rand.Reader}
	for port, service := range found {
		t.Facts = append(t.Facts, probe.Observed("udp.open", probe.UDP(port), map[string]any{"service": service, "answered": true}))
	}
	return t
}

// Run runs a probe and returns its facts and what it recorded. A fact that the
// vocabulary does not know fails the test.
func Run(t testing.TB, p probe.Probe, target *probe.Target) (fact.Set, []probe.Record) {
	t.Helper()
	rec := probe.NewRecorder(time.Now, nil)
	if err := p.Run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	records := rec.Records(p.Name)
	facts := p.Parse(records)
	for _, f := range facts {
		if !fact.Known(f.Name) {
			t.Errorf("%s is not in the vocabulary", f.Name)
		}
	}
	return facts, records
}

// Get returns the value of a fact that must be there.
func Get(t testing.TB, s fact.Set, name, subject string) any {
	t.Helper()
	f, ok := s.Get(name, subject)
	if !ok {
		var have []string
		for _, f := range s {
			have = append(have, f.ID())
		}
		t.Fatalf("no %s[%s]; there are %q", name, subject, have)
	}
	return f.Value
}
