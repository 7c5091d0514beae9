// Package after looks once more, at the end of a run, whether every TCP port that
// was open still takes connections: a service that the test has ended, or that
// keeps this computer out by now, is a finding.
package after

import (
	"context"
	"slices"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const (
	name = "after"
	// A service that was only busy, or starts anew, is given three tries.
	tries = 3
	pause = 2 * time.Second
)

// Probe is the registry entry.
//
// Events: "connect" (port; error when there was no connection in any try), "end"
// (no port is left). On an address of this host other programs come and go, and
// nothing is asked.
var Probe = probe.Probe{Name: name, Stage: 9, Run: run, Parse: parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	if t.Network == probe.ModeShared {
		rec.Add(probe.Record{Probe: name, Event: "end"})
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	var ports []probe.Speaker
	for _, f := range t.Facts.Named("tcp.open") {
		if p := probe.PortNumber(f.Subject); p != 0 && f.Origin == fact.Observed {
			ports = append(ports, probe.Speaker{Port: p})
		}
	}
	t.Each(ports, func(s probe.Speaker) { connect(ctx, t, rec, s.Port) })
	if ctx.Err() == nil {
		rec.Add(probe.Record{Probe: name, Event: "end"})
	}
	return nil
}

func connect(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int) {
	r := probe.Record{Probe: name, Event: "connect", Port: probe.TCP(port)}
	start := time.Now()
	for n := range tries {
		if n > 0 && !probe.Wait(ctx, pause) {
			return
		}
		c, err := t.Net.TCP(ctx, port, t.Pace.Exchange)
		if err == nil {
			_ = c.Close()
			r.Error = ""
			break
		}
		r.Error = probe.Word(err)
	}
	if r.Took = time.Since(start).Milliseconds(); ctx.Err() == nil {
		rec.Add(r)
	}
}

// parse states tcp.after when no port is left to ask.
func parse(records []probe.Record) fact.Set {
	asked, ended, sources, whole := 0, []string{}, []string{}, false
	for _, r := range records {
		switch r.Event {
		case "connect":
			if r.Port != probe.TCP(probe.PortNumber(r.Port)) {
				continue
			}
			asked++
			sources = append(sources, r.Source())
			if r.Error != "" {
				ended = append(ended, r.Port)
			}
		case "end":
			whole = true
			sources = append(sources, r.Source())
		}
	}
	if !whole {
		return nil
	}
	slices.SortFunc(ended, func(a, b string) int { return probe.PortNumber(a) - probe.PortNumber(b) })
	return fact.Set{probe.Observed("tcp.after", "", map[string]any{"asked": asked, "ended": ended}, sources...)}
}
