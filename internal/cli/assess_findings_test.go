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
	for l, words := range map[i18n.Lang][]string{
		i18n.JA: {"気をつけて見ること", "直後に再起動し、12 秒間応答しませんでした。直前に調べたポート: 8080,443", "9 秒間接続を受け付けませんでした。直前に送った内容: 7.1 s http tcp/80: GET /reset", "試験開始から 8 秒後に起動し直しました", "その直前に送った内容: 7.1 s http tcp/80: GET /reset"},
		i18n.EN: {"Findings", "Restarted right after test packets (480 a second) and was silent for 12 s. Ports asked last: 8080,443", "Took no connections for 9 s while its services were tested. Sent last: 7.1 s http tcp/80: GET /reset", "Started anew 8 s after the test began", "Sent last before: 7.1 s http tcp/80: GET /reset"},
	} {
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
