package signin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// words is a kind of sign-in that answers with a word.
var words = kinds{"word": {Kind: "word", Attempt: nil, Classify: func(_, r probe.Record) probe.Outcome {
	switch s := string(r.Recv); {
	case s == "":
		return probe.Unanswered(r)
	case s == "OK":
		return probe.Accepted
	case s == "CHANGE":
		return probe.Forced
	case s == "NO":
		return probe.Refused
	case s == "WHO":
		return probe.Unknown
	case strings.HasPrefix(s, "LOCKED"):
		return probe.Limited
	}
	return probe.Unclear
}}}

// model is a device whose every answer follows from what it was asked before.
type model struct {
	after   int    // wrong values until the limit
	lock    int64  // ms that the limit holds
	says    string // what a locked door says: "LOCKED …", "NO" (a silent limit), "" (hangs up)
	by      string // who is limited: "account", "source", "all"
	common  bool   // "password" signs in
	force   bool   // a value from the factory must be changed first
	keeps   bool   // the old value goes on working after a change
	lies    bool   // the person changes nothing
	factory bool   // the person says that the given value is the one from the factory
	tells   bool   // names other than "admin" are called unknown
	nobody  bool   // so is that one
	late    int64  // ms of the run before the sign-in tests
	shut    bool   // locked from before

	changed bool
	wrong   map[string]int
	until   map[string]int64
}

func (m *model) reset() { m.changed, m.wrong, m.until = false, map[string]int{}, map[string]int64{} }

// asked answers one attempt.
func (m *model) asked(at int64, a action) (recv, word string) {
	key := "all"
	switch m.by {
	case "account":
		key = a.user
	case "source":
		key = fmt.Sprint(a.second)
	}
	if m.tells && a.user != "admin" || m.nobody {
		return "WHO", ""
	}
	if m.shut {
		return m.says, ""
	}
	if at < m.until[key] {
		if m.says == "" {
			return "", "reset"
		}
		return m.says, ""
	}
	now := m.changed && !m.lies
	right := a.user == "admin" && (a.value.kind == "account" && (m.changed == now || a.label != "changed-new") || a.value.kind == "old" && (!now || m.keeps)) ||
		m.common && (!now || m.keeps) && a.value.kind == "public" && a.value.text == "password"
	if right {
		m.wrong[key] = 0
		if m.force && !now {
			return "CHANGE", ""
		}
		return "OK", ""
	}
	if m.wrong[key]++; m.after > 0 && m.wrong[key] >= m.after {
		m.wrong[key] = 0
		m.until[key] = at + m.lock
	}
	return "NO", ""
}

