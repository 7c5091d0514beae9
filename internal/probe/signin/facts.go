package signin

import (
	"fmt"
	"slices"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const dayMS = 24 * 60 * 60 * 1000

// slow is the time per attempt from which a delay counts as a limit. Whether the
// limit is enough follows from the guesses per day.
const slow = 500 // ms

// cheapest is the least time that one attempt of an attacker is taken to need where
// a wrong value is refused by silence.
const cheapest = 10 // ms

// seen is one attempt and what it met.
type seen struct {
	probe.Record
	met   probe.Outcome
	at    int64 // without the time during which the run was interrupted
	after bool  // the run was interrupted just before
}

func (s seen) end() int64 { return s.at + s.Took }

func (s seen) right() bool { return s.met == probe.Accepted || s.met == probe.Forced }

// made are the attempts with made-up names on all doors, which a device may count
// together, and the line of the first attempt of all kinds on each door.
type made struct {
	names []string
	lines []probe.Record
	first map[string]int
}

// others reports whether another door had been tried before a line.
func (m made) others(item string, line int) bool {
	for id, first := range m.first {
		if id != item && first < line {
			return true
		}
	}
	return false
}

// elsewhere counts those on other doors before a record.
func (m made) elsewhere(item string, line int) int {
	n := 0
	for _, r := range m.lines {
		if r.Item != item && r.Line < line {
			n++
		}
	}
	return n
}

// steps are what persons did: accounts whose value is said to be the one from the
// factory, and users whose value was changed, perhaps on several ports.
type steps struct{ factory, changed map[string]probe.Record }

// tries is what the records of one door hold.
type tries struct {
	id, port string
	kind     probe.Entrance
	base     probe.Record
	all      []seen
	// Both are also false when an attempt is missing from the records.
	defaultsDone, limitDone bool
	whole, alive            bool
}

// facts states what the records of one door prove.
func (k kinds) facts(id string, rs []probe.Record, p steps, m made) fact.Set {
	t := tries{id: id, whole: true}
	if parts := strings.SplitN(id, " ", 3); len(parts) >= 2 {
		t.port, t.kind = parts[0], k[parts[1]]
	}
	if t.kind.Classify == nil || !t.read(rs) {
		return nil
	}
	if t.kind.Classify(t.base, t.base) == probe.Closed {
		return fact.Set{
			probe.Observed("signin.default", id, map[string]any{"tried": 0, "accepted": []string{}, "forced": []string{}, "why": "", "wait": 0, "complete": t.defaultsDone}, t.base.Source()),
			probe.Observed("signin.limit", id, map[string]any{"attempts": 0, "limited": true, "after": 0, "how": "no-password", "guessesPerDay": 0,
				"scope": "all", "otherAccount": "unknown", "otherSource": "unknown", "lasts": "always", "watched": 0, "why": "", "wait": 0, "complete": t.limitDone}, t.base.Source()),
		}
	}
	out := fact.Set{t.defaults(), t.limit(m)}
	if f, ok := t.names(); ok {
		out = append(out, f)
	}
	for _, user := range t.users() {
		if f, ok := t.firstUse(user, p); ok {
			out = append(out, f)
		}
		if f, ok := t.change(user, p); ok {
			out = append(out, f)
		}
	}
	return out
}

// read takes the records apart; false when nothing was tried. What the others are
// compared with is the first wrong value that was answered clearly, else the first.
func (t *tries) read(rs []probe.Record) bool {
	clear := func(r probe.Record) bool {
		if r.Event != "attempt" || r.Detail != "baseline" && r.Detail != "wrong" {
			return false
		}
		o := t.kind.Classify(r, r)
		return o == probe.Refused || o == probe.Unknown || o == probe.Closed
	}
	i := slices.IndexFunc(rs, clear)
	if i < 0 {
		i = slices.IndexFunc(rs, func(r probe.Record) bool { return r.Event == "attempt" })
	}
	if i < 0 {
		return false
	}
	t.base = rs[i]
	var paused int64
	interrupted := false
	for _, r := range rs {
		switch r.Event {
		case "attempt":
			t.all = append(t.all, seen{Record: r, met: t.kind.Classify(t.base, r), at: r.At - paused, after: interrupted})
			t.whole = t.whole && r.Number == len(t.all)
			interrupted = false
		case "resumed":
			gap := max(0, int64(r.Number))
			// A stated wait went on while the run did not.
			if n := len(t.all); n > 0 && turned(t.all[n-1].met) {
				gap -= min(gap, probe.StatedWait(t.all[n-1].Recv).Milliseconds())
			}
			paused += gap
			interrupted = true
		case "alive":
			t.alive = t.alive || r.Error == ""
		case "defaults-done":
			t.defaultsDone = t.whole && r.Number == len(t.all)
		case "limit-done":
			t.limitDone = t.whole && r.Number == len(t.all)
		}
	}
	t.defaultsDone = t.defaultsDone && t.whole
	t.limitDone = t.limitDone && t.whole
	return true
}

// names states that an unknown name is answered unlike a wrong value: anybody finds
// out who has an account.
func (t *tries) names() (fact.Fact, bool) {
	var source []string
	for _, o := range []probe.Outcome{probe.Unknown, probe.Refused} {
		i := slices.IndexFunc(t.all, func(s seen) bool { return s.met == o })
		if i < 0 {
			return fact.Fact{}, false
		}
		source = append(source, t.all[i].Source())
	}
	return probe.Detail(t.port, t.kind.Kind, "user-names", "told-apart", source...), true
}

// users are the names that were tried, in order.
func (t *tries) users() []string {
	var out []string
	for _, s := range t.all {
		if !slices.Contains(out, s.User) {
			out = append(out, s.User)
		}
	}
	return out
}

// public: the label of a value that everybody knows, or that is declared as shared.
func public(label string) bool {
	switch label {
	case "baseline", "control", "first", "reset", "wrong", "before-account", "other-account", "other-source", "after", "changed-old", "changed-new":
		return false
	}
	return true
}

// own: the label of an attempt with the value that the declaration gave, or the
// one that a person set since.
func own(label string) bool {
	return label == "control" || label == "declared" || label == "first" || label == "reset" || label == "changed-new"
}

// defaults sums up what default values met. A declared value that was refused means that
// right and wrong cannot be told apart here, so nothing is complete.
func (t *tries) defaults() fact.Fact {
	tried, done := 0, t.defaultsDone
	accepted, forced := []string{}, []string{}
	var source []string
	for i, s := range t.all {
		if s.Detail == "control" || s.Detail == "first" || s.Detail == "declared" {
			// The last try of several counts: the device may have stated a wait.
			again := i+1 < len(t.all) && t.all[i+1].Detail == s.Detail && t.all[i+1].User == s.User
			done = done && (s.right() || again)
		}
		if !public(s.Detail) {
			continue
		}
		source = append(source, s.Source())
		name := fmt.Sprintf("%s (%s)", s.User, s.Detail)
		switch s.met {
		case probe.Accepted:
			tried++
			if !slices.Contains(accepted, name) {
				accepted = append(accepted, name)
			}
		case probe.Forced:
			tried++
			if !slices.Contains(forced, name) {
				forced = append(forced, name)
			}
		case probe.Refused, probe.Unknown:
			tried++
		case probe.Unclear, probe.Closed:
			done = false
		}
	}
	done = done && !t.saysLocked()
	why, wait := "", int64(0)
	if !done {
		why, wait = t.whyDefaults()
	}
	if len(source) == 0 {
		source = []string{t.base.Source()}
	}
	return probe.Observed("signin.default", t.id, map[string]any{"tried": tried, "accepted": accepted, "forced": forced,
		"why": why, "wait": wait, "complete": done}, source...)
}

// saysLocked: the very first refusal spoke of a limit, and no right value shows that
// it says so to everybody. Perhaps no value was ever checked.
func (t *tries) saysLocked() bool {
	return probe.SaysLimited(t.base.Recv) && !slices.ContainsFunc(t.all, seen.right)
}

// whyDefaults says why default values could not all be tried, in a word of the
// vocabulary, with the seconds that the device asked to wait. "" = the run or its
// records are not whole.
func (t *tries) whyDefaults() (word string, wait int64) {
	if !t.whole {
		return "", 0
	}
	if t.saysLocked() {
		return locked(t.base)
	}
	for i, s := range t.all {
		declared := s.Detail == "control" || s.Detail == "first" || s.Detail == "declared"
		if !declared && !public(s.Detail) && s.Detail != "baseline" || i+1 < len(t.all) && t.all[i+1].Detail == s.Detail && t.all[i+1].User == s.User {
			continue
		}
		if declared && s.met == probe.Refused {
			return "declared-refused", 0
		}
		if word, wait = s.kept(); word != "" {
			return word, wait
		}
	}
	return "", 0
}

// kept says what kept an attempt from being answered by yes or no.
func (s seen) kept() (word string, wait int64) {
	switch s.met {
	case probe.Limited:
		return locked(s.Record)
	case probe.Missed:
		return "no-answer", 0
	case probe.Unclear, probe.Closed:
		return "not-understood", 0
	}
	return "", 0
}

func locked(r probe.Record) (word string, wait int64) {
	return "locked", int64(probe.StatedWait(r.Recv).Seconds())
}

// firstUse states whether the value from the factory let nothing happen but its
// change. That a value worked freely says so only when a person confirmed that it
// is the one from the factory.
func (t *tries) firstUse(user string, p steps) (fact.Fact, bool) {
	account := user + "@" + t.port
	said, confirmed := p.factory[account]
	forced, known := true, false
	var source []string
	for _, s := range t.all {
		if s.User != user {
			continue
		}
		switch {
		case s.met == probe.Forced && (s.Detail == "first" || public(s.Detail)):
			known, source = true, append(source, s.Source())
		case s.met == probe.Accepted && s.Detail == "first" && confirmed:
			known, forced, source = true, false, append(source, s.Source(), said.Source())
		}
	}
	if !known {
		return fact.Fact{}, false
	}
	return probe.Observed("signin.firstuse", user+"@"+t.id, map[string]any{"account": account, "door": t.id, "forced": forced}, source...), true
}

// change states what the old and the new value met after a person changed it. It is
// complete only when the new one worked: else perhaps nothing was changed.
func (t *tries) change(user string, p steps) (fact.Fact, bool) {
	account := user + "@" + t.port
	said, ok := p.changed[user]
	var before, after *seen
	for i, s := range t.all {
		if s.User != user || s.Line < said.Line {
			continue
		}
		switch s.Detail {
		case "changed-old":
			before = &t.all[i]
		case "changed-new":
			after = &t.all[i]
		}
	}
	if !ok || before == nil || after == nil {
		return fact.Fact{}, false
	}
	clear := before.met == probe.Refused || before.right()
	return probe.Observed("signin.change", user+"@"+t.id, map[string]any{"account": account, "door": t.id,
		"oldRefused": before.met == probe.Refused, "newAccepted": after.right(), "complete": t.whole && clear && after.right()},
		said.Source(), before.Source(), after.Source()), true
}
