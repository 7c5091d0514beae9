package sweep

import (
	"time"
)

func (e *Engine) haveCanary() bool { return len(e.canaries.closed) > 0 || len(e.canaries.open) > 0 }

// pick chooses the canary whose turn it is: closed ports, and every few seconds
// an open one, which tells whether the device has started anew.
func (e *Engine) pick(now time.Duration) attempt {
	c := &e.canaries
	c.turn++
	every := 5 * time.Second
	if e.uptime.n < 3 {
		every = time.Second
	}
	if len(c.open) > 0 && (now-c.clockAt >= every || len(c.closed) == 0 && c.turn%8 == 0) {
		c.clockAt = now
		p := c.open[0]
		if e.uptime.port != 0 {
			p = e.uptime.port
		}
		return attempt{port: p, kind: clock}
	}
	if len(c.closed) > 0 {
		return attempt{port: c.closed[c.turn%len(c.closed)], kind: canary}
	}
	return attempt{port: c.open[c.turn%len(c.open)], kind: canary}
}

// answering reports whether the device answers nearly every port, so that any
// first attempt is a witness. Ports that stay silent speak against it; answers
// that are missing only for a while do not.
func (e *Engine) answering() bool {
	few := e.seen.silent*200 <= e.fresh
	switch {
	case e.seen.n >= 100 && e.seen.ok*10 >= e.seen.n*9 && few:
		e.seen.answers = true
	case e.seen.ok*10 < e.seen.n*4 || !few:
		e.seen.answers = false
	}
	return e.seen.answers
}

// hold asks canaries only, until it is known what became of everything else.
func (e *Engine) hold(now time.Duration) Action {
	// Serial numbers wrap after days; the difference does not.
	if int32(e.head-e.holdSerial) >= 0 {
		switch {
		case e.law.dead(now):
			e.fall(now)
			return e.gentle(now)
		case e.law.alive(), !e.haveCanary():
			e.holding = false
			if e.blame(now) {
				e.law.keep(now)
			} else {
				e.law.release(now)
			}
			e.nextAt = now
			return e.Next(now)
		}
	}
	if now < e.nextAt || !e.haveCanary() {
		return Action{Wait: max(now+time.Millisecond, min(e.nextAt, now+50*time.Millisecond))}
	}
	act := e.ask(now, e.pick(now))
	e.nextAt = now + 50*time.Millisecond
	return act
}
