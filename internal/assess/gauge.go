package assess

import (
	"sync/atomic"

	"hoshi/internal/probe"
)

// gauge turns records into progress.
type gauge struct {
	o     Options
	ports int
	over  atomic.Bool // the run has ended; a probe left behind may still record
}

func (g *gauge) stop() { g.over.Store(true) }

func (g *gauge) emit(e Event) {
	if g.o.Progress != nil && !g.over.Load() {
		g.o.Progress(e)
	}
}

// record is called with the recorder's lock held, so calls do not overlap.
func (g *gauge) record(r probe.Record) {
	e := Event{At: r.At, Probe: r.Probe, State: "progress", Port: r.Port, Note: r.Event, Done: r.Number}
	if r.Probe == "tcp" {
		e.Done, e.Total = 0, 65535
		if r.Event == "open" {
			g.ports++
		}
		if r.Event == "closed" || r.Event == "filtered" {
			_ = probe.ParseRanges(r.Ports, func(int) { g.ports++ })
		}
		e.Done = g.ports
	}
	g.emit(e)
}
