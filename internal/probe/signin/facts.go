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

// middle is the median.
func middle(ms []int64) int64 {
	s := slices.Sorted(slices.Values(ms))
	return s[len(s)/2]
}

func (k kinds) facts(id string, rs []probe.Record) fact.Set {
	kind := probe.Entrance{}
	if parts := strings.SplitN(id, " ", 3); len(parts) >= 2 {
		kind = k[parts[1]]
	}
	if kind.Classify == nil {
		return nil
	}
	i := slices.IndexFunc(rs, func(r probe.Record) bool { return r.Event == "attempt" && r.Detail == "baseline" })
	if i < 0 {
		return nil
	}
	base := rs[i]
	was := func(event string) bool {
		return slices.ContainsFunc(rs, func(r probe.Record) bool { return r.Event == event })
	}
	switch kind.Classify(base, base) {
	case probe.Closed:
		return fact.Set{
			probe.Observed("signin.default", id, map[string]any{"tried": 0, "accepted": []string{}, "complete": was("defaults-done")}, base.Source()),
			probe.Observed("signin.limit", id, map[string]any{"attempts": 0, "limited": true, "after": 0, "how": "no-password", "guessesPerDay": 0, "complete": was("limit-done")}, base.Source()),
		}
	case probe.Refused:
	default:
		return nil
	}
	return fact.Set{defaults(id, kind, base, rs, was("defaults-done")), limits(id, kind, base, rs, was("limit-done"), was("alive"))}
}

// defaults sums up what default values met. A control that was refused means that
// right and wrong cannot be told apart here, so nothing is complete.
func defaults(id string, kind probe.Entrance, base probe.Record, rs []probe.Record, done bool) fact.Fact {
	tried, got := 0, []string{}
	var source []string
	for _, r := range rs {
		if r.Event != "attempt" || r.Detail == "baseline" || r.Detail == "wrong" {
			continue
		}
		o := kind.Classify(base, r)
		if r.Detail == "control" {
			done = done && o == probe.Accepted
			continue
		}
		source = append(source, r.Source())
		switch o {
		case probe.Accepted:
			tried++
			if s := fmt.Sprintf("%s (%s)", r.User, r.Detail); !slices.Contains(got, s) {
				got = append(got, s)
			}
		case probe.Refused:
			tried++
		case probe.Unclear:
			done = false
		}
	}
	return probe.Observed("signin.default", id, map[string]any{"tried": tried, "accepted": got, "complete": done}, source...)
}

// limits sums up repeated wrong values for the account that was used for them;
// default values that were refused for the same account count too.
func limits(id string, kind probe.Entrance, base probe.Record, rs []probe.Record, done, alive bool) fact.Fact {
	user := ""
	for _, r := range rs {
		if r.Event == "attempt" && r.Detail == "wrong" {
			user = r.User
		}
	}
	// A right value sets the count back: only what came after it counts.
	for i, r := range slices.Backward(rs) {
		if (r.Detail == "control" || r.Detail == "declared") && r.User == user && kind.Classify(base, r) == probe.Accepted {
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
		o := kind.Classify(base, r)
		if o == probe.Accepted {
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
		case probe.Refused:
			checked++
			took = append(took, r.Took)
			wait, missing = 0, 0
		case probe.Limited:
			if how == "" {
				how, after = reason(r), checked
			}
			wait, missing = probe.StatedWait(r.Recv), 0
		case probe.Missed:
			missing++
			if how == "" {
				how, after = "turned-away", checked
			}
		}
	}
	if missing > 0 && how == "turned-away" && !alive {
		how, done = "", false // silence that may as well be a dead device
	}
	if n := len(took); how == "" && n >= 4 && middle(took[n/2:]) >= slow {
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
	if probe.StatedWait(r.Recv) > 0 {
		return "stated-wait"
	}
	if m := statusLine.FindSubmatch(r.Recv); m != nil {
		return "status-" + string(m[1])
	}
	return "message"
}

var statusLine = regexp.MustCompile(`^(?:HTTP|RTSP)/\d\.\d (\d{3})`)
