package signin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

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

// whyLimit says the same of the wrong values. nobody: there was no name whose value
// could be guessed.
func (t *tries) whyLimit(nobody bool) (word string, wait int64) {
	switch last := len(t.all) - 1; {
	case !t.whole:
		return "", 0
	case t.saysLocked():
		return locked(t.base)
	default:
		for ; last > 0 && t.all[last].Detail != "wrong"; last-- {
		}
		if word, wait = t.all[last].kept(); word == "" && nobody {
			word = "no-user"
		}
		return word, wait
	}
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

// limit sums up repeated wrong values for the account that was used for them;
// default values that were refused for the same account count too.
func (t *tries) limit(m made) fact.Fact {
	last := -1
	for i, s := range t.all {
		if s.Detail == "wrong" {
			last = i
		}
	}
	done := t.limitDone && last >= 0
	none := last < 0 || t.all[last].met == probe.Unknown
	user := ""
	if last >= 0 {
		user = t.all[last].User
	}
	rs := t.all
	// A right value sets the count back: only what came after it counts.
	for i, s := range slices.Backward(rs) {
		if own(s.Detail) && (s.User == user || t.kind.NoUser) && s.right() {
			rs = rs[i+1:]
			break
		}
	}
	attempts, checked, after, missing := 0, 0, 0, 0
	how, lasts := "", "none"
	// Time is counted within the default values and within the wrong ones, not in
	// between, when other doors have their turn.
	var spans [2]struct {
		first, last int64
		any         bool
	}
	var wait time.Duration
	var watched, quiet int64
	var took []int64
	var source []string
	var standing *seen // the first attempt that the present limit turned away
	for i, s := range rs {
		if s.User != user || s.Detail != "wrong" && (!public(s.Detail) || s.right()) || last < 0 {
			continue
		}
		attempts++
		sp := &spans[0]
		if s.Detail == "wrong" {
			sp = &spans[1]
		}
		if !sp.any {
			sp.first, sp.any = s.at, true
		}
		sp.last = max(sp.last, s.end())
		source = append(source, s.Source())
		if turned(s.met) {
			if standing == nil {
				standing = &rs[i]
			}
			watched = max(watched, s.end()-standing.at)
		}
		switch s.met {
		case probe.Refused:
			if checked == 0 && standing != nil { // a limit from before: what counts begins here
				how, after, watched, missing, standing, sp.first = "", 0, 0, 0, nil, s.at
			}
			checked++
			took = append(took, s.Took)
			if len(s.Recv) == 0 {
				quiet += s.Took
			}
			if standing != nil {
				lasts = "seen"
				if s.after && probe.StatedWait(standing.Recv) == 0 {
					done = false // the limit ended while the run was interrupted
				}
			}
			standing = nil
			wait, missing = 0, 0
		case probe.Limited:
			if how == "" {
				how, after = reason(s.Record), checked
			}
			wait, missing = probe.StatedWait(s.Recv), 0
		case probe.Missed:
			missing++
			if how == "" {
				how, after = "turned-away", checked
			}
		case probe.Unclear, probe.Closed:
			done = false
		}
	}
	if missing > 0 && how == "turned-away" && !t.alive {
		how, done = "", false // silence that may as well be a dead device
	}
	if n := len(took); how == "" && n >= 4 && !t.kind.Mute && middle(took[n/2:]) >= slow {
		how, after, lasts = "delay", n/2, "always"
	}
	if how == "" {
		if refused, until, ended := silent(rs, user); refused {
			how, after, lasts = "silent", checked, "not-seen"
			if ended {
				lasts = "seen"
			}
			spans[1].last = max(spans[1].last, until)
		}
	}
	elapsed := max(1, spans[0].last-spans[0].first+spans[1].last-spans[1].first+wait.Milliseconds())
	if t.kind.Mute {
		elapsed = max(elapsed-quiet, cheapest*int64(checked), 1)
	}
	if standing != nil && how != "" {
		switch {
		case probe.SaysForever(standing.Recv):
			lasts = "until-unlocked"
		case wait > 0:
			lasts = "stated"
		default:
			lasts = "not-seen"
		}
	}
	// A limit that was there from the start is another door's. It says something about
	// this one only if it held for the account and for a name that nobody has.
	if checked == 0 && how != "" && t.shared() && m.others(t.id, t.all[last].Line) {
		how = "shared"
	} else if checked == 0 {
		done = false
	}
	if t.kind.Mute && how == "" && !slices.ContainsFunc(rs, func(s seen) bool { return s.Detail == "after" && s.right() }) {
		done = false // only a right value that still works shows that silence is no limit
	}
	rate := int64(checked)
	if last >= 0 && slices.Contains(m.names, user) && checked > 0 {
		rate += int64(m.elsewhere(t.id, t.all[last].Line))
	}
	if how == "" && t.saysLocked() {
		done = false
	}
	why, stated := "", int64(0)
	if !done {
		why, stated = t.whyLimit(none)
	}
	account, source2 := t.others()
	return probe.Observed("signin.limit", t.id, map[string]any{
		"attempts": attempts, "limited": how != "", "after": after, "how": how,
		"guessesPerDay": rate * dayMS / elapsed,
		"scope":         scope(account, source2), "otherAccount": account, "otherSource": source2,
		"lasts": lasts, "watched": watched / 1000, "why": why, "wait": stated, "complete": done,
	}, source...)
}

// shared: two names were turned away in so many words, and none was ever looked at.
func (t *tries) shared() bool {
	names := map[string]bool{}
	for _, s := range t.all {
		if s.Detail == "wrong" {
			if s.met != probe.Limited {
				return false
			}
			names[s.User] = true
		}
	}
	return len(names) > 1
}

// silent: the right value was refused too after the wrong ones; until when, and
// whether it was taken again in the end.
func silent(rs []seen, user string) (refused bool, until int64, ended bool) {
	for _, s := range rs {
		if s.Detail != "after" || s.User != user {
			continue
		}
		until = s.end()
		switch {
		case s.right():
			return refused, until, refused
		case s.met == probe.Refused || s.met == probe.Limited:
			refused = true
		}
	}
	return refused, until, false
}

// others tells what another account and another source met while the limit stood:
// "limited", "checked" or "unknown". It stood when the account itself was turned
// away before and after. An account that rested before tells nothing.
func (t *tries) others() (account, source string) {
	account, source = "unknown", "unknown"
	free := map[string]bool{}
	for _, s := range t.all {
		if s.Detail == "before-account" {
			free[s.User] = s.met == probe.Refused
		}
	}
	for i, s := range t.all {
		if s.Detail != "other-account" && s.Detail != "other-source" {
			continue
		}
		beside := func(rs []seen, back bool) bool {
			for j := range rs {
				r := rs[j]
				if back {
					r = rs[len(rs)-1-j]
				}
				if r.Detail == "wrong" {
					return turned(r.met)
				}
			}
			return false
		}
		if !beside(t.all[:i], true) || !beside(t.all[i+1:], false) || s.Detail == "other-account" && !free[s.User] {
			continue
		}
		word := "unknown"
		switch {
		case s.met == probe.Refused:
			word = "checked"
		case s.met == probe.Limited, s.met == probe.Missed && t.alive:
			word = "limited"
		}
		if s.Detail == "other-account" {
			account = word
		} else {
			source = word
		}
	}
	return account, source
}

// scope says whom a limit holds for. A limit that another source address evades is
// one of the source, whatever the other account met.
func scope(account, source string) string {
	switch {
	case source == "checked":
		return "source"
	case account == "checked":
		return "account"
	case account == "limited" && source == "limited":
		return "all"
	}
	return "unknown"
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

// middle is the median.
func middle(ms []int64) int64 {
	s := slices.Sorted(slices.Values(ms))
	return s[len(s)/2]
}

func reason(r probe.Record) string {
	if probe.StatedWait(r.Recv) > 0 {
		return "stated-wait"
	}
	if m := statusLine.FindSubmatch(r.Recv); m != nil {
		return "status-" + string(m[1])
	}
	return "message"
}

var statusLine = regexp.MustCompile(`^(?:HTTP|RTSP)/\d\.\d (\d{3})`)
