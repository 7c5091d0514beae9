package signin

import (
	"regexp"
	"slices"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

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