// live runs the procedure on the device until its end, from the first keep
// records of an earlier run.
func (m *model) live(t interface {
	Helper()
	Fatalf(string, ...any)
}, p plan, past []probe.Record, gap int64) []probe.Record {
	t.Helper()
	m.reset()
	now := m.late
	rs := slices.Clone(past)
	for _, r := range rs { // the device remembers what it was asked
		now = max(now, r.At+r.Took)
		switch r.Event {
		case "attempt":
			a := action{label: r.Detail, user: r.User, second: r.Detail == "other-source", value: value{kind: "random"}}
			switch r.Detail {
			case "control", "declared", "first", "changed-new", "after":
				a.value.kind = "account"
			case "reset":
				declared := slices.ContainsFunc(p.doors, func(d door) bool { return d.ID == r.Item && len(d.declared) > 0 })
				if a.value.kind = "account"; !declared || !p.accounts[0].known && (!m.changed || m.lies) {
					a.value = value{kind: "public", text: "password"}
				}
			case "changed-old":
				a.value.kind = "old"
			case "common-2":
				a.value = value{kind: "public", text: "password"}
			}
			m.asked(r.At, a)
		case "step":
			m.changed = m.changed || r.Detail == "change-value"
		}
	}
	if gap > 0 && len(rs) > 0 {
		now += gap
		rs = append(rs, probe.Record{At: now, Event: "resumed", Number: int(gap), Line: len(rs) + 1})
	}
	for range 2000 {
		a := next(p, rs, now)
		r := probe.Record{At: now, Probe: name, Line: len(rs) + 1}
		count := func(id string) int {
			n := 0
			for _, r := range rs {
				if r.Event == "attempt" && r.Item == id {
					n++
				}
			}
			return n
		}
		switch a.do {
		case "end":
			return rs
		case "wait":
			if a.until <= now {
				t.Fatalf("waits until %d at %d", a.until, now)
			}
			now = a.until
			continue
		case "try":
			d := p.doors[a.door]
			recv, word := m.asked(now, a)
			r.Event, r.Item, r.Port, r.Number, r.User, r.Detail, r.Recv, r.Error, r.Took = "attempt", d.ID, d.Port, count(d.ID)+1, a.user, a.label, []byte(recv), word, 20
		case "note":
			d := p.doors[a.door]
			r.Event, r.Item, r.Number = a.event, d.ID, count(d.ID)
		case "alive":
			r.Event, r.Item = "alive", p.doors[a.door].ID
		case "ask":
			r.Event, r.Item, r.User, r.Detail, r.Took = "step", p.accounts[a.who].id(), p.accounts[a.who].user, a.event, 5000
			switch a.event {
			case "change-value":
				m.changed = true
			case "first-value":
				r.Detail += map[bool]string{true: ":yes", false: ":no"}[m.factory]
			}
		}
		rs = append(rs, r)
		now += r.Took
	}
	t.Fatalf("no end")
	return nil
}

func doors(n int, initial string, second, person bool) plan {
	p := plan{names: []string{"hoshi-1", "hoshi-2", "hoshi-3"}, second: second, person: person, change: person, ports: []int{1, 2, 3}, signIns: 12, budget: 600_000, hold: 8000}
	for i := range n {
		port := probe.TCP(i + 1)
		p.accounts = append(p.accounts, account{user: "admin", port: port, initial: initial, known: initial != "", value: 0})
		d := door{Door: probe.Door{ID: port + " word", Port: port, Kind: "word"}, kind: words["word"], declared: []int{i}}
		if initial != "" {
			d.known = []int{i}
		}
		p.doors = append(p.doors, d)
	}
	return p
}

func drawModel(t *rapid.T) (*model, plan) {
	m := &model{
		after: rapid.IntRange(0, 15).Draw(t, "after"),
		lock:  int64(rapid.SampledFrom([]int{300, 3000, 30_000, 3_000_000}).Draw(t, "lock")),
		says:  rapid.SampledFrom([]string{"LOCKED", "LOCKED, try again in 30 seconds", "LOCKED until an administrator unlocks it", "NO", ""}).Draw(t, "says"),
		by:    rapid.SampledFrom([]string{"account", "source", "all"}).Draw(t, "by"), common: rapid.Bool().Draw(t, "common"),
		force: rapid.Bool().Draw(t, "force"), keeps: rapid.Bool().Draw(t, "keeps"), lies: rapid.Bool().Draw(t, "lies"), factory: rapid.Bool().Draw(t, "factory"),
	}
	initial := rapid.SampledFrom([]string{"", "unique-per-device", "set-at-first-use", "shared"}).Draw(t, "initial")
	m.late = rapid.SampledFrom([]int64{0, 10_000_000}).Draw(t, "late")
	m.tells = rapid.Bool().Draw(t, "tells")
	p := doors(rapid.IntRange(1, 2).Draw(t, "doors"), initial, rapid.Bool().Draw(t, "second"), rapid.Bool().Draw(t, "person"))
	for i := range p.doors {
		p.doors[i].kind.Tells = m.tells
	}
	if len(p.doors) > 1 && rapid.Bool().Draw(t, "undeclared") {
		p.doors[1].declared, p.doors[1].known = nil, nil
	}
	return m, p
}

