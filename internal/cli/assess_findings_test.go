package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fact"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
)

// What a person must look at stands in the result of the command whatever the
// verdicts say: that the device stopped or restarted, with what was sent last.
func TestFindingsInResult(t *testing.T) {
	edition, err := criteria.Builtin(assess.DefaultEdition)
	if err != nil {
		t.Fatal(err)
	}
	run := &evidence.Run{
		Facts: fact.Set{
			probe.Observed("device.outage", "tcp 1", map[string]any{"kind": "reboot", "during": "tcp", "seconds": 12, "rate": 480, "last": "8080,443"}),
			probe.Observed("device.outage", "services 1", map[string]any{"kind": "unknown", "during": "services", "seconds": 9, "rate": 0, "last": "7.1 s http tcp/80: GET /reset"}),
			probe.Observed("device.restart", "udp/161 snmp", map[string]any{"restarted": true, "at": 8000, "secondsBefore": 900, "secondsAfter": 4, "bootsBefore": 0, "bootsAfter": 0}),
			probe.Observed("device.restart", "udp/161 snmp-host", map[string]any{"restarted": false, "at": -900000, "secondsBefore": 900, "secondsAfter": 910, "bootsBefore": 0, "bootsAfter": 0}),
		},
		Transcripts: map[string][]probe.Record{"http": {{At: 7100, Probe: "http", Port: "tcp/80", Event: "asked", Sent: []byte("GET /reset HTTP/1.1\r\n\r\n"), Error: "timeout"}}},
	}
	for _, l := range i18n.Langs {
		words := []string{l.T("report.findings"),
			l.T("report.outage.reboot", "rate", 480, "seconds", 12, "last", "8080,443"),
			l.T("report.outage.services.unknown", "rate", 0, "seconds", 9, "last", "7.1 s http tcp/80: GET /reset"),
			l.T("report.restart", "at", 8, "after", 4, "last", "7.1 s http tcp/80: GET /reset HTTP/1.1")}
		var out bytes.Buffer
		if err := report(&Env{Stdout: &out}, l, edition, run, assessFlags{out: "run.hoshi"}, nil); err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: %q is not in\n%s", l, w, out.String())
			}
		}
		if strings.Contains(out.String(), "snmp-host") {
			t.Errorf("%s: a device that ran on is a finding", l)
		}
	}
	var out bytes.Buffer
	if err := report(&Env{Stdout: &out}, i18n.EN, edition, run, assessFlags{out: "run.hoshi", json: true}, nil); err != nil {
		t.Fatal(err)
	}
	var result struct {
		Findings []struct{ Fact, Subject, Text string }
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Findings) != 3 || result.Findings[0].Fact != "device.outage" || !strings.Contains(result.Findings[1].Text, "GET /reset") {
		t.Errorf("%+v", result.Findings)
	}
}
