package sweep

import (
	"slices"
	"time"
)

// state is where the engine stands.
type state uint8

const (
	asking     state = iota
	down             // the device does not answer at all
	recovering       // it answers again; its services are waited for
	over
)

// Kinds of attempts.
const (
	ordinary = iota
	canary
	clock // a canary on an open port, always from the same place, for its timestamp
)

type attempt struct {
	at    time.Duration
	port  uint16
	kind  uint8
	fresh bool // the first at this port
	fate  uint8
}

// Fates of an attempt.
const (
	onTheWay = iota
	answered
	lost
)

type port struct {
	wanted  bool
	answer  Answer
	settled bool
	told    bool  // an event names it
	proof   uint8 // index of Engine.proofs
	tries   uint8 // without an answer, witnessed by canaries
	back    uint8 // tries given back
	at      time.Duration
}

type again struct {
	port uint16
	due  time.Duration
}

// Engine is the state machine of a sweep. It reads no clock and sends nothing:
// Next says what to do now, Heard takes what came back. Times count from the
// beginning of the sweep and never go back.
type Engine struct {
	c   Config
	law *law

	ports  [65536]port
	left   [chunks]int // ports of a chunk that are not settled
	proofs []string
	open   int // settled as open
	fresh  int // index into c.Ports of the next port never asked
	again  []again
	limbo  []uint16 // silent, until a canary tells what the silence means

	slots  [kept]attempt
	last   [65536]uint32 // serial of the last attempt at a port
	head   uint32        // the oldest attempt whose fate is not accounted for
	next   uint32
	nextAt time.Duration

	srtt, rttvar time.Duration
	late         catchUp
	wokeAt       time.Duration // when this process last went on after a standstill

	canaries struct {
		closed, open []uint16
		missed       [65536]uint8
		turn         int
		gap          int // ordinary attempts since the last one
		due          bool
		ok           bool // the last one answered
		outstanding  int
		clockAt      time.Duration
	}
	seen struct {
		n, ok            int // first attempts and their answers, decaying
		silent           int // ports silent more than once
		canaries, missed int // canaries asked while nothing was overloaded, and those of them that got no answer
		answers          bool
		won, wasted      int // ports that answered, and tries at them that had counted as silence
	}

	state      state
	holding    bool
	holdSerial uint32
	heardAt    time.Duration
	anyHeard   bool
	downAt     time.Duration // since when nothing was heard
	downFrom   time.Duration // since when it is taken to be down
	downRate   float64
	borne      float64       // attempts in a whole second that did no harm, since the last outage
	askingFrom time.Duration // since when ports are asked without an outage
	backAt     time.Duration
	backOpen   map[uint16]bool
	backHeard  int
	outages    int
	shaky      [][2]time.Duration // times after outages in which services may have been starting
	uptime     uptime

	pace   Pace
	paceAt time.Duration

	events []Event
}

// New makes the engine of a sweep.
func New(c Config) *Engine {
	e := &Engine{c: c, law: newLaw(c), head: 1, next: 1, proofs: []string{""}, late: catchUp{scale: 1}}
	for _, p := range c.Ports {
		if p > 0 && p < 65536 && !e.ports[p].wanted {
			e.ports[p].wanted = true
			e.left[p/chunk]++
		}
	}
	if c.Earlier != nil {
		e.resume(c.Earlier)
	}
	return e
}

// resume takes over what an earlier run settled and learned.
func (e *Engine) resume(was *Earlier) {
	for p := range e.ports {
		s := was.Ports[p]
		if !e.ports[p].wanted || s.Answer == Silent && !s.Settled {
			continue
		}
		e.ports[p].told = true
		e.settle(p, s.Answer, s.Proof, 0)
	}
	e.events = nil // all of it is written down already
	e.outages, e.borne = was.Outages, float64(was.Borne)
	if was.Ceiling > 0 {
		e.law.ceiling, e.law.met = max(floor, float64(was.Ceiling)), true
		e.law.set(0, e.law.rate, steady)
	}
	if was.Rate > 0 {
		e.law.rate = max(floor, min(e.law.rate, float64(was.Rate)/2))
	}
}

// wait is how long an answer is waited for.
func (e *Engine) wait() time.Duration {
	if e.srtt == 0 {
		return e.c.Wait
	}
	return min(e.c.Wait, max(minWait, e.srtt+4*e.rttvar))
}

// Next says what to do at a time. Everything heard before must have been handed
// to Heard.
func (e *Engine) Next(now time.Duration) Action {
	e.account(now)
	e.tick(now)
	switch e.state {
	case over:
		return Action{Done: true}
	case down, recovering:
		return e.gentle(now)
	}
	if e.holding {
		return e.hold(now)
	}
	if now < e.nextAt {
		return Action{Wait: e.nextAt}
	}
	if e.next-e.head >= kept-1 {
		return Action{Wait: e.oldest()}
	}
	gap := 20
	switch {
	case e.answering():
		gap = 50 // every attempt is as good as a canary
	case e.law.climbs():
		gap = 10 // an overload is to be noticed soon
	}
	can := e.haveCanary()
	if can && (e.canaries.gap >= gap || e.canaries.due && e.canaries.outstanding == 0) {
		return e.ask(now, e.pick(now))
	}
	for len(e.again) > 0 && e.again[0].due <= now {
		p := e.again[0].port
		e.again = e.again[1:]
		if !e.ports[p].settled {
			return e.ask(now, attempt{port: p})
		}
	}
	for e.fresh < len(e.c.Ports) {
		p := e.c.Ports[e.fresh]
		e.fresh++
		if e.ports[p].wanted && !e.ports[p].settled {
			return e.ask(now, attempt{port: uint16(p), fresh: true})
		}
	}
	switch {
	case len(e.limbo) > 0 && can && e.canaries.outstanding == 0:
		return e.ask(now, e.pick(now))
	case e.head != e.next:
		return Action{Wait: e.soonest(now, e.oldest())}
	case len(e.again) > 0:
		return Action{Wait: e.soonest(now, e.again[0].due)}
	case len(e.shaky) > 0:
		span := e.shaky[0]
		if now < span[1] {
			return Action{Wait: span[1]}
		}
		e.shaky = e.shaky[1:]
		e.anew(now, span[0], span[1])
		return e.Next(now)
	}
	e.finish(now)
	return Action{Done: true}
}