// A run that is cut at any record and goes on from there states the same facts as
// one that was not.
func TestCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p := drawModel(t)
		whole := m.live(t, p, nil, 0)
		want := words.parse(whole)
		keep := rapid.IntRange(0, len(whole)).Draw(t, "keep")
		if d := cmp.Diff(want, words.parse(m.live(t, p, whole[:keep], 0))); d != "" {
			t.Fatalf("cut after %d of %d records (-whole +cut):\n%s", keep, len(whole), d)
		}
		// With time lost in between, what was found out may be less, never other.
		gap := int64(rapid.SampledFrom([]int{2000, 100_000, 10_000_000}).Draw(t, "gap"))
		late := words.parse(m.live(t, p, whole[:keep], gap))
		for _, f := range late {
			w, ok := want.Get(f.Name, f.Subject)
			if !ok || !probe.Bool(f.Value, "complete") || !probe.Bool(w.Value, "complete") {
				continue
			}
			for _, member := range []string{"limited", "oldRefused", "newAccepted", "forced"} {
				if m.says == "NO" || member == "limited" && m.after >= p.signIns {
					continue // only seen at the right moment, or more than the wrong values after the gap can show
				}
				if _, ok := w.Value.(map[string]any)[member]; !ok {
					continue
				}
				if d := cmp.Diff(w.Value.(map[string]any)[member], f.Value.(map[string]any)[member]); d != "" {
					t.Fatalf("%s with a gap: %s\n%s", f.ID(), member, d)
				}
			}
		}
	})
}

// What is missing from the records is never complete.
func TestWithheldRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p := drawModel(t)
		whole := m.live(t, p, nil, 0)
		if len(whole) == 0 {
			return
		}
		i := rapid.IntRange(0, len(whole)-1).Draw(t, "withheld")
		gone := whole[i]
		got := words.parse(slices.Delete(slices.Clone(whole), i, i+1))
		for _, f := range got {
			done := probe.Bool(f.Value, "complete")
			switch {
			case gone.Event == "attempt" && strings.HasSuffix(f.Subject, gone.Item) && done && gone.Line < ended(whole, gone.Item, f.Name):
				t.Fatalf("%s is complete without attempt %d (%s)", f.ID(), gone.Number, gone.Detail)
			case gone.Event == "defaults-done" && f.Name == "signin.default" && f.Subject == gone.Item && done,
				gone.Event == "limit-done" && f.Name == "signin.limit" && f.Subject == gone.Item && done:
				t.Fatalf("%s is complete without its end", f.ID())
			case gone.Event == "step" && gone.Detail == "change-value" && f.Name == "signin.change" && probe.Str(f.Value, "account")[:len(gone.User)] == gone.User:
				t.Fatalf("%s without the person's step", f.ID())
			case strings.HasPrefix(gone.Detail, "first-value") && f.Name == "signin.firstuse" && probe.Str(f.Value, "account") == gone.Item && !probe.Bool(f.Value, "forced"):
				t.Fatalf("%s without the person's answer", f.ID())
			}
		}
	})
}

// ended is the line after which nothing counts for a fact about a door.
func ended(rs []probe.Record, item, name string) (line int) {
	for _, r := range rs {
		if r.Item == item && (name == "signin.limit" || name == "signin.default" && r.Event == "defaults-done" || name == "signin.change" && r.Detail == "changed-new") {
			line = r.Line
		}
	}
	return line
}

func one(t *testing.T, m *model, p plan, name string) fact.Fact {
	t.Helper()
	for _, f := range words.parse(m.live(t, p, nil, 0)) {
		if f.Name == name {
			return f
		}
	}
	return fact.Fact{}
}

