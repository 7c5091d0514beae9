package sweep

import (
	"slices"
	"time"
)

// Event is something to be written down.
type Event struct {
	At, Took time.Duration
	Kind     string // "open", "closed", "filtered", "silent", "undecided", "pace", "down", "up", "gave-up"
	Port     int
	Ports    []int // ascending
	Number   int
	Detail   string
	Sent     string
}

// Events returns what has happened since the last call.
func (e *Engine) Events() []Event {
	out := e.events
	e.events = nil
	return out
}

func (e *Engine) word(s string) uint8 {
	if i := slices.Index(e.proofs, s); i >= 0 {
		return uint8(i)
	}
	if len(e.proofs) > 250 {
		return 0
	}
	e.proofs = append(e.proofs, s)
	return uint8(len(e.proofs) - 1)
}

func (e *Engine) emit(v Event) { e.events = append(e.events, v) }

// tell writes down the settled ports of a chunk, by answer.
func (e *Engine) tell(now time.Duration, c int) {
	type class struct {
		a     Answer
		proof uint8
	}
	groups := map[class][]int{}
	tries := map[class]int{}
	for n := c * chunk; n < (c+1)*chunk; n++ {
		p := &e.ports[n]
		if p.settled && !p.told {
			k := class{p.answer, p.proof}
			groups[k] = append(groups[k], n)
			tries[k] = max(tries[k], int(p.tries))
			p.told = true
		}
	}
	for _, a := range []Answer{Closed, Filtered, Silent} {
		for i := range e.proofs {
			k := class{a, uint8(i)}
			if len(groups[k]) == 0 {
				continue
			}
			v := Event{At: now, Kind: "closed", Ports: groups[k], Detail: e.proofs[i]}
			switch a {
			case Filtered:
				v.Kind = "filtered"
			case Silent:
				v.Kind, v.Detail, v.Number = "silent", "", tries[k]
				if e.c.SilenceProves {
					v.Kind, v.Detail = "filtered", "silent"
				}
			}
			e.emit(v)
		}
	}
}

// Flush tells what is settled and not told yet, so that a run that is stopped
// can go on from there.
func (e *Engine) Flush(now time.Duration) {
	for c := range chunks {
		e.tell(now, c)
	}
}

// finish ends a sweep: what is settled is told, the rest is undecided.
func (e *Engine) finish(now time.Duration) {
	if e.state == over {
		return
	}
	e.state = over
	e.Flush(now)
	byTries := map[int][]int{}
	for n := range e.ports {
		if p := &e.ports[n]; p.wanted && !p.settled {
			byTries[int(p.tries)] = append(byTries[int(p.tries)], n)
		}
	}
	for tries := range 256 {
		if len(byTries[tries]) > 0 {
			e.emit(Event{At: now, Kind: "undecided", Ports: byTries[tries], Number: tries})
		}
	}
	e.emitPace(now)
}

// tick writes the pacing down once a second, less often when a sweep takes long.
func (e *Engine) tick(now time.Duration) {
	if now-e.paceAt >= max(time.Second, now/600) {
		e.emitPace(now)
	}
}

func (e *Engine) emitPace(now time.Duration) {
	p := e.pace
	p.Took = now - e.paceAt
	p.Rate = int(e.law.rate)
	p.Phase = e.law.phase.String()
	switch e.state {
	case down, recovering:
		p.Phase, p.Rate = "down", 1
	}
	if e.state == asking {
		e.borne = max(e.borne, float64(p.borne()))
	}
	e.pace, e.paceAt = Pace{}, now
	if p.Sent > 0 || p.Answered > 0 {
		e.emit(Event{At: now, Kind: "pace", Took: p.Took, Number: p.Rate, Detail: p.String()})
	}
}
