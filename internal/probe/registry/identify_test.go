package registry_test

import (
	"strings"
	"testing"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
	"hoshi/internal/testkit/daemon"
)

// Every real service is recognised on a port that says nothing about it, and for
// no other than it is.
func TestIdentification(t *testing.T) {
	facts := fact.Set{}
	ports := map[string]daemon.Service{}
	for _, s := range daemon.Services {
		p := probe.TCP(s.Start(t))
		ports[p] = s
		facts = append(facts, probe.Observed("tcp.open", p, true))
	}
	target := daemon.Target(facts...)
	target.Pace.Exchange = 12 * time.Second // all of them share this machine with other tests
	start := time.Now()
	_, got := daemon.Ask(t, find(t, "service"), target)
	t.Logf("%d services in %.1f s", len(ports), time.Since(start).Seconds())
	right, named := 0, 0
	for port, s := range ports {
		f, ok := got.Get("service.protocol", port)
		p := probe.Str(f.Value, "protocol")
		if p != "other" && p != "silent" && ok {
			named++
		}
		if p != s.Protocol || probe.Bool(f.Value, "tls") != s.TLS {
			t.Errorf("%s: %v", s.Name, f.Value)
			continue
		}
		right++
		if !strings.HasPrefix(probe.Str(f.Value, "software"), s.Software) {
			t.Errorf("%s calls itself %q", s.Name, probe.Str(f.Value, "software"))
		}
	}
	t.Logf("precision %d of %d, recall %d of %d", right, named, right, len(ports))
}

func find(t *testing.T, name string) probe.Probe {
	t.Helper()
	for _, p := range registry.Probes {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no probe %s", name)
	return probe.Probe{}
}