// Limits per account and per source are told apart; how they end is told.
func TestScope(t *testing.T) {
	const stated = "LOCKED, try again in 300 seconds"
	cases := map[string]struct {
		m      model
		second bool
		want   map[string]any
	}{
		"account":            {model{by: "account", after: 8, lock: 300_000, says: stated}, true, map[string]any{"scope": "account", "otherAccount": "checked", "otherSource": "limited", "lasts": "stated"}},
		"account, no second": {model{by: "account", after: 8, lock: 300_000, says: stated}, false, map[string]any{"scope": "account", "otherAccount": "checked", "otherSource": "unknown", "lasts": "stated"}},
		"source":             {model{by: "source", after: 8, lock: 300_000, says: stated}, true, map[string]any{"scope": "source", "otherAccount": "limited", "otherSource": "checked", "lasts": "stated"}},
		"source, no second":  {model{by: "source", after: 8, lock: 300_000, says: stated}, false, map[string]any{"scope": "unknown", "otherAccount": "limited", "otherSource": "unknown", "lasts": "stated"}},
		"all":                {model{by: "all", after: 8, lock: 300_000, says: stated}, true, map[string]any{"scope": "all", "otherAccount": "limited", "otherSource": "limited", "lasts": "stated"}},
		"hangs up":           {model{by: "all", after: 8, lock: 300_000, says: ""}, true, map[string]any{"scope": "all", "how": "turned-away", "lasts": "not-seen"}},
		"never ends":         {model{by: "account", after: 8, lock: 1 << 40, says: "LOCKED until an administrator unlocks it"}, true, map[string]any{"scope": "account", "lasts": "until-unlocked"}},
		"end not seen":       {model{by: "account", after: 8, lock: 1 << 40, says: "LOCKED"}, true, map[string]any{"scope": "account", "lasts": "not-seen", "watched": int64(20)}},
		"end seen":           {model{by: "account", after: 8, lock: 3000, says: "LOCKED"}, true, map[string]any{"lasts": "seen", "limited": true}},
		"none":               {model{by: "all"}, true, map[string]any{"scope": "unknown", "lasts": "none", "limited": false}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v := one(t, &c.m, doors(1, "", c.second, false), "signin.limit").Value.(map[string]any)
			for k, want := range c.want {
				if d := cmp.Diff(want, v[k]); d != "" {
					t.Errorf("%s:\n%s\n%v", k, d, v)
				}
			}
			if v["complete"] != true {
				t.Errorf("not complete: %v", v)
			}
		})
	}
}

// A limit that looks like any refusal shows when the right value is refused too.
func TestSilentLimit(t *testing.T) {
	m := &model{by: "account", after: 10, lock: 4000, says: "NO"}
	v := one(t, m, doors(1, "unique-per-device", false, false), "signin.limit").Value
	if !probe.Bool(v, "limited") || probe.Str(v, "how") != "silent" || probe.Str(v, "lasts") != "seen" || !probe.Bool(v, "complete") {
		t.Errorf("%v", v)
	}
	// It may stand at a second door because of the first one.
	m.lock = 1 << 40
	for _, f := range words.parse(m.live(t, doors(2, "unique-per-device", false, false), nil, 0)).Named("signin.limit") {
		if probe.Str(f.Value, "how") != "silent" || !probe.Bool(f.Value, "complete") {
			t.Errorf("%s: %v", f.ID(), f.Value)
		}
	}
	m.after = 0
	if v := one(t, m, doors(1, "unique-per-device", false, false), "signin.limit").Value; probe.Bool(v, "limited") || !probe.Bool(v, "complete") {
		t.Errorf("no limit: %v", v)
	}
}

