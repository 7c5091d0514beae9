package assess

import (
	"sync/atomic"

	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

// Event is one step of progress.
type Event struct {
	At    int64  `json:"at"` // ms since the run began
	Probe string `json:"probe"`
	State string `json:"state"` // "begin", "progress", "end"
	Done  int    `json:"done,omitempty"`
	Total int    `json:"total,omitempty"` // 0 when not known beforehand
	Rate  int    `json:"rate,omitempty"`  // packets or ports a second, lately
	Left  int    `json:"left,omitempty"`  // seconds that the probe will take at this rate; 0 = not known
	Port  string `json:"port,omitempty"`
	Item  string `json:"item,omitempty"`
	Note  string `json:"note,omitempty"`  // the record's event
	Error string `json:"error,omitempty"` // the record's error
	Wait  int    `json:"wait,omitempty"`  // seconds that the device asked to wait with this answer
	All   int    `json:"all,omitempty"`   // seconds that all ports would take, when only the known services are asked
	// Load is how the device bears the test, when the record is about that.
	Load *Load `json:"load,omitempty"`
}

// Load is how the device bears the test at a moment.
type Load struct {
	Sent    int `json:"sent"`    // packets a second
	Answers int `json:"answers"` // of witnesses, ports that are known to answer
	Lost    int `json:"lost"`
}

// gauge turns records into progress. Its record is called with the recorder's
// lock held, so calls do not overlap.
type gauge struct {
	o       Options
	settled map[string]*tally
	over    atomic.Bool // the run has ended; a probe left behind may still record
}

// tally counts the settled ports of a scan, each once.
type tally struct {
	done  int
	seen  [allPorts + 1]bool
	since []point // of the last seconds
}

type point struct {
	at   int64
	done int
}

func (g *gauge) stop() { g.over.Store(true) }

func (g *gauge) emit(e Event) {
	if g.o.Progress != nil && !g.over.Load() {
		g.o.Progress(e)
	}
}

const (
	allPorts = 65535
	lately   = 5000 // ms over which a rate is taken
)

func (g *gauge) record(r probe.Record) {
	e := Event{At: r.At + r.Took, Probe: r.Probe, State: "progress", Port: r.Port, Item: r.Item, Note: r.Event, Error: r.Error, Done: r.Number}
	if r.Probe == "tcp" || r.Probe == "udp" {
		t := g.tally(r.Probe)
		t.add(r)
		e.Done, e.Total = t.done, allPorts
		e.Rate = t.rate(e.At)
		if e.Rate > 0 {
			e.Left = (allPorts - t.done) / e.Rate
		}
		if p, ok := sweep.ParsePace(r.Detail); ok && r.Event == "pace" {
			e.Load = &Load{Sent: int(int64(p.Sent) * 1000 / max(1, r.Took)), Answers: p.Canaries - p.Lost, Lost: p.Lost}
		}
	}
	switch {
	case r.Probe == "signin" && r.Event == "attempt":
		e.Wait = int(probe.StatedWait(r.Recv).Seconds())
	case r.Probe == "udp" && r.Event == "estimate":
		e.All = r.Number
	}
	g.emit(e)
}

func (g *gauge) tally(name string) *tally {
	if g.settled == nil {
		g.settled = map[string]*tally{}
	}
	if g.settled[name] == nil {
		g.settled[name] = &tally{}
	}
	return g.settled[name]
}

func (t *tally) add(r probe.Record) {
	switch r.Event {
	case "open", "closed", "filtered":
		count := func(port int) {
			if port > 0 && !t.seen[port] {
				t.seen[port] = true
				t.done++
			}
		}
		count(probe.PortNumber(r.Port))
		_ = probe.ParseRanges(r.Ports, count)
	}
}

// rate is taken over a while in which ports were settled: slow devices answer for
// long before a record says so.
func (t *tally) rate(at int64) int {
	if n := len(t.since); n > 1 && t.since[n-1].done == t.done && t.since[n-2].done == t.done {
		t.since[n-1].at = at
	} else {
		t.since = append(t.since, point{at, t.done})
	}
	for len(t.since) > 2 && t.since[1].at <= at-lately && t.since[1].done < t.done {
		t.since = t.since[1:]
	}
	if took := at - t.since[0].at; took > 0 {
		return int(int64(t.done-t.since[0].done) * 1000 / took)
	}
	return 0
}
