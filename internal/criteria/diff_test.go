package criteria

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"hoshi/internal/fact"
)

// Whatever value of an edition changes, Diff says so; the same edition has none.
func TestDiffMissesNothing(t *testing.T) {
	a := load(t, example)
	if cs := Diff(a, load(t, example)); len(cs) > 0 {
		t.Fatalf("the same edition twice: %v", cs)
	}
	var tree any
	if err := json.Unmarshal(a.Source(), &tree); err != nil {
		t.Fatal(err)
	}
	changed := 0
	try := func(path string) {
		src, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse("edition.json", src)
		if err != nil {
			return // the change made the edition faulty
		}
		if a.Digest() == b.Digest() {
			return // it was this value before
		}
		changed++
		cs := Diff(a, b)
		if len(cs) == 0 {
			t.Errorf("%s: the change goes unnoticed", path)
		}
		for _, c := range cs {
			if c.Text.JA == "" || c.Text.EN == "" || strings.Contains(c.Text.JA+c.Text.EN, "criteria.") {
				t.Errorf("%s: text %v", path, c.Text)
			}
		}
	}
	var walk func(path string, v any, set func(any))
	walk = func(path string, v any, set func(any)) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"."+k, e, func(n any) { v[k] = n })
			}
		case []any:
			for i, e := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), e, func(n any) { v[i] = n })
			}
			if len(v) > 1 {
				set(append([]any{v[len(v)-1]}, v[:len(v)-1]...))
				try(path + " turned")
				set(v)
			}
		case string:
			for _, n := range []string{v + "x", string(Confirmed)} {
				set(n)
				try(path)
			}
			set(v)
		case float64:
			set(v + 1)
			try(path)
			set(v)
		case bool:
			set(!v)
			try(path)
			set(v)
		}
	}
	walk("", tree, func(any) {})
	if changed < 100 {
		t.Errorf("only %d changes were tried", changed)
	}
}

// What can alter an outcome is major, what explains is minor.
func TestDiffMajor(t *testing.T) {
	a := load(t, example)
	for _, tc := range []struct {
		file, old, new string
		part           string
		major          bool
	}{
		{"EX-B-2.yaml", "{int: 3}", "{int: 2}", "thresholds most_open_ports", true},
		{"EX-B-2.yaml", "例示スキームの規程 2 条", "例示スキームの規程 3 条", "thresholds most_open_ports", false},
		{"EX-B-2.yaml", "fail_if: tcp_open.size() > most_open_ports", "fail_if: tcp_open.size() >= most_open_ports", "rules R-B2-1", true},
		{"EX-B-2.yaml", "Too many ports are open", "Too many open ports", "rules R-B2-1", false},
		{"EX-B-2.yaml", "asked == 65535", "asked >= 1000", "needs", true},
		{"EX-B-3.yaml", "en: Check it.", "en: Check both.", "guidance.steps", false},
		{"EX-B-3.yaml", "words: {ja: 共通の初期値を使わないこと。", "words: {ja: 共通の値を使わないこと。", "words", true},
	} {
		b, err := Load(exampleFS(t, [3]string{tc.file, tc.old, tc.new}), example)
		if err != nil {
			t.Fatal(err)
		}
		cs := Diff(a, b)
		if len(cs) != 1 || cs[0].Part != tc.part || cs[0].Major != tc.major || cs[0].Kind != "changed" {
			t.Errorf("%s: %+v", tc.new, cs)
		}
	}
}