func TestChangeOfValue(t *testing.T) {
	cases := map[string]struct {
		m                  model
		initial            string
		old, new, complete bool
	}{
		"changed":                    {model{}, "unique-per-device", true, true, true},
		"the old one stays":          {model{keeps: true}, "unique-per-device", false, true, true},
		"nothing changed":            {model{lies: true}, "unique-per-device", false, false, false},
		"from the factory":           {model{force: true}, "unique-per-device", true, true, true},
		"one that everybody knows":   {model{common: true, force: true}, "", true, true, true},
		"that one goes on to be one": {model{common: true, keeps: true}, "", false, true, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rs := c.m.live(t, doors(2, c.initial, false, true), nil, 0)
			n := 0
			for _, f := range words.parse(rs).Named("signin.change") {
				n++
				if probe.Bool(f.Value, "oldRefused") != c.old || probe.Bool(f.Value, "newAccepted") != c.new || probe.Bool(f.Value, "complete") != c.complete {
					t.Errorf("%s: %v", f.ID(), f.Value)
				}
			}
			if n != 2 {
				t.Errorf("%d of 2 doors", n)
			}
			asked := 0
			for _, r := range rs {
				if r.Event == "step" && r.Detail == "change-value" {
					asked++
				}
			}
			if asked != 1 {
				t.Errorf("the person was asked %d times", asked)
			}
		})
	}
	if f := one(t, &model{}, doors(1, "unique-per-device", false, false), "signin.change"); f.Name != "" {
		t.Errorf("nobody changed anything: %v", f)
	}
}

func TestFirstUse(t *testing.T) {
	cases := map[string]struct {
		m      model
		person bool
		want   any
	}{
		"forced":                {model{force: true}, false, true},
		"free":                  {model{factory: true}, true, false},
		"free, set up before":   {model{}, true, nil},
		"free, nobody to ask":   {model{factory: true}, false, nil},
		"forced, person beside": {model{force: true, factory: true}, true, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := doors(1, "set-at-first-use", false, c.person)
			p.change = false
			f := one(t, &c.m, p, "signin.firstuse")
			var got any
			if f.Name != "" {
				got = f.Value.(map[string]any)["forced"]
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s", d)
			}
		})
	}
}

// Where a wrong value meets silence, only a right one shows that there is no limit.
func TestMute(t *testing.T) {
	mute := kinds{"word": {Kind: "word", NoUser: true, Mute: true, Known: []probe.Known{{Pass: "public", Label: "community-public"}}, Classify: func(_, r probe.Record) probe.Outcome {
		if string(r.Recv) == "OK" {
			return probe.Accepted
		}
		return probe.Refused
	}}}
	for _, open := range []bool{true, false} {
		p := doors(1, "", false, false)
		p.doors[0].kind = mute["word"]
		rs := []probe.Record{}
		for range 100 {
			a := next(p, rs, 1<<40)
			if a.do == "end" {
				break
			}
			r := probe.Record{Event: a.event, Item: p.doors[0].ID, Number: len(rs), Line: len(rs) + 1}
			if a.do == "try" {
				r = probe.Record{At: int64(len(rs)) * 2000, Took: 2000, Event: "attempt", Item: p.doors[0].ID, Number: 1, User: a.user, Detail: a.label, Error: "timeout", Line: len(rs) + 1}
				for _, x := range rs {
					if x.Event == "attempt" {
						r.Number++
					}
				}
				if open && a.value.text == "public" {
					r.Recv, r.Took, r.Error = []byte("OK"), 1, ""
				}
			} else {
				r.Number = 0
				for _, x := range rs {
					if x.Event == "attempt" {
						r.Number++
					}
				}
			}
			rs = append(rs, r)
		}
		l, ok := mute.parse(rs).Get("signin.limit", p.doors[0].ID)
		if !ok || probe.Bool(l.Value, "complete") != open || probe.Bool(l.Value, "limited") {
			t.Errorf("open %v: %v", open, l.Value)
		}
		if open && probe.Int(l.Value, "guessesPerDay") < 1_000_000 {
			t.Errorf("the tester's own waiting counts as a delay: %v", l.Value)
		}
		d, _ := mute.parse(rs).Get("signin.default", p.doors[0].ID)
		if !probe.Bool(d.Value, "complete") {
			t.Errorf("%v", d.Value)
		}
	}
}