// soonest is the earlier of two times, and never longer than a second ahead.
func (e *Engine) soonest(now, t time.Duration) time.Duration {
	if len(e.again) > 0 {
		t = min(t, e.again[0].due)
	}
	return max(now+time.Millisecond, min(t, now+time.Second))
}

// oldest is when the oldest attempt on the way counts as lost.
func (e *Engine) oldest() time.Duration {
	return max(e.slots[e.head%kept].at+e.wait(), e.wokeAt+waking)
}

// ask makes an attempt.
func (e *Engine) ask(now time.Duration, a attempt) Action {
	a.at = now
	serial := e.next
	e.slots[serial%kept] = a
	e.last[a.port] = serial
	e.next++
	slack := e.slack()
	e.burst(slack)
	e.nextAt = max(e.nextAt, now-slack) + time.Duration(float64(time.Second)/e.law.rate)
	e.law.sent()
	e.pace.Sent++
	if a.kind == ordinary {
		e.canaries.gap++
	} else {
		e.canaries.gap, e.canaries.due = 0, false
		e.canaries.outstanding++
	}
	return Action{Port: int(a.port), Serial: serial, Within: e.wait(), Clock: a.kind == clock}
}

// Heard takes a reply.
func (e *Engine) Heard(now time.Duration, r Reply) {
	if r.Port < 1 || r.Port > 65535 || r.Answer == Silent || e.state == over {
		return
	}
	p := uint16(r.Port)
	if r.Serial == 0 {
		r.Serial = e.last[p]
	}
	if r.Serial == 0 || r.Serial >= e.next || e.next-r.Serial >= kept || e.slots[r.Serial%kept].port != p {
		return // not an answer to anything that was asked
	}
	e.heardAt, e.anyHeard = now, true
	a := &e.slots[r.Serial%kept]
	if a.fate != answered {
		if a.at >= e.wokeAt {
			e.measure(now - a.at)
		}
		e.pace.Answered++
		if a.fate == lost && (a.kind != ordinary || a.fresh && e.answering()) {
			e.law.late(a.at)
		}
		a.fate = answered
	}
	if r.HasTS && a.kind == clock {
		e.uptime.sample(now, p, r.TSval)
	}
	e.settle(r.Port, r.Answer, r.Proof, now)
	if a.kind != ordinary {
		e.canaries.missed[p] = 0
	}
	if e.state == down && a.at >= e.downFrom {
		e.state, e.backAt, e.backHeard, e.backOpen, e.nextAt = recovering, now, 0, map[uint16]bool{}, now
	}
	if e.state == recovering {
		e.backHeard++
		if r.Answer == Open {
			e.backOpen[p] = true
		}
	}
}

// measure takes a round-trip time (after RFC 6298).
func (e *Engine) measure(rtt time.Duration) {
	if e.srtt == 0 {
		e.srtt, e.rttvar = max(rtt, 1), rtt/2
		return
	}
	d := e.srtt - rtt
	if d < 0 {
		d = -d
	}
	// Samples come in hundreds a second: a wider spread is believed at once, a
	// narrower one slowly.
	if d > e.rttvar {
		e.rttvar += (d - e.rttvar) / 4
	} else {
		e.rttvar += (d - e.rttvar) / 64
	}
	e.srtt += (rtt - e.srtt) / 16
}

// settle takes an answer for a port. An open port stays open.
func (e *Engine) settle(n int, a Answer, proof string, now time.Duration) {
	p := &e.ports[n]
	if p.settled && (p.answer == a || p.answer == Open || p.answer != Silent && a != Open) {
		return
	}
	if !p.wanted {
		return
	}
	if p.tries > 1 && p.answer == Silent {
		e.seen.silent--
	}
	if !p.settled {
		e.left[n/chunk]--
	}
	if a != Silent {
		e.seen.won++
		e.seen.wasted += int(p.tries)
	}
	p.answer, p.settled, p.at, p.proof = a, true, now, e.word(proof)
	switch a {
	case Open:
		e.open++
		e.canaries.open = append(e.canaries.open, uint16(n))
		e.canaries.closed = slices.DeleteFunc(e.canaries.closed, func(c uint16) bool { return c == uint16(n) })
		e.emit(Event{At: now, Kind: "open", Port: n, Detail: proof, Number: int(p.tries) + 1})
		p.told = true
	case Closed:
		if len(e.canaries.closed) < 8 {
			e.canaries.closed = append(e.canaries.closed, uint16(n))
		}
	}
	if e.left[n/chunk] == 0 {
		e.tell(now, n/chunk)
	}
}

// anew asks the ports again that answered "closed" in a time.
func (e *Engine) anew(now, from, to time.Duration) {
	var back []again
	for n := range e.ports {
		p := &e.ports[n]
		if p.wanted && p.settled && p.answer == Closed && p.at > from && p.at <= to {
			p.settled, p.told, p.answer = false, false, Silent
			e.left[n/chunk]++
			back = append(back, again{uint16(n), now})
		}
	}
	e.again = append(back, e.again...)
}