// The flaw table of the practice camera: the facts that a flaw leaves flip exactly
// the criterion of the table to "does not conform". Package practice holds all
// rows of all makes to the table with the devices themselves.
func TestFlawTable(t *testing.T) {
	tcp := func(open int) fact.Fact {
		return observed("tcp.coverage", "", m{"asked": 65535, "open": open, "closed": 65535 - open, "filtered": 0, "undecided": 0})
	}
	service := func(port, protocol string) fact.Fact {
		return observed("service.protocol", port, m{"protocol": protocol, "over": "", "tls": false, "understood": protocol != "other", "software": "", "excerpt": ""})
	}
	entrance := func(id, port, kind string) []fact.Fact {
		return []fact.Fact{observed("signin.coverage", "", m{"interfaces": 2, "firstUses": 0, "changes": 0}), observed("signin.interface", id, m{"port": port, "kind": kind, "encrypted": false}),
			observed("signin.default", id, m{"tried": 12, "accepted": []string{}, "forced": []string{}, "why": "", "wait": 0, "complete": true}),
			observed("signin.limit", id, m{"attempts": 20, "limited": true, "after": 5, "how": "lockout", "guessesPerDay": 7200, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": true})}
	}
	open := func(port string) fact.Fact { return observed("tcp.open", port, true) }
	left := map[string][]fact.Fact{
		"open-settings":     {observed("access.anonymous", "web", m{"asked": 1, "granted": 1, "what": []string{"/settings"}})},
		"common-password":   {observed("signin.default", form, m{"tried": 12, "accepted": []string{"admin"}, "forced": []string{}, "why": "", "wait": 0, "complete": true})},
		"unlimited-sign-in": {observed("signin.limit", form, m{"attempts": 30, "limited": false, "after": 0, "how": "", "guessesPerDay": 864000, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": true})},
		"old-tls":           {observed("tls.version", "tcp/443", m{"versions": []string{"TLS 1.0", "TLS 1.2", "TLS 1.3"}, "asked": []string{}, "complete": true})},
		"plain-http": append(entrance("tcp/80 form /login", "tcp/80", "form"), tcp(2), open("tcp/80"), service("tcp/80", "http"),
			declared("declared.summary", "", m{"assets": 2, "paths": 2, "ports": 3, "accounts": 1, "updates": 1}),
			declared("declared.port", "tcp/80", m{"service": "http", "reason": "settings page"}),
			declared("declared.path", "web80", m{"assets": []string{"password"}, "port": "tcp/80", "local": true, "to": "browser", "network": true, "public": false, "protection": ""}),
			observed("access.coverage", "", m{"paths": 2, "asked": 2}), observed("access.anonymous", "web80", m{"asked": 1, "granted": 0, "what": []string{}})),
		"telnet":      append(entrance("tcp/23 telnet", "tcp/23", "telnet"), tcp(2), open("tcp/23"), service("tcp/23", "telnet")),
		"debug-port":  {tcp(2), open("tcp/50000"), service("tcp/50000", "http")},
		"udp-service": {observed("udp.open", "udp/161", m{"service": "snmp", "answered": true}), observed("udp.coverage", "", m{"asked": 20, "open": 2, "answered": 2, "closed": 18, "filtered": 0, "undecided": 0, "method": "questions"})},
		"no-reason":   {declared("declared.port", "tcp/443", m{"service": "https", "reason": ""})},
	}
	b, err := os.ReadFile("../practice/flaws.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Flaws []struct{ Make, ID, Criterion string }
	}
	if err := yaml.Unmarshal(b, &table); err != nil || len(table.Flaws) == 0 {
		t.Fatal(err)
	}
	e := star1(t)
	for _, flaw := range table.Flaws {
		facts, ok := left[flaw.ID]
		if !ok || flaw.Make != "camera" {
			continue
		}
		delete(left, flaw.ID)
		whole := e.Judge(good())
		for i, v := range e.Judge(change(facts...)) {
			want := whole[i].Outcome
			if v.Criterion == flaw.Criterion {
				want = DoesNotConform
			}
			if v.Outcome != want {
				t.Errorf("%s: %s is %s by %s (missing %v), want %s", flaw.ID, v.Criterion, v.Outcome, v.Rule, v.Missing, want)
			}
		}
	}
	for id := range left {
		t.Errorf("the table has no flaw %s", id)
	}
}

// A device with every port open is judged within the cost limit, and the reason
// stays short.
func TestManyPorts(t *testing.T) {
	facts := change(observed("tcp.coverage", "", m{"asked": 65535, "open": 20001, "closed": 45534, "filtered": 0, "undecided": 0}))
	for p := range 20000 {
		facts = append(facts, observed("tcp.open", fmt.Sprintf("tcp/%d", 1000+p), true))
	}
	for _, v := range star1(t).Judge(facts) {
		if v.Criterion == "S1.1-13" && v.Outcome != DoesNotConform {
			t.Errorf("%s by %s", v.Outcome, v.Rule)
		}
		if len(v.Reason().JA) > 3000 {
			t.Errorf("%s: the reason has %d bytes", v.Criterion, len(v.Reason().JA))
		}
	}
}