// No records, however odd, make the procedure or the parser panic.
func TestOddRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p := drawModel(t)
		rs := m.live(t, p, nil, 0)
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			if len(rs) == 0 {
				return
			}
			i, j := rapid.IntRange(0, len(rs)-1).Draw(t, "i"), rapid.IntRange(0, len(rs)-1).Draw(t, "j")
			switch rapid.IntRange(0, 4).Draw(t, "change") {
			case 0:
				rs[i], rs[j] = rs[j], rs[i]
			case 1:
				rs = slices.Insert(rs, i, rs[j])
			case 2:
				rs = slices.Delete(rs, i, i+1)
			case 3:
				rs[i].Detail, rs[i].Event = rs[j].Detail, rs[j].Event
			case 4:
				rs[i].Number, rs[i].At, rs[i].Took, rs[i].Recv = -rs[j].Number, -rs[j].At, rs[j].At*1000, rs[j].Recv
			}
		}
		for i := range rs {
			rs[i].Line = i + 1
		}
		next(p, rs, 0)
		for _, f := range words.parse(rs) {
			if !fact.Known(f.Name) {
				t.Fatalf("%s is not in the vocabulary", f.Name)
			}
			if n := probe.Int(f.Value, "guessesPerDay"); n < 0 {
				t.Fatalf("%d guesses per day", n)
			}
		}
	})
}

// A door whose account rests because of another one is tested by itself.
func TestSharedLock(t *testing.T) {
	m := &model{by: "account", after: 5, lock: 1 << 40, says: "LOCKED"}
	p := doors(2, "unique-per-device", true, false)
	for i, f := range words.parse(m.live(t, p, nil, 0)).Named("signin.limit") {
		v := f.Value.(map[string]any)
		if v["complete"] != true || v["limited"] != true || v["after"] != int64(5) || v["scope"] != []string{"account", "unknown"}[i] {
			t.Errorf("%s: %v", f.ID(), v)
		}
	}
	// With a stated end that fits the time, the rest is waited for.
	m.says, m.lock = "LOCKED, try again in 3 seconds", 3000
	waited := words.parse(m.live(t, p, nil, 0)).Named("signin.limit")
	for _, f := range waited {
		if !probe.Bool(f.Value, "complete") || probe.Int(f.Value, "after") != 5 {
			t.Errorf("%s: %v", f.ID(), f.Value)
		}
	}
	// A door that is closed to everybody from the start, because of the first one,
	// shares its lock; one that is closed to the account alone proves nothing.
	m.by, m.says, m.lock = "source", "LOCKED", 1<<40
	limits := words.parse(m.live(t, p, nil, 0)).Named("signin.limit")
	if v := limits[1].Value; probe.Str(v, "how") != "shared" || !probe.Bool(v, "complete") || !probe.Bool(v, "limited") {
		t.Errorf("%v", v)
	}
	rs := m.live(t, p, nil, 0)
	for i, r := range rs {
		if r.Item == p.doors[1].ID && r.Detail == "wrong" {
			rs[i].User = "admin"
		}
	}
	if f, _ := words.parse(rs).Get("signin.limit", p.doors[1].ID); probe.Bool(f.Value, "complete") {
		t.Errorf("nothing was checked there: %v", f.Value)
	}
}

// How long the rest of the run took before is no matter.
func TestAfterALongScan(t *testing.T) {
	m := &model{by: "account", after: 8, lock: 1 << 40, says: "LOCKED", late: 10_000_000}
	for _, f := range words.parse(m.live(t, doors(2, "unique-per-device", false, false), nil, 0)) {
		if f.Name != "signin.coverage" && !probe.Bool(f.Value, "complete") {
			t.Errorf("%s: %v", f.ID(), f.Value)
		}
	}
}

// Where the right value is known, default values stay below a lock after three.
func TestSparing(t *testing.T) {
	m := &model{by: "account", after: 3, lock: 1 << 40, says: "LOCKED"}
	if v := one(t, m, doors(1, "unique-per-device", false, false), "signin.default").Value; !probe.Bool(v, "complete") || probe.Int(v, "tried") != 4 {
		t.Errorf("%v", v)
	}
}

