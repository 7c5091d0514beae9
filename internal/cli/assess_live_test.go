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
	saw(79, "which services are on the ports  records: 1 (tcp/80)")
	tell("service", "end", "")
	saw(79, "which services are on the ports  records: 1 (tcp/80)") // until something else begins
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

// Where only the known UDP services are asked, no bar claims that all ports are; a
// wait that the device asked for is shown as such.
func TestLiveWaits(t *testing.T) {
	p := &progress{w: &bytes.Buffer{}, l: i18n.EN, began: time.Now(), live: true, parts: []assess.Part{{Name: "udp-alone", Least: time.Minute, Most: time.Minute}}}
	p.event(assess.Event{Probe: "udp", State: "begin"})
	p.event(assess.Event{Probe: "udp", State: "progress", Note: "estimate", Total: 65535, All: 65535})
	p.event(assess.Event{Probe: "udp", State: "progress", Note: "closed", Done: 7, Total: 65535, Rate: 1, Left: 65528})
	if got := p.picture(79)[0]; got != "UDP ports  known services only (7 settled)" {
		t.Error(got)
	}
	if got := p.left(); strings.Contains(got, "h") {
		t.Errorf("time left: %s", got) // not the time that all ports would take
	}
	p.event(assess.Event{Probe: "udp", State: "end"})
	p.event(assess.Event{Probe: "signin", State: "begin"})
	p.event(assess.Event{Probe: "signin", State: "progress", Done: 4, Item: "tcp/80 form /", Note: "attempt", Wait: 3600})
	if got := p.picture(200)[0]; !strings.HasPrefix(got, "sign-in tests  the device asked to wait, ") || !strings.HasSuffix(got, " s more: tcp/80 form /") {
		t.Error(got)
	}
}

// Every probe has a name for people.
func TestProbeNames(t *testing.T) {
	for _, p := range registry.Probes {
		if !i18n.Has("assess.probe." + p.Name) {
			t.Errorf("probe %s has no name", p.Name)
		}
	}
}
