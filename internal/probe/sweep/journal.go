package sweep

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/probe"
)

// maxNamed bounds the ports that the ranges of one transcript name, repeats
// included: a run names each a few times, a forged one could do so for hours.
const maxNamed = 12 * 65535

// Settled is what is known of one port.
type Settled struct {
	Settled bool
	Answer  Answer
	Proof   string
	Tries   int
	Line    int // of the record that says so
}

// Outage is a time in which the device did not answer at all.
type Outage struct {
	Kind string        // "reboot", "hang", "unknown", "gone" (it did not come back)
	Took time.Duration // until it answered again, or until the sweep gave up
	Rate int           // attempts in the second before
	Last string        // the ports asked last before it, in order of asking
	Line int
}

// Earlier is what the records of a sweep say. It is all that a resumed run needs.
type Earlier struct {
	Seed    uint64 // of the order of ports
	Method  string // "syn", "connect", ""
	Asked   int    // ports planned
	Plan    int    // line of the plan
	Ports   [65536]Settled
	Rate    int // attempts per second at last
	Ceiling int // never to be exceeded again, after an outage; 0 = none
	Borne   int // most attempts in a second that did no harm, since the last outage
	Outages int
	Down    []Outage
	Pace    []Pace
}

// plan is what the first record says.
func plan(seed uint64, method, pace string) string {
	return fmt.Sprintf("pace=%s method=%s seed=%016x", pace, method, seed)
}

// Read reads the records of a sweep over the ports of a transport, "tcp" or
// "udp". It is false when they name no plan or are forged beyond reason.
func Read(records []probe.Record, transport string) (*Earlier, bool) {
	e := &Earlier{}
	named, planned := 0, false
	ranges := func(s string, each func(p int)) bool {
		return named <= maxNamed && probe.ParseRanges(s, func(p int) {
			named++
			if named <= maxNamed {
				each(p)
			}
		}) == nil && named <= maxNamed
	}
	settle := func(p int, a Answer, proof string, r probe.Record) {
		s := &e.Ports[p]
		if s.Settled && (s.Answer == Open || s.Answer != Silent && a == Silent) {
			return
		}
		*s = Settled{Settled: true, Answer: a, Proof: proof, Tries: clampTries(r.Number), Line: r.Line}
	}
	for _, r := range records {
		switch r.Event {
		case "plan":
			asked := 0
			if !ranges(r.Ports, func(int) { asked++ }) {
				return nil, false
			}
			if !planned {
				e.Asked, e.Plan, planned = asked, r.Line, true
			}
			for _, f := range strings.Fields(r.Detail) {
				k, v, _ := strings.Cut(f, "=")
				switch k {
				case "method":
					e.Method = v
				case "seed":
					e.Seed, _ = strconv.ParseUint(v, 16, 64)
				}
			}
		case "open":
			if p := probe.PortNumber(r.Port); p != 0 && r.Port == transport+"/"+strconv.Itoa(p) {
				settle(p, Open, r.Detail, r)
			}
		case "closed", "filtered", "silent":
			a := map[string]Answer{"closed": Closed, "filtered": Filtered}[r.Event]
			proof := r.Detail
			if proof == "silent" {
				a, proof = Silent, ""
			}
			if !ranges(r.Ports, func(p int) { settle(p, a, proof, r) }) {
				return nil, false
			}
		case "undecided":
			if !ranges(r.Ports, func(p int) { e.Ports[p].Tries = max(e.Ports[p].Tries, clampTries(r.Number)) }) {
				return nil, false
			}
		case "pace":
			if p, ok := ParsePace(r.Detail); ok {
				p.Took = time.Duration(min(max(r.Took, 0), 1<<40)) * time.Millisecond
				e.Pace = append(e.Pace, p)
				e.Borne = max(e.Borne, min(p.borne(), unpaced))
				if p.Phase != "down" {
					e.Rate = p.Rate
				}
			}
		case "down":
			e.Down = append(e.Down, Outage{Kind: "gone", Rate: max(0, r.Number), Last: string(r.Sent), Line: r.Line})
			e.Borne = 0
			var c int
			if _, err := fmt.Sscanf(r.Detail, "ceiling=%d", &c); err == nil && c > 0 && (e.Ceiling == 0 || c < e.Ceiling) {
				e.Ceiling = c
			}
		case "up", "gave-up":
			if n := len(e.Down); n > 0 && e.Down[n-1].Took == 0 {
				d := &e.Down[n-1]
				d.Took = time.Duration(min(max(r.Took, 1), 1<<40)) * time.Millisecond
				if r.Event == "up" {
					d.Kind = map[string]string{"reboot": "reboot", "hang": "hang"}[r.Detail]
					if d.Kind == "" {
						d.Kind = "unknown"
					}
					e.Outages++
				}
			}
		}
	}
	return e, planned && e.Asked > 0
}

func clampTries(n int) int { return min(max(n, 0), 1000) }

// Count is how many ports ended how.
type Count struct {
	Asked, Open, Closed, Filtered, Undecided int
	Silent                                   int // of the ports, those that never answered
	Tries                                    int // most tries at a port that never answered
}

// Count counts. Where silence proves nothing, silent ports are undecided.
func (e *Earlier) Count(silenceProves bool) Count {
	c := Count{Asked: e.Asked}
	for p := range e.Ports {
		switch s := &e.Ports[p]; {
		case s.Settled && s.Answer == Open:
			c.Open++
		case s.Settled && s.Answer == Closed:
			c.Closed++
		case s.Settled && s.Answer == Filtered:
			c.Filtered++
		default:
			c.Tries = max(c.Tries, s.Tries)
			if s.Settled && silenceProves {
				c.Filtered++
			}
		}
	}
	c.Silent = 0
	for p := range e.Ports {
		if s := &e.Ports[p]; s.Settled && s.Answer == Silent {
			c.Silent++
		}
	}
	c.Undecided = max(0, c.Asked-c.Open-c.Closed-c.Filtered)
	c.Silent = min(c.Asked, c.Silent+c.Undecided)
	if !silenceProves {
		c.Silent = c.Undecided
	}
	return c
}

// record makes a record of an event.
func (v Event) record(name, transport string, since int64) probe.Record {
	r := probe.Record{Probe: name, Event: v.Kind, Number: v.Number, Detail: v.Detail, Took: v.Took.Milliseconds(), Ports: probe.Ranges(v.Ports), At: since}
	if v.Port != 0 {
		r.Port = transport + "/" + strconv.Itoa(v.Port)
	}
	if v.Sent != "" {
		r.Sent = []byte(v.Sent)
	}
	return r
}