// A door for which no account is declared counts together with the others: the right
// value at another door keeps the account from being locked by default values, and no
// earlier wrong value counts as one of those that the limit let through.
func TestSparingAtOtherDoors(t *testing.T) {
	m := &model{by: "account", after: 3, lock: 1 << 40, says: "LOCKED"}
	p := doors(2, "unique-per-device", false, false)
	p.doors[1].declared, p.doors[1].known = nil, nil
	facts := words.parse(m.live(t, p, nil, 0))
	if d, _ := facts.Get("signin.default", "tcp/2 word"); probe.Int(d.Value, "tried") < 5 {
		t.Errorf("%v", d.Value) // four for admin, and root until it is locked
	}
	if l, _ := facts.Get("signin.limit", "tcp/1 word"); !probe.Bool(l.Value, "complete") || probe.Int(l.Value, "after") != 3 {
		t.Errorf("%v", l.Value)
	}
}

// A value that everybody knows and that was changed through another door is no right
// one any more: that it is refused does not show a limit.
func TestChangedThroughAnotherDoor(t *testing.T) {
	m := &model{by: "all", common: true}
	p := doors(2, "", false, true)
	p.doors[1].declared = nil
	facts := words.parse(m.live(t, p, nil, 0))
	if c, _ := facts.Get("signin.change", "admin@tcp/1 word"); !probe.Bool(c.Value, "complete") {
		t.Fatalf("nothing was changed: %v", c.Value)
	}
	if l, _ := facts.Get("signin.limit", "tcp/2 word"); probe.Bool(l.Value, "limited") || !probe.Bool(l.Value, "complete") {
		t.Errorf("a limit that is not there: %v", l.Value)
	}
}

// Where unknown names are told apart, nobody's value is guessed for a name that
// nobody has, and that is said.
func TestNamesToldApart(t *testing.T) {
	live := func(m *model) (d, l any) {
		p := doors(1, "", false, false)
		p.doors[0].declared, p.doors[0].kind.Tells = nil, true
		facts := words.parse(m.live(t, p, nil, 0))
		x, _ := facts.Get("signin.default", "tcp/1 word")
		y, _ := facts.Get("signin.limit", "tcp/1 word")
		return x.Value, y.Value
	}
	d, l := live(&model{tells: true, by: "account", after: 8, lock: 1 << 40, says: "LOCKED"})
	if !probe.Bool(d, "complete") || !probe.Bool(l, "complete") || !probe.Bool(l, "limited") || probe.Int(l, "after") != 8 {
		t.Errorf("with a user: %v, %v", d, l)
	}
	if names, _ := words.parse((&model{tells: true, by: "all"}).live(t, doors(1, "", false, false), nil, 0)).Get("service.detail", "tcp/1 word user-names"); probe.Str(names.Value, "value") != "told-apart" {
		t.Errorf("names: %v", names.Value)
	}
	d, l = live(&model{nobody: true, by: "account"})
	if !probe.Bool(d, "complete") || probe.Int(d, "tried") != 8 || probe.Bool(l, "complete") || probe.Str(l, "why") != "no-user" {
		t.Errorf("without: %v, %v", d, l)
	}
}

// A door that turns everybody away from the start, for longer than the test waits,
// says for how long.
func TestShutFromTheStart(t *testing.T) {
	m := &model{shut: true, by: "all", says: "LOCKED, try again in 900 seconds"}
	p := doors(1, "unique-per-device", false, false)
	facts := words.parse(m.live(t, p, nil, 0))
	d, _ := facts.Get("signin.default", "tcp/1 word")
	if probe.Bool(d.Value, "complete") || probe.Str(d.Value, "why") != "locked" || probe.Int(d.Value, "wait") != 900 {
		t.Errorf("%v", d.Value)
	}
	// That another test locked it does not show that this entrance has a limit.
	if l, _ := facts.Get("signin.limit", "tcp/1 word"); probe.Bool(l.Value, "complete") || probe.Str(l.Value, "why") != "locked" || probe.Int(l.Value, "wait") != 900 {
		t.Errorf("%v", l.Value)
	}
}
