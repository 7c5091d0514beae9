package criteria

import (
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hoshi/internal/fact"
)

type m = map[string]any

func observed(name, subject string, v any) fact.Fact {
	n, err := fact.Normal(v)
	if err != nil {
		panic(err)
	}
	return fact.Fact{Name: name, Subject: subject, Value: n, Origin: fact.Observed}
}

func declared(name, subject string, v any) fact.Fact {
	f := observed(name, subject, v)
	f.Origin = fact.Declared
	return f
}

const form = "tcp/443 form /login"

// good are the facts of a camera without flaws: HTTPS only, one account, one path.
func good() fact.Set {
	return fact.Set{
		declared("declared.summary", "", m{"assets": 2, "paths": 1, "ports": 2, "accounts": 1, "updates": 1}),
		declared("declared.asset", "wifi-key", m{"kind": "communication-settings", "name": "Wi-Fi", "stored": true, "sent": true}),
		declared("declared.asset", "password", m{"kind": "security-settings", "name": "password", "stored": true, "sent": true}),
		declared("declared.path", "web", m{"assets": []string{"wifi-key", "password"}, "port": "tcp/443", "local": true, "to": "browser", "network": true, "public": false, "protection": "TLS"}),
		declared("declared.port", "tcp/443", m{"service": "https", "reason": "settings page"}),
		declared("declared.port", "udp/5353", m{"service": "mdns", "reason": "to be found by the app"}),
		declared("declared.account", "admin@tcp/443", m{"user": "admin", "port": "tcp/443", "initial": "unique-per-device", "changeable": true, "changeableSaid": true}),
		declared("declared.update", "firmware", m{"network": true, "integrity": "ECDSA"}),
		observed("host.mixed", "", false),
		observed("tcp.coverage", "", m{"asked": 65535, "open": 1, "closed": 65534, "filtered": 0, "undecided": 0}),
		observed("tcp.open", "tcp/443", true),
		observed("tcp.scan", "", m{"method": "connect", "silent": 0, "tries": 1, "outages": 0}),
		observed("udp.coverage", "", m{"asked": 65535, "open": 1, "answered": 1, "closed": 65534, "filtered": 0, "undecided": 0, "method": "questions"}),
		observed("udp.scan", "", m{"silent": 0, "tries": 1, "outages": 0, "estimate": 0}),
		observed("device.watch", "", m{"outages": 0}),
		observed("tcp.after", "", m{"asked": 1, "ended": []string{}}),
		observed("udp.open", "udp/5353", m{"service": "mdns", "answered": true}),
		observed("service.protocol", "tcp/443", m{"protocol": "http", "over": "", "tls": true, "understood": true, "software": "", "excerpt": ""}),
		observed("tls.version", "tcp/443", m{"versions": []string{"TLS 1.2", "TLS 1.3"}, "asked": []string{"TLS 1.0", "TLS 1.2", "TLS 1.3"}, "complete": true}),
		observed("tls.suite", "tcp/443", m{"suites": []string{"TLS_AES_128_GCM_SHA256"}, "asked": 200, "complete": true}),
		observed("tls.group", "tcp/443", m{"groups": []string{"x25519"}, "dhBits": 0, "complete": true}),
		observed("tls.certificate", "tcp/443", m{"certificates": []m{certificate("ecdsa", 256, "sha256")}, "complete": true}),
		observed("signin.coverage", "", m{"interfaces": 1, "firstUses": 0, "changes": 0}),
		observed("signin.interface", form, m{"port": "tcp/443", "kind": "form", "encrypted": true}),
		observed("signin.default", form, m{"tried": 12, "accepted": []string{}, "forced": []string{}, "why": "", "wait": 0, "complete": true}),
		observed("signin.limit", form, m{"attempts": 20, "limited": true, "after": 5, "how": "lockout", "guessesPerDay": 7200, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": true}),
		observed("access.coverage", "", m{"paths": 1, "asked": 1}),
		observed("access.anonymous", "web", m{"asked": 1, "granted": 0, "what": []string{}}),
	}
}

func certificate(key string, bits int, hash string) m {
	return m{"place": 0, "name": "CN=box", "names": []string{}, "issuer": "CN=box", "key": key, "bits": bits, "signature": hash, "hash": hash,
		"from": "2026-01-01", "until": "2036-01-01", "inTime": true, "selfSigned": true, "sha256": "00"}
}

func star1(t testing.TB) *Edition {
	t.Helper()
	e, err := Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func outcomes(vs []Verdict) map[string]Outcome {
	out := map[string]Outcome{}
	for _, v := range vs {
		out[strings.TrimPrefix(v.Criterion, "S1.1-")] = v.Outcome
	}
	return out
}

// change returns good with some facts replaced (same id), added, or, when the
// value is nil, removed.
func change(fs ...fact.Fact) fact.Set {
	s := good()
	for _, f := range fs {
		s = slices.DeleteFunc(s, func(o fact.Fact) bool { return o.ID() == f.ID() })
		if f.Value != nil {
			s = append(s, f)
		}
	}
	return s
}

func TestGoodRun(t *testing.T) {
	p, c := PersonDecides, Conforms
	want := map[string]Outcome{"01": p, "02": p, "03": p, "04": c, "05": p, "06": p, "07": p, "08": p, "09": p, "10": p, "11": p, "12": c, "13": p, "14": p, "15": p, "16": p}
	vs := star1(t).Judge(good())
	if d := cmp.Diff(want, outcomes(vs)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, v := range vs {
		if v.Rule == "" || v.Status == "" || slices.Contains([]string{v.Asked.JA, v.Asked.EN, v.Seen.JA, v.Seen.EN, v.RuleText.JA, v.RuleText.EN, v.Now.JA, v.Now.EN}, "") || len(v.Missing) > 0 {
			t.Errorf("%s: rule %q, texts %v, missing %v", v.Criterion, v.Rule, v, v.Missing)
		}
	}
}

// Whatever is missing, people read what it is and what to do about it, never the
// name of a fact.
func TestLacking(t *testing.T) {
	e := star1(t)
	for _, c := range e.Criteria {
		for _, n := range c.Needs {
			if !n.Seek && !slices.ContainsFunc(e.Undecided.Missing.Lacks, func(l Lack) bool { return l.covers(n.Fact) }) {
				t.Errorf("%s needs %s, and no words say what to do when it is missing", c.ID, n.Fact)
			}
		}
	}
	without := slices.DeleteFunc(slices.Clone(good()), func(f fact.Fact) bool { return f.Name == "signin.limit" })
	v := e.Judge(without)[3]
	if v.Outcome != Undecided || !strings.Contains(v.Now.JA, "--consent signin") || strings.Contains(v.Seen.JA+v.Seen.EN, "signin.limit") || !strings.Contains(v.Seen.EN, "tcp/443 form /login") {
		t.Errorf("%s: %s %s", v.Outcome, v.Seen.EN, v.Now.JA)
	}
	for _, v := range e.Judge(nil) {
		if strings.Contains(v.Now.JA, "--consent signin") && !strings.Contains(strings.Join(v.Missing, " "), "signin.") {
			t.Errorf("%s asks for a consent that would change nothing: %s", v.Criterion, v.Now.JA)
		}
	}
}

// Each change flips exactly the named criteria and no other.
func TestChanges(t *testing.T) {
	undeclared := func(s string) fact.Fact { return observed("tcp.open", s, true) }
	tcp := func(open int) fact.Fact {
		return observed("tcp.coverage", "", m{"asked": 65535, "open": open, "closed": 65535 - open, "filtered": 0, "undecided": 0})
	}
	people := func(firstUses, changes int) fact.Fact {
		return observed("signin.coverage", "", m{"interfaces": 1, "firstUses": firstUses, "changes": changes})
	}
	changed := func(old, new, complete bool) fact.Fact {
		return observed("signin.change", "admin@"+form, m{"account": "admin@tcp/443", "door": form, "oldRefused": old, "newAccepted": new, "complete": complete})
	}
	limit := func(guesses int, source, lasts string) fact.Fact {
		return observed("signin.limit", form, m{"attempts": 20, "limited": true, "after": 5, "how": "status-429", "guessesPerDay": guesses, "scope": "unknown", "otherAccount": "unknown", "otherSource": source, "lasts": lasts, "watched": 60, "why": "", "wait": 0, "complete": true})
	}
	two := observed("signin.coverage", "", m{"interfaces": 2, "firstUses": 0, "changes": 0})
	tel := "tcp/23 telnet"
	gone := func(name, subject string) fact.Fact { return fact.Fact{Name: name, Subject: subject} }
	summary := func(k string, n int) fact.Fact {
		v := m{"assets": 2, "paths": 1, "ports": 2, "accounts": 1, "updates": 1}
		v[k] = n
		return declared("declared.summary", "", v)
	}
	nobody := []fact.Fact{summary("accounts", 0), gone("declared.account", "admin@tcp/443"), observed("signin.coverage", "", m{"interfaces": 0, "firstUses": 0, "changes": 0}),
		gone("signin.interface", form), gone("signin.default", form), gone("signin.limit", form)}
	N, A, U, P := DoesNotConform, NotApplicable, Undecided, PersonDecides
	for name, tc := range map[string]struct {
		facts []fact.Fact
		want  map[string]Outcome
		rule  string
	}{
		"readable without sign-in":             {[]fact.Fact{observed("access.anonymous", "web", m{"asked": 1, "granted": 1, "what": []string{"/settings"}})}, map[string]Outcome{"01": N}, "R-01-1"},
		"common password":                      {[]fact.Fact{observed("signin.default", form, m{"tried": 12, "accepted": []string{"admin"}, "forced": []string{}, "why": "", "wait": 0, "complete": true})}, map[string]Outcome{"02": N}, "R-02-2"},
		"common password, more values untried": {[]fact.Fact{observed("signin.default", form, m{"tried": 3, "accepted": []string{"admin"}, "forced": []string{}, "why": "", "wait": 0, "complete": false})}, map[string]Outcome{"02": N}, "R-02-2"},
		"shared first value":                   {[]fact.Fact{declared("declared.account", "admin@tcp/443", m{"user": "admin", "port": "tcp/443", "initial": "shared", "changeable": true, "changeableSaid": true})}, map[string]Outcome{"02": N}, "R-02-3"},
		"value cannot change":                  {[]fact.Fact{declared("declared.account", "admin@tcp/443", m{"user": "admin", "port": "tcp/443", "initial": "unique-per-device", "changeable": false, "changeableSaid": true})}, map[string]Outcome{"03": N}, "R-03-2"},
		"no update declared":                   {[]fact.Fact{summary("updates", 0), gone("declared.update", "firmware")}, map[string]Outcome{"08": P}, "R-08-3"},
		"no asset declared":                    {[]fact.Fact{summary("assets", 0), gone("declared.asset", "wifi-key"), gone("declared.asset", "password")}, map[string]Outcome{"11": P, "12": P, "15": P}, "R-12-13"},
		"first value not said":                 {[]fact.Fact{declared("declared.account", "admin@tcp/443", m{"user": "admin", "port": "tcp/443", "initial": "unknown", "changeable": true, "changeableSaid": true})}, map[string]Outcome{"02": U}, "R-02-7"},
		"change not said":                      {[]fact.Fact{declared("declared.account", "admin@tcp/443", m{"user": "admin", "port": "tcp/443", "initial": "unique-per-device", "changeable": false, "changeableSaid": false})}, map[string]Outcome{"03": U}, "R-03-6"},
		"change not said but made": {[]fact.Fact{declared("declared.account", "admin@tcp/443", m{"user": "admin", "port": "tcp/443", "initial": "unique-per-device", "changeable": false, "changeableSaid": false}),
			people(0, 1), changed(true, true, true)}, nil, "R-03-5"},
		"first value kept in use":         {[]fact.Fact{people(1, 0), observed("signin.firstuse", "admin@"+form, m{"account": "admin@tcp/443", "door": form, "forced": false})}, map[string]Outcome{"02": N}, "R-02-5"},
		"first value must change":         {[]fact.Fact{people(1, 0), observed("signin.firstuse", "admin@"+form, m{"account": "admin@tcp/443", "door": form, "forced": true})}, nil, "R-02-6"},
		"first use withheld":              {[]fact.Fact{people(1, 0)}, map[string]Outcome{"02": U}, "R-00-1"},
		"old value still works":           {[]fact.Fact{people(0, 1), changed(false, true, true)}, map[string]Outcome{"03": N}, "R-03-4"},
		"value changed":                   {[]fact.Fact{people(0, 1), changed(true, true, true)}, nil, "R-03-5"},
		"change not proven":               {[]fact.Fact{people(0, 1), changed(false, false, false)}, map[string]Outcome{"03": U}, "R-00-1"},
		"change withheld":                 {[]fact.Fact{people(0, 1)}, map[string]Outcome{"03": U}, "R-00-1"},
		"limit of the source":             {[]fact.Fact{limit(1440, "checked", "stated")}, map[string]Outcome{"04": N}, "R-04-5"},
		"long ban of the source":          {[]fact.Fact{limit(100, "checked", "stated")}, nil, "R-04-3"},
		"lock of another door":            {[]fact.Fact{observed("signin.limit", form, m{"attempts": 5, "limited": true, "after": 0, "how": "shared", "guessesPerDay": 0, "scope": "unknown", "otherAccount": "unknown", "otherSource": "limited", "lasts": "stated", "watched": 0, "why": "", "wait": 0, "complete": true})}, nil, "R-04-7"},
		"limit without an end":            {[]fact.Fact{limit(1440, "limited", "not-seen")}, nil, "R-04-6"},
		"no limit":                        {[]fact.Fact{observed("signin.limit", form, m{"attempts": 30, "limited": false, "after": 0, "how": "", "guessesPerDay": 900000, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": true})}, map[string]Outcome{"04": N}, "R-04-2"},
		"locked before the defaults":      {[]fact.Fact{observed("signin.default", form, m{"tried": 3, "accepted": []string{}, "forced": []string{}, "why": "locked", "wait": 300, "complete": false})}, map[string]Outcome{"02": U}, "R-02-8"},
		"the declared value refused":      {[]fact.Fact{observed("signin.default", form, m{"tried": 3, "accepted": []string{}, "forced": []string{}, "why": "declared-refused", "wait": 0, "complete": false})}, map[string]Outcome{"02": U}, "R-02-9"},
		"no answer to a sign-in":          {[]fact.Fact{observed("signin.default", form, m{"tried": 3, "accepted": []string{}, "forced": []string{}, "why": "no-answer", "wait": 0, "complete": false})}, map[string]Outcome{"02": U}, "R-02-10"},
		"locked before the limit":         {[]fact.Fact{observed("signin.limit", form, m{"attempts": 0, "limited": false, "after": 0, "how": "", "guessesPerDay": 0, "scope": "unknown", "otherAccount": "unknown", "otherSource": "unknown", "lasts": "none", "watched": 0, "why": "locked", "wait": 0, "complete": false})}, map[string]Outcome{"04": U}, "R-04-8"},
		"nobody known whose value to try": {[]fact.Fact{observed("signin.limit", form, m{"attempts": 0, "limited": false, "after": 0, "how": "", "guessesPerDay": 0, "scope": "unknown", "otherAccount": "unknown", "otherSource": "unknown", "lasts": "none", "watched": 0, "why": "no-user", "wait": 0, "complete": false})}, map[string]Outcome{"04": P}, "R-04-9"},
		"wrong values not understood":     {[]fact.Fact{observed("signin.limit", form, m{"attempts": 0, "limited": false, "after": 0, "how": "", "guessesPerDay": 0, "scope": "unknown", "otherAccount": "unknown", "otherSource": "unknown", "lasts": "none", "watched": 0, "why": "not-understood", "wait": 0, "complete": false})}, map[string]Outcome{"04": U}, "R-04-10"},
		"limit too weak":                  {[]fact.Fact{observed("signin.limit", form, m{"attempts": 30, "limited": true, "after": 5, "how": "delay", "guessesPerDay": 50001, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": true})}, map[string]Outcome{"04": N}, "R-04-2"},
		"silent during the attempts":      {[]fact.Fact{observed("signin.limit", form, m{"attempts": 4, "limited": false, "after": 0, "how": "", "guessesPerDay": 900000, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": false})}, map[string]Outcome{"04": U}, "R-00-1"},
		"old TLS":                         {[]fact.Fact{observed("tls.version", "tcp/443", m{"versions": []string{"TLS 1.0", "TLS 1.2"}, "asked": []string{"TLS 1.0"}, "complete": true})}, map[string]Outcome{"12": N}, "R-12-2"},
		"weak suite":                      {[]fact.Fact{observed("tls.suite", "tcp/443", m{"suites": []string{"TLS_RSA_WITH_AES_128_CBC_SHA"}, "asked": 200, "complete": true})}, map[string]Outcome{"12": N}, "R-12-3"},
		"small key":                       {[]fact.Fact{observed("tls.certificate", "tcp/443", m{"certificates": []m{certificate("rsa", 1024, "sha256")}, "complete": true})}, map[string]Outcome{"12": N}, "R-12-8"},
		"SHA-1":                           {[]fact.Fact{observed("tls.certificate", "tcp/443", m{"certificates": []m{certificate("rsa", 2048, "sha1")}, "complete": true})}, map[string]Outcome{"12": N}, "R-12-8"},
		"certificate unread":              {[]fact.Fact{observed("tls.certificate", "tcp/443", m{"certificates": []m{}, "complete": false})}, map[string]Outcome{"12": U}, "R-00-1"},
		"weak curve":                      {[]fact.Fact{observed("tls.group", "tcp/443", m{"groups": []string{"secp160r1", "x25519"}, "dhBits": 0, "complete": true})}, map[string]Outcome{"12": N}, "R-12-9"},
		"small DH":                        {[]fact.Fact{observed("tls.group", "tcp/443", m{"groups": []string{"x25519"}, "dhBits": 1024, "complete": true})}, map[string]Outcome{"12": N}, "R-12-9"},
		"plain RTSP on the path":          {[]fact.Fact{observed("service.protocol", "tcp/443", m{"protocol": "rtsp", "over": "", "tls": false, "understood": true, "software": "", "excerpt": ""}), gone("tls.version", "tcp/443"), gone("tls.suite", "tcp/443"), gone("tls.group", "tcp/443"), gone("tls.certificate", "tcp/443")}, map[string]Outcome{"12": N}, "R-12-4"},
		"plain HTTP on the path":          {[]fact.Fact{observed("service.protocol", "tcp/443", m{"protocol": "http", "over": "", "tls": false, "understood": true, "software": "", "excerpt": ""}), gone("tls.version", "tcp/443"), gone("tls.suite", "tcp/443"), gone("tls.group", "tcp/443"), gone("tls.certificate", "tcp/443")}, map[string]Outcome{"12": N}, "R-12-4"},
		"unencrypted sign-in on a declared port that is no path": {[]fact.Fact{undeclared("tcp/80"), tcp(2), two, summary("ports", 3), declared("declared.port", "tcp/80", m{"service": "http", "reason": "leads to https"}),
			observed("service.protocol", "tcp/80", m{"protocol": "http", "over": "", "tls": false, "understood": true, "software": "", "excerpt": ""}), observed("signin.interface", "tcp/80 basic /", m{"port": "tcp/80", "kind": "basic", "encrypted": false}),
			observed("signin.default", "tcp/80 basic /", m{"tried": 12, "accepted": []string{}, "forced": []string{}, "why": "", "wait": 0, "complete": true}),
			observed("signin.limit", "tcp/80 basic /", m{"attempts": 20, "limited": true, "after": 5, "how": "lockout", "guessesPerDay": 7200, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": true})}, map[string]Outcome{"12": N}, "R-12-7"},
		"telnet with a limit": {[]fact.Fact{undeclared("tcp/23"), tcp(2), two, observed("service.protocol", "tcp/23", m{"protocol": "telnet", "over": "", "tls": false, "understood": true, "software": "", "excerpt": ""}),
			observed("signin.interface", tel, m{"port": "tcp/23", "kind": "telnet", "encrypted": false}), observed("signin.default", tel, m{"tried": 12, "accepted": []string{}, "forced": []string{}, "why": "", "wait": 0, "complete": true}),
			observed("signin.limit", tel, m{"attempts": 20, "limited": true, "after": 3, "how": "closed", "guessesPerDay": 9000, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": true})}, map[string]Outcome{"13": N}, "R-13-1"},
		"undeclared UDP":                    {[]fact.Fact{observed("udp.open", "udp/161", m{"service": "snmp", "answered": true}), observed("udp.coverage", "", m{"asked": 20, "open": 2, "answered": 2, "closed": 18, "filtered": 0, "undecided": 0, "method": "questions"})}, map[string]Outcome{"13": N}, "R-13-1"},
		"undeclared port beside the host's": {[]fact.Fact{undeclared("tcp/9999"), tcp(2), observed("service.protocol", "tcp/9999", m{"protocol": "http", "over": "", "tls": false, "understood": true, "software": "", "excerpt": ""}), observed("host.mixed", "", true)}, map[string]Outcome{"13": U}, "R-13-3"},
		"undeclared port though others are unsettled": {[]fact.Fact{undeclared("tcp/9999"), observed("service.protocol", "tcp/9999", m{"protocol": "http", "over": "", "tls": false, "understood": true, "software": "", "excerpt": ""}),
			observed("tcp.coverage", "", m{"asked": 65535, "open": 2, "closed": 60000, "filtered": 0, "undecided": 5533})}, map[string]Outcome{"02": U, "03": U, "04": U, "13": N}, "R-13-1"},
		"no reason":               {[]fact.Fact{declared("declared.port", "tcp/443", m{"service": "https", "reason": "　"})}, map[string]Outcome{"13": N}, "R-13-2"},
		"silent UDP":              {[]fact.Fact{observed("udp.coverage", "", m{"asked": 20, "open": 1, "answered": 1, "closed": 17, "filtered": 0, "undecided": 2, "method": "questions"})}, map[string]Outcome{"13": U}, "R-13-6"},
		"known UDP services only": {[]fact.Fact{observed("udp.coverage", "", m{"asked": 20, "open": 1, "answered": 1, "closed": 19, "filtered": 0, "undecided": 0, "method": "questions"})}, map[string]Outcome{"13": U}, "R-13-6"},
		"declared but absent":     {[]fact.Fact{summary("ports", 3), declared("declared.port", "tcp/8080", m{"service": "http", "reason": "service mode"})}, map[string]Outcome{"13": U}, "R-13-5"},
		"the device stopped": {[]fact.Fact{observed("tcp.scan", "", m{"method": "syn", "silent": 0, "tries": 1, "outages": 1}),
			observed("device.outage", "tcp 1", m{"kind": "reboot", "during": "tcp", "seconds": 20, "rate": 2000, "last": "1-9"})}, map[string]Outcome{}, "R-13-10"},
		"a service has ended": {[]fact.Fact{observed("tcp.after", "", m{"asked": 1, "ended": []string{"tcp/443"}})}, map[string]Outcome{}, "R-13-11"},
		"the device stopped at a question": {[]fact.Fact{observed("device.watch", "", m{"outages": 1}),
			observed("device.outage", "services 1", m{"kind": "unknown", "during": "services", "seconds": 20, "rate": 0, "last": "GET /"})}, map[string]Outcome{}, "R-13-10"},
		"anybody may write": {[]fact.Fact{observed("access.open", "tcp/443 http", m{"port": "tcp/443", "protocol": "http", "read": false, "write": true, "writeAsked": true, "what": "topic"})}, map[string]Outcome{"01": N}, "R-01-3"},
		"anybody may read":  {[]fact.Fact{observed("access.open", "udp/5353 mdns", m{"port": "udp/5353", "protocol": "mdns", "read": true, "write": false, "writeAsked": false, "what": "names"})}, map[string]Outcome{"01": N}, "R-01-4"},
		"nobody may":        {[]fact.Fact{observed("access.open", "udp/5353 mdns", m{"port": "udp/5353", "protocol": "mdns", "read": false, "write": false, "writeAsked": false, "what": ""})}, map[string]Outcome{}, ""},
		"amplification":     {[]fact.Fact{observed("amplification", "udp/5353 mdns", m{"port": "udp/5353", "protocol": "mdns", "question": "", "sent": 40, "received": 4000, "datagrams": 3, "percent": 10000})}, map[string]Outcome{"13": N}, "R-13-9"},
		"a short answer":    {[]fact.Fact{observed("amplification", "udp/5353 mdns", m{"port": "udp/5353", "protocol": "mdns", "question": "", "sent": 40, "received": 200, "datagrams": 1, "percent": 500})}, map[string]Outcome{}, ""},
		"a socket of its own": {[]fact.Fact{observed("udp.open", "udp/47011", m{"service": "silent", "answered": false}),
			observed("udp.coverage", "", m{"asked": 65535, "open": 2, "answered": 1, "closed": 65533, "filtered": 0, "undecided": 0, "method": "pool"})}, map[string]Outcome{"04": P, "13": U}, "R-13-7"},
		"a high port that answers": {[]fact.Fact{observed("udp.open", "udp/47011", m{"service": "other", "answered": true}),
			observed("udp.coverage", "", m{"asked": 65535, "open": 2, "answered": 2, "closed": 65533, "filtered": 0, "undecided": 0, "method": "pool"})}, map[string]Outcome{"04": P, "13": N}, "R-13-1"},
		"a low port that is silent": {[]fact.Fact{observed("udp.open", "udp/20000", m{"service": "silent", "answered": false}),
			observed("udp.coverage", "", m{"asked": 65535, "open": 2, "answered": 1, "closed": 65533, "filtered": 0, "undecided": 0, "method": "pool"})}, map[string]Outcome{"04": P, "13": N}, "R-13-1"},
		"local update": {[]fact.Fact{declared("declared.update", "firmware", m{"network": false, "integrity": "ECDSA"})}, map[string]Outcome{"08": A}, "R-08-1"},
		"nothing stored": {[]fact.Fact{declared("declared.asset", "wifi-key", m{"kind": "communication-settings", "name": "", "stored": false, "sent": true}),
			declared("declared.asset", "password", m{"kind": "security-settings", "name": "", "stored": false, "sent": true})}, map[string]Outcome{}, "R-11-4"},
		"nothing stored and nobody to sign in": {append([]fact.Fact{declared("declared.asset", "wifi-key", m{"kind": "communication-settings", "name": "", "stored": false, "sent": true}),
			declared("declared.asset", "password", m{"kind": "security-settings", "name": "", "stored": false, "sent": true})}, nobody...), map[string]Outcome{"02": A, "03": A, "04": A, "11": A, "15": A}, "R-11-1"},
		"a path to the cloud too": {[]fact.Fact{summary("paths", 2), declared("declared.path", "cloud", m{"assets": []string{"password"}, "port": "", "local": false, "to": "cloud", "network": true, "public": true, "protection": "TLS 1.3"})}, map[string]Outcome{"12": P}, "R-12-6"},
		"an unknown service too":  {[]fact.Fact{undeclared("tcp/554"), tcp(2), summary("ports", 3), declared("declared.port", "tcp/554", m{"service": "rtsp", "reason": "pictures"}), observed("service.protocol", "tcp/554", m{"protocol": "other", "over": "", "tls": false, "understood": false, "software": "", "excerpt": ""})}, map[string]Outcome{"04": P}, "R-04-4"},
		"no sign-in at all":       {nobody, map[string]Outcome{"02": A, "03": A, "04": A}, "R-02-1"},
		"nothing sent": {[]fact.Fact{declared("declared.asset", "wifi-key", m{"kind": "communication-settings", "name": "", "stored": true, "sent": false}),
			declared("declared.asset", "password", m{"kind": "security-settings", "name": "", "stored": true, "sent": false}),
			summary("paths", 0), gone("declared.path", "web"), observed("access.coverage", "", m{"paths": 0, "asked": 0}), gone("access.anonymous", "web")}, map[string]Outcome{"12": U}, "R-12-14"},
		"nothing sent and nobody to sign in": {append([]fact.Fact{declared("declared.asset", "wifi-key", m{"kind": "communication-settings", "name": "", "stored": true, "sent": false}),
			declared("declared.asset", "password", m{"kind": "security-settings", "name": "", "stored": true, "sent": false}),
			declared("declared.summary", "", m{"assets": 2, "paths": 0, "ports": 2, "accounts": 0, "updates": 1}),
			gone("declared.path", "web"), observed("access.coverage", "", m{"paths": 0, "asked": 0}), gone("access.anonymous", "web")}, nobody[1:]...), map[string]Outcome{"02": A, "03": A, "04": A, "12": A}, "R-12-1"},
		"assets that everybody may read": {[]fact.Fact{declared("declared.path", "web", m{"assets": []string{"wifi-key", "password"}, "port": "tcp/443", "local": true, "to": "browser", "network": true, "public": true, "protection": "TLS"})}, map[string]Outcome{"01": N}, "R-01-5"},
		"a dash for a reason":            {[]fact.Fact{declared("declared.port", "tcp/443", m{"service": "https", "reason": "－ \u200b"})}, map[string]Outcome{"13": N}, "R-13-2"},
		"a sign-in that cannot be tried": {[]fact.Fact{two, observed("signin.interface", "tcp/443 other script", m{"port": "tcp/443", "kind": "other", "encrypted": true})}, map[string]Outcome{"04": P}, "R-04-4"},
		"a sign-in that cannot be tried beside an endless one": {[]fact.Fact{two, observed("signin.interface", "tcp/443 other script", m{"port": "tcp/443", "kind": "other", "encrypted": true}),
			observed("signin.limit", form, m{"attempts": 30, "limited": false, "after": 0, "how": "", "guessesPerDay": 900000, "scope": "unknown", "otherAccount": "unknown", "otherSource": "unknown", "lasts": "none", "watched": 0, "why": "", "wait": 0, "complete": true})}, map[string]Outcome{"04": N}, "R-04-2"},
		"nobody to sign in, but a UDP service of an unknown protocol": {append([]fact.Fact{declared("declared.port", "udp/623", m{"service": "ipmi", "reason": "remote control"}), observed("udp.open", "udp/623", m{"service": "other", "answered": true}),
			declared("declared.summary", "", m{"assets": 2, "paths": 1, "ports": 3, "accounts": 0, "updates": 1}),
			observed("udp.coverage", "", m{"asked": 65535, "open": 2, "answered": 2, "closed": 65533, "filtered": 0, "undecided": 0, "method": "pool"})}, nobody[1:]...), map[string]Outcome{"04": P}, "R-03-3"},
		"a certificate signed in an unknown way": {[]fact.Fact{observed("tls.certificate", "tcp/443", m{"certificates": []m{certificate("rsa", 2048, "other")}, "complete": true})}, map[string]Outcome{"12": U}, "R-00-2"}, "a fact of the wrong shape": {[]fact.Fact{observed("tls.suite", "tcp/443", m{"suites": "none", "asked": 1, "complete": true})}, map[string]Outcome{"12": U}, "R-00-1"},
		"a fact of the wrong origin": {[]fact.Fact{observed("declared.update", "firmware", m{"network": false, "integrity": ""})}, map[string]Outcome{"08": U}, "R-00-1"},
	} {
		t.Run(name, func(t *testing.T) {
			e := star1(t)
			want := outcomes(e.Judge(good()))
			for k, v := range tc.want {
				want[k] = v
			}
			got := e.Judge(change(tc.facts...))
			if d := cmp.Diff(want, outcomes(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if tc.rule != "" && !slices.ContainsFunc(got, func(v Verdict) bool { return v.Rule == tc.rule }) {
				t.Errorf("no verdict by rule %s", tc.rule)
			}
			for _, v := range got {
				if strings.ContainsAny(v.Reason().JA+v.Reason().EN, "{}") {
					t.Errorf("%s: a placeholder is left in %v", v.Criterion, v.Reason())
				}
				if (v.Outcome == Undecided && v.Rule == "R-00-1") != (len(v.Missing) > 0) {
					t.Errorf("%s: %s with missing %v", v.Criterion, v.Outcome, v.Missing)
				}
			}
		})
	}
}

// runs are fact sets in which no rule fails and which reach every outcome but a failure.
func runs() []fact.Set {
	var none fact.Set
	for _, f := range good() {
		switch f.Name {
		case "declared.account", "signin.interface", "signin.default", "signin.limit":
		case "declared.summary":
			none = append(none, declared(f.Name, "", m{"assets": 2, "paths": 1, "ports": 2, "accounts": 0, "updates": 1}))
		case "signin.coverage":
			none = append(none, observed(f.Name, "", m{"interfaces": 0, "firstUses": 0, "changes": 0}))
		case "declared.update":
			none = append(none, declared(f.Name, f.Subject, m{"network": false, "integrity": ""}))
		case "declared.asset":
			none = append(none, declared(f.Name, f.Subject, m{"kind": "confidential", "name": "", "stored": false, "sent": true}))
		default:
			none = append(none, f)
		}
	}
	return []fact.Set{good(), none}
}

// Withholding any one fact that a verdict read makes that criterion undecided and
// names what is missing; withholding any other fact changes nothing.
func TestWithholdEachFact(t *testing.T) {
	for _, dir := range editionDirs(t) {
		e := load(t, dir)
		for _, facts := range runs() {
			facts.Sort()
			whole := e.Judge(facts)
			for i, f := range facts {
				for j, v := range e.Judge(facts.Without(i)) {
					if !slices.Contains(whole[j].Facts, f.ID()) {
						if d := cmp.Diff(whole[j], v); d != "" {
							t.Errorf("%s without %s, which it did not read:\n%s", v.Criterion, f.ID(), d)
						}
						continue
					}
					if v.Outcome != Undecided || !slices.ContainsFunc(v.Missing, func(s string) bool { return strings.HasPrefix(s, f.Name) }) {
						t.Errorf("%s without %s: %s by %s, missing %v", v.Criterion, f.ID(), v.Outcome, v.Rule, v.Missing)
					}
				}
			}
		}
	}
}

// However many facts are withheld, no verdict becomes better than it was with all
// of them, and a run without failures never shows one.
func TestWithholdMany(t *testing.T) {
	e := star1(t)
	sets := append(runs(),
		change(observed("tls.version", "tcp/443", m{"versions": []string{"TLS 1.0"}, "asked": []string{}, "complete": true})),
		change(observed("signin.limit", form, m{"attempts": 30, "limited": false, "after": 0, "how": "", "guessesPerDay": 900000, "scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "seen", "watched": 60, "why": "", "wait": 0, "complete": true})),
		change(declared("declared.port", "tcp/443", m{"service": "https", "reason": "　"})))
	rapid.Check(t, func(r *rapid.T) {
		facts := rapid.SampledFrom(sets).Draw(r, "run")
		whole := e.Judge(facts)
		var left fact.Set
		for _, f := range facts {
			if rapid.IntRange(0, 5).Draw(r, f.ID()) > 0 {
				left = append(left, f)
			}
		}
		for i, v := range e.Judge(left) {
			if v.Outcome != Undecided && v.Outcome != whole[i].Outcome {
				r.Errorf("%s: %s with all facts, %s by %s with some withheld", v.Criterion, whole[i].Outcome, v.Outcome, v.Rule)
			}
		}
	})
}

// The order of facts never changes a verdict.
func TestOrderDoesNotMatter(t *testing.T) {
	e := star1(t)
	want := e.Judge(good())
	rapid.Check(t, func(r *rapid.T) {
		facts := good()
		rand.New(rand.NewSource(rapid.Int64().Draw(r, "seed"))).Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		if d := cmp.Diff(want, e.Judge(facts)); d != "" {
			r.Errorf("-want +got:\n%s", d)
		}
	})
}

// Facts of other tools never stand in for Hoshi's own unless the edition says so.
func TestImportedFacts(t *testing.T) {
	foreign := func(f fact.Fact) fact.Fact { f.Origin = fact.Imported; return f }
	tls := observed("tls.version", "tcp/443", m{"versions": []string{"TLS 1.2"}, "asked": []string{}, "complete": true})
	e := star1(t)
	whole := e.Judge(good())
	old := foreign(observed("tls.version", "tcp/443", m{"versions": []string{"SSL 3.0"}, "asked": []string{}, "complete": true}))
	if d := cmp.Diff(whole, e.Judge(append(good(), old, foreign(observed("tcp.open", "tcp/9999", true))))); d != "" {
		t.Errorf("an imported fact was read:\n%s", d)
	}
	only := change(fact.Fact{Name: "tls.version", Subject: "tcp/443"})
	if o := outcomes(e.Judge(append(only, foreign(tls))))["12"]; o != Undecided {
		t.Errorf("an imported fact took the place of an own one: %s", o)
	}
	src := strings.Replace(string(e.Source()), `"fact": "tls.version",`, `"fact": "tls.version", "imported": true,`, 1)
	open, err := Parse("edition.json", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	from := foreign(tls)
	from.Source = []string{"testssl-1.json"}
	vs := open.Judge(append(only, from))
	if o := outcomes(vs)["12"]; o != Conforms {
		t.Errorf("the edition takes imports, but: %s", o)
	}
	// Where they count, the verdict says which file they are from, whatever the rule's own words.
	v := vs[slices.IndexFunc(vs, func(v Verdict) bool { return v.Criterion == "S1.1-12" })]
	if d := cmp.Diff([]string{"tls.version[tcp/443] testssl-1.json"}, v.Imported); d != "" || !strings.Contains(v.Seen.JA, "testssl-1.json") || !strings.Contains(v.Seen.EN, "other tools stated: tls.version[tcp/443] testssl-1.json") {
		t.Errorf("%q, -want +got:\n%s", v.Seen.EN, d)
	}
	if o := outcomes(open.Judge(append(good(), old)))["12"]; o != Conforms {
		t.Errorf("an imported fact went before an own one: %s", o)
	}
}

// A declaration that stands twice is not counted as one.
func TestDoubleFact(t *testing.T) {
	facts := append(good(), observed("tcp.open", "tcp/443", true))
	if o := outcomes(star1(t).Judge(facts))["13"]; o != Undecided {
		t.Errorf("outcome %s", o)
	}
}

// An edition of another scheme judges the same facts with no change of code.
func TestOtherScheme(t *testing.T) {
	e := load(t, "testdata/levelB-2026-example")
	got := map[string]Outcome{}
	for _, v := range e.Judge(good()) {
		got[v.Criterion] = v.Outcome
	}
	if d := cmp.Diff(map[string]Outcome{"EX-B-1": PersonDecides, "EX-B-2": Conforms, "EX-B-3": Conforms}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// An expression that costs more than the edition allows decides nothing.
func TestCostLimit(t *testing.T) {
	e := star1(t)
	src := strings.Replace(string(e.Source()), `"cost": 1000000`, `"cost": 5`, 1)
	cheap, err := Parse("edition.json", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if o := outcomes(cheap.Judge(good()))["12"]; o != Undecided {
		t.Errorf("outcome %s", o)
	}
}
