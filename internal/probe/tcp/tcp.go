// Package tcp finds the open TCP ports of the device among all 65,535, over
// IPv4 or IPv6. Package sweep decides how fast and how often; here is how a port
// is asked: with a SYN where raw packets are allowed, and by opening a complete
// connection otherwise, which needs no privileges. The latter is built for macOS
// and Windows as well; it has not been tested there.
package tcp

import (
	"context"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

const name = "tcp"

// Probe is the registry entry.
//
// Events: "plan" (ports; detail is pace, method and seed of the order), "open"
// (port; detail is the answer, number the try), "closed" (ports; detail is the
// answer), "filtered" (ports; detail is the answer, or "silent" and number the
// tries), "undecided" (ports; number is the tries). "pace" (detail as
// sweep.Pace), "down" (number is the attempts of the second before, detail the rate that
// is never exceeded again, sent the ports asked last), "up" (took is the outage, detail what it was), "gave-up".
var Probe = probe.Probe{Name: name, Stage: 1, Continues: true, Run: run, Parse: Parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	tr := transport(t)
	defer tr.close()
	p := t.Pace
	return sweep.Run(ctx, t, rec, name, "tcp", sweep.Config{Start: p.TCPStart, Cap: p.TCPCap, Tries: p.TCPTries, Few: p.TCPFew,
		Wait: p.TCPWait, Down: p.Down, SilenceProves: true}, tr)
}

type closer interface {
	sweep.Transport
	close()
}

// transport chooses raw packets where they are allowed.
func transport(t *probe.Target) closer {
	if s, err := newSYN(t); err == nil {
		return s
	}
	return newConnect(t)
}

// Parse states tcp.open for each open port, tcp.coverage, tcp.scan and
// device.outage. A port that no record settles is undecided.
func Parse(records []probe.Record) fact.Set {
	e, ok := sweep.Read(records, "tcp")
	if !ok {
		return nil
	}
	var out fact.Set
	source := func(line int) string { return probe.Record{Probe: name, Line: line}.Source() }
	for p := range e.Ports {
		if s := &e.Ports[p]; s.Settled && s.Answer == sweep.Open {
			out = append(out, probe.Observed("tcp.open", probe.TCP(p), true, source(s.Line)))
		}
	}
	for i, o := range e.Down {
		out = append(out, probe.Away(name, i+1, o.Kind, o.Took, o.Rate, o.Last, source(o.Line)))
	}
	c := e.Count(true)
	method := e.Method
	if method != "syn" {
		method = "connect"
	}
	return append(out,
		probe.Observed("tcp.coverage", "", map[string]any{
			"asked": c.Asked, "open": c.Open, "closed": c.Closed, "filtered": c.Filtered, "undecided": c.Undecided}, source(e.Plan)),
		probe.Observed("tcp.scan", "", map[string]any{
			"method": method, "silent": c.Silent, "tries": c.Tries, "outages": len(e.Down)}, source(e.Plan)))
}
