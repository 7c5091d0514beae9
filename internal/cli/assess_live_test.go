package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/i18n"
	"hoshi/internal/probe/registry"
)

// Probes that are under way at once are all named, each until its own end.
func TestLiveSeveral(t *testing.T) {
	p := &progress{w: &bytes.Buffer{}, l: i18n.EN, began: time.Now(), live: true,
		parts: []assess.Part{{Name: "services", Least: 10 * time.Minute, Most: 20 * time.Minute}, {Name: "signin", Least: time.Hour, Most: time.Hour}}}
	saw := func(columns int, want string) {
		t.Helper()
		if got := p.picture(columns)[0]; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	tell := func(probe, state, port string) { p.event(assess.Event{Probe: probe, State: state, Port: port}) }
	tell("service", "begin", "")
	tell("service", "progress", "tcp/80")
	saw(79, "what speaks on each port  records: 1 (tcp/80)")
	tell("service", "end", "")
	saw(79, "what speaks on each port  records: 1 (tcp/80)") // until something else begins
	tell("http", "begin", "")
	tell("snmp", "begin", "")
	tell("tls", "begin", "")
	tell("http", "progress", "tcp/80")
	saw(200, "3 at once: web sign-ins and reading, what SNMP lets read and write, TLS versions and suites")
	saw(79, "3 at once: web sign-ins and reading, what SNMP lets read and write and 1 more")
	saw(59, "3 at once: web sign-ins and reading and 2 more")
	if got := p.left(); !strings.HasPrefix(got, "1 h 9 min") && !strings.HasPrefix(got, "1 h 10 min") {
		t.Errorf("time left: %s", got) // the part under way is not counted once for each probe
	}
	tell("http", "end", "")
	tell("tls", "end", "")
	tell("snmp", "progress", "udp/161")
	saw(79, "what SNMP lets read and write  records: 1 (udp/161)")
}

// Every probe has a name for people.
func TestProbeNames(t *testing.T) {
	for _, p := range registry.Probes {
		if !i18n.Has("assess.probe." + p.Name) {
			t.Errorf("probe %s has no name", p.Name)
		}
	}
}
