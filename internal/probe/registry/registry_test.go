package registry_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hoshi/internal/probe/registry"
)

// Each protocol over TCP is known by one name; all can be recognised where they are
// spoken, and have a folder with a fuzz target when they ask further.
func TestProtocols(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range registry.Protocols {
		if seen[p.Name] && p.TCP != nil { // over UDP a protocol may be asked in several versions
			t.Errorf("%s is listed twice", p.Name)
		}
		seen[p.Name] = seen[p.Name] || p.TCP != nil
		if p.TCP == nil && p.UDP == nil || p.TCP != nil && p.TCP.Match == nil || p.UDP != nil && (p.UDP.Match == nil || p.UDP.Ask == nil) {
			t.Errorf("%s cannot be recognised", p.Name)
		}
		if p.Probe == nil {
			continue
		}
		tests, err := filepath.Glob(filepath.Join("..", p.Probe.Name, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		fuzzed := false
		for _, f := range tests {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			fuzzed = fuzzed || strings.Contains(string(b), "\nfunc Fuzz")
		}
		if !fuzzed {
			t.Errorf("%s has no fuzz target in its folder", p.Probe.Name)
		}
	}
	names := map[string]bool{}
	for _, p := range registry.Probes {
		if names[p.Name] {
			t.Errorf("two probes write to %s.jsonl", p.Name)
		}
		names[p.Name] = true
	}
}

// Odd bytes and nothing at all are taken for no protocol.
func TestNothingIsRecognisedInNothing(t *testing.T) {
	for _, b := range []string{"", "\x00", "\xff", "\n", " ", "OK\r\n", strings.Repeat("\x00", 64), strings.Repeat("\xff", 1), strings.Repeat("A", 300)} {
		for _, p := range registry.Protocols {
			if p.TCP == nil {
				continue
			}
			if _, ok := p.TCP.Match([]byte(b)); ok {
				t.Errorf("%q is taken for %s", b, p.Name)
			}
		}
	}
}

// Every probe has its turn; scans have it alone; those that may ask the same port
// take turns.
func TestStages(t *testing.T) {
	var order []string
	lanes := map[string]int{}
	for i, stage := range registry.Stages() {
		for k, lane := range stage {
			for _, p := range lane {
				order = append(order, p.Name)
				lanes[p.Name] = 100*i + k
				if (p.Continues || p.Intrusive) && (len(stage) > 1 || len(lane) > 1) {
					t.Errorf("%s runs beside others", p.Name)
				}
			}
		}
	}
	if len(order) != len(registry.Probes) {
		t.Errorf("%d of %d probes have a stage: %v", len(order), len(registry.Probes), order)
	}
	at := func(name string) int { return slices.Index(order, name) }
	for _, x := range [][2]string{{"tcp", "udp"}, {"udp", "service"}, {"udp", "snmp"}, {"service", "tls"}, {"tls", "http"}, {"http", "ipp"}, {"ssdp", "signin"}, {"snmp", "signin"}, {"signin", "uptime"}} {
		if at(x[0]) < 0 || at(x[0]) >= at(x[1]) {
			t.Errorf("%s is not before %s: %v", x[0], x[1], order)
		}
	}
	if lanes["http"] != lanes["ssdp"] || lanes["http"] != lanes["ipp"] || lanes["http"] == lanes["mqtt"] {
		t.Errorf("lanes: %v", lanes)
	}
}
