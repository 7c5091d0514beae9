package signin

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	probehttp "hoshi/internal/probe/http"
)

const dayMS = 24 * 60 * 60 * 1000

// slow is the time per attempt from which a delay counts as a limit.
const slow = 1000 // ms

func facts(id string, rs []probe.Record) fact.Set {
	kind := ""
	if parts := strings.SplitN(id, " ", 3); len(parts) >= 2 {
		kind = parts[1]
	}
	i := slices.IndexFunc(rs, func(r probe.Record) bool { return r.Event == "attempt" && r.Detail == "baseline" })
	if i < 0 {
		return nil
	}
	base := rs[i]
	was := func(event string) bool {
		return slices.ContainsFunc(rs, func(r probe.Record) bool { return r.Event == event })
	}
	switch classify(kind, base, base) {
	case closed:
		return fact.Set{
			probe.Observed("signin.default", id, map[string]any{"tried": 0, "accepted": []string{}, "complete": was("defaults-done")}, base.Source()),
			probe.Observed("signin.limit", id, map[string]any{"attempts": 0, "limited": true, "after": 0, "how": "no-password", "guessesPerDay": 0, "complete": was("limit-done")}, base.Source()),
		}
	case refused:
	default:
		return nil
	}
	return fact.Set{defaults(id, kind, base, rs, was("defaults-done")), limits(id, kind, base, rs, was("limit-done"), was("alive"))}
}

// defaults sums up what default values met. A control that was refused means that
// right and wrong cannot be told apart here, so nothing is complete.
func defaults(id, kind string, base probe.Record, rs []probe.Record, done bool) fact.Fact {
	tried, got := 0, []string{}
	var source []string
	for _, r := range rs {
		if r.Event != "attempt" || r.Detail == "baseline" || r.Detail == "wrong" {
			continue
		}
		o := classify(kind, base, r)
		if r.Detail == "control" {
			done = done && o == accepted
			continue
		}
		source = append(source, r.Source())
		switch o {
		case accepted:
			tried++
			if s := fmt.Sprintf("%s (%s)", r.User, r.Detail); !slices.Contains(got, s) {
				got = append(got, s)
			}
		case refused:
			tried++
		case unclear:
			done = false
		}
	}
	return probe.Observed("signin.default", id, map[string]any{"tried": tried, "accepted": got, "complete": done}, source...)
}

// limits sums up repeated wrong values for the account that was used for them;
// default values that were refused for the same account count too.
func limits(id, kind string, base probe.Record, rs []probe.Record, done, alive bool) fact.Fact {
	user := ""
	for _, r := range rs {
		if r.Event == "attempt" && r.Detail == "wrong" {
			user = r.User
		}
	}
	// A right value sets the count back: only what came after it counts.
	for i, r := range slices.Backward(rs) {
		if (r.Detail == "control" || r.Detail == "declared") && r.User == user && classify(kind, base, r) == accepted {
			rs = rs[i+1:]
			break
		}
	}
	attempts, checked, after := 0, 0, 0
	how := ""
	// Time is counted within the default values and within the wrong ones, not in
	// between, when other interfaces have their turn.
	var spans [2]struct{ first, last int64 }
	var wait time.Duration
	var took []int64
	var source []string
	missing := 0
	for _, r := range rs {
		if r.Event != "attempt" || r.User != user || user == "" || r.Detail == "control" {
			continue
		}
		o := classify(kind, base, r)
		if o == accepted {
			continue
		}
		attempts++
		sp := &spans[0]
		if r.Detail == "wrong" {
			sp = &spans[1]
		}
		if sp.last == 0 {
			sp.first = r.At
		}
		sp.last = max(sp.last, r.At+r.Took, 1)
		source = append(source, r.Source())
		switch o {
		case refused:
			checked++
			took = append(took, r.Took)
			wait, missing = 0, 0
		case limited:
			if how == "" {
				how, after = reason(r), checked
			}
			wait, missing = stated(r), 0
		case missed:
			missing++
			if how == "" {
				how, after = "turned-away", checked
			}
		}
	}
	if missing > 0 && how == "turned-away" && !alive {
		how, done = "", false // silence that may as well be a dead device
	}
	if n := len(took); how == "" && n >= 4 && slices.Min(took[n/2:]) >= slow {
		how, after = "delay", n/2
	}
	elapsed := max(1, spans[0].last-spans[0].first+spans[1].last-spans[1].first+wait.Milliseconds())
	if attempts == 0 || checked == 0 && how == "" {
		done = false
	}
	return probe.Observed("signin.limit", id, map[string]any{
		"attempts": attempts, "limited": how != "", "after": after, "how": how,
		"guessesPerDay": int64(checked) * dayMS / elapsed, "complete": done,
	}, source...)
}

func reason(r probe.Record) string {
	if stated(r) > 0 {
		return "stated-wait"
	}
	if a := probehttp.ParseAnswer(r.Recv); a.Status != 0 {
		return fmt.Sprintf("status-%d", a.Status)
	}
	return "message"
}

var waitText = regexp.MustCompile(`(?i)([0-9]{1,5})\s*(s|sec|secs|seconds?|秒|m|min|mins|minutes?|分)(?:[^a-z]|間|$)`)

// stated is the wait that an answer asks for: Retry-After, or a time in a
// sentence about a limit; 0 when it states none.
func stated(r probe.Record) time.Duration {
	a := probehttp.ParseAnswer(r.Recv)
	if a.RetryAfter > 0 {
		return time.Duration(a.RetryAfter) * time.Second
	}
	text := r.Recv
	if a.Status != 0 {
		text = a.Body
	}
	if !lockout.Match(text) {
		return 0
	}
	m := waitText.FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	if unit := strings.ToLower(string(m[2])); unit[0] == 'm' || unit == "分" {
		return time.Duration(n) * time.Minute
	}
	return time.Duration(n) * time.Second
}

// hide takes the password out of what was sent, wherever the protocol puts it.
func hide(sent []byte, user, pass string) []byte {
	s := string(sent)
	for _, line := range []string{"PASS " + pass + "\r\n", user + "\r\n" + pass + "\r\n"} {
		if strings.HasSuffix(s, line) {
			return []byte(strings.TrimSuffix(s, pass+"\r\n") + probe.Mask + "\r\n")
		}
	}
	return sent
}
