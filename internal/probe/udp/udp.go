// Package udp finds the open UDP ports of the device among all 65,535, over IPv4
// or IPv6, and asks what listens there in its own protocol.
//
// A datagram back means open, an ICMP port-unreachable means closed. Silence
// alone means nothing: a service may be there and not care to answer. It means
// open only where the device provably said "closed" for other ports before and
// after, and never for this one, however often it was asked. What cannot be told
// is undecided, never closed.
//
// Linux and its like tell one peer of one closed port a second, and all peers
// together of a thousand. With a pool of senders (probe.Senders) every attempt
// comes from another address, so that all ports take about a minute; without one,
// and if the device has such a limit, the known services are asked and an honest
// estimate for the rest is recorded. Package sweep paces both.
package udp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

const (
	name = "udp"
	last = 65535
	// tries at a silent port, each between two canaries that were answered.
	tries = 6
	few   = 3
	// recovery is how long a device that was down is given until its services run: most
	// of them answer no question that could tell.
	recovery = 25 * time.Second
)

// knock is the content of a datagram that only asks whether anything listens. It is
// too short for a request of any service; an empty one makes some services hang.
var knock = []byte("\n")

// Methods, as fact udp.coverage names them.
const (
	byPool      = "pool"      // from addresses that the device routes to us
	byLink      = "link"      // from further addresses of the link
	bySingle    = "single"    // from one address, raw
	bySockets   = "sockets"   // from one address, sockets of the system
	byQuestions = "questions" // the known services only
)

// Probe makes the registry entry from all protocols. It runs after the TCP scan
// has ended: the two never overlap, because together they starve weak devices.
//
// Events: "measured" (number: closed ports of which the device told, detail:
// "sent=… ms=…", from one sender or the pool), "plan" (ports; detail: pace,
// method, seed), "estimate" (number: seconds that all ports would take), those of
// a sweep (see package tcp) with "silent" (ports; number: tries), then "asked"
// (port; item: protocol of the question; sent, received) and "end" (port: no
// question is left).
func Probe(protocols []probe.Protocol) probe.Probe {
	c := newCatalogue(protocols)
	return probe.Probe{Name: name, Stage: 2, Continues: true, Run: c.run, Parse: c.parse}
}

func (c catalogue) run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	if err := c.scan(ctx, t, rec); err != nil || ctx.Err() != nil {
		return err
	}
	was := read(rec.Records(name))
	var ports []int
	for p := 1; p <= last; p++ {
		s := was.state(p)
		if !was.ended[p] && (s == open || s != closed && slices.Contains(c.ports, p)) {
			ports = append(ports, p)
		}
	}
	// The likely are asked before the bound on their number is met. Of those, ports
	// that no number suggests anything for take longest: they go first.
	slices.SortStableFunc(ports, func(a, b int) int { return rank(c, was, a) - rank(c, was, b) })
	c.askAll(ctx, t, rec, ports, func(p int) bool { return was.state(p) == open })
	return nil
}

func rank(c catalogue, was *transcript, p int) int {
	switch usual := slices.Contains(c.ports, p); {
	case was.state(p) == open && !usual:
		return 0
	case usual:
		return 1
	}
	return 2
}

// scan settles all ports where that can be done in a fair time.
func (c catalogue) scan(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	method := planned(rec.Records(name))
	config := sweep.Config{Start: t.Pace.TCPStart, Cap: t.Pace.TCPCap, Tries: tries, Few: few, Wait: t.Pace.TCPWait, Down: t.Pace.Down}
	if config.Recover = recovery; t.Pace.Name == "practice" {
		config.Recover = time.Second
	}
	r, err := newRaw(t)
	if err != nil { // sockets hear refusals too, under the same limits
		tr := newSockets(t)
		defer tr.close()
		if method == "" {
			if m := measureSockets(ctx, t); !m.record(rec, bySockets).enough() {
				return c.few(ctx, t, rec, m, nil)
			}
		}
		if method == byQuestions {
			return nil
		}
		return sweep.Run(ctx, t, rec, name, "udp", config, tr)
	}
	defer func() { r.close() }()
	if method == "" {
		m, err := r.measure(ctx)
		if err != nil {
			return err
		}
		if !m.record(rec, r.method).enough() && r.method != bySingle {
			// The answers do not reach the pool: the device has another gateway.
			r.close()
			alone := *t
			alone.Senders = probe.Senders{}
			if r, err = newRaw(&alone); err == nil {
				m, err = r.measure(ctx)
			}
			if err != nil {
				return err
			}
			m.record(rec, r.method)
		}
		if !m.enough() {
			return c.few(ctx, t, rec, m, r)
		}
	}
	if method == byQuestions {
		return c.known(ctx, t, rec, r)
	}
	if most := r.most(); most > 0 && t.Pace.Name != "practice" && (config.Cap <= 0 || config.Cap > most) {
		config.Cap, config.Slack = most, slack
	}
	return sweep.Run(ctx, t, rec, name, "udp", config, r)
}

// few plans the known services only, says what all ports would take, and asks.
func (c catalogue) few(ctx context.Context, t *probe.Target, rec *probe.Recorder, m measurement, r *raw) error {
	rec.Add(probe.Record{Probe: name, Event: "plan", Ports: "1-65535", Detail: fmt.Sprintf("pace=%s method=%s", t.Pace.Name, byQuestions)})
	rec.Add(probe.Record{Probe: name, Event: "estimate", Number: m.seconds()})
	if len(m.closed) > 0 {
		slices.Sort(m.closed)
		rec.Add(probe.Record{Probe: name, Event: "closed", Ports: probe.Ranges(m.closed), Detail: "measured"})
	}
	c.askAll(ctx, t, rec, c.ports, func(int) bool { return false })
	if r == nil || m.answered == 0 {
		return ctx.Err()
	}
	return c.known(ctx, t, rec, r)
}

// planned is the method of the plan that an earlier run wrote, "" when none did.
func planned(records []probe.Record) string {
	for _, r := range records {
		if r.Event == "plan" {
			for f := range strings.FieldsSeq(r.Detail) {
				if m, ok := strings.CutPrefix(f, "method="); ok {
					return m
				}
			}
			return byQuestions
		}
	}
	return ""
}
