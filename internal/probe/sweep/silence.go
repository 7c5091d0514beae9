package sweep

import (
	"math"
	"slices"
	"time"
)

// account goes through the attempts in the order of sending and draws the
// conclusions from those whose fate is known.
func (e *Engine) account(now time.Duration) {
	for e.head != e.next {
		a := &e.slots[e.head%kept]
		if a.fate == onTheWay {
			if !e.expired(now, a) {
				break
			}
			a.fate = lost
		}
		ok := a.fate == answered
		e.head++
		if a.kind == ordinary {
			e.accountOrdinary(now, a, ok)
		} else {
			e.accountCanary(now, a, ok)
		}
		if e.law.phase == holding && !e.holding && e.state == asking {
			e.holding, e.holdSerial, e.nextAt = true, e.next, now
		}
	}
	e.caughtUp(now)
}

func (e *Engine) accountOrdinary(now time.Duration, a *attempt, ok bool) {
	if a.fresh {
		e.seen.n++
		if ok {
			e.seen.ok++
		}
		if e.seen.n >= 2000 {
			e.seen.n, e.seen.ok = e.seen.n/2, e.seen.ok/2
		}
		if e.answering() && e.haveCanary() {
			e.law.witness(now, a.at, ok, false)
		}
	}
	if !ok && !e.ports[a.port].settled {
		e.limbo = append(e.limbo, a.port)
		if e.answering() {
			e.canaries.due = true
		}
	}
}

func (e *Engine) accountCanary(now time.Duration, a *attempt, ok bool) {
	c := &e.canaries
	c.outstanding--
	e.pace.Canaries++
	if e.state == asking && e.law.calm() {
		e.seen.canaries++
		if !ok {
			e.seen.missed++
		}
	}
	if !ok {
		e.pace.Lost++
		c.missed[a.port]++
		// Others answered meanwhile: this one makes no sense any more.
		if c.missed[a.port] >= 2 && e.heardAt > a.at && len(c.closed)+len(c.open) > 1 {
			gone := func(p uint16) bool { return p == a.port }
			c.closed = slices.DeleteFunc(c.closed, gone)
			if len(c.closed) > 0 || len(c.open) > 1 {
				c.open = slices.DeleteFunc(c.open, gone)
			}
			if e.uptime.port == a.port {
				e.uptime = uptime{}
			}
		}
	}
	witnessed := ok && c.ok
	c.ok = ok
	for _, p := range e.limbo {
		e.spend(now, p, witnessed)
	}
	e.limbo = e.limbo[:0]
	e.law.witness(now, a.at, ok, true)
}

// spend counts a try without an answer, or gives it back when nobody can tell
// whether the device got it.
func (e *Engine) spend(now time.Duration, n uint16, witnessed bool) {
	p := &e.ports[n]
	if p.settled {
		return
	}
	if witnessed || p.back >= refunds {
		p.tries++
		if p.tries == 2 {
			e.seen.silent++
		}
		if int(p.tries) >= e.enough() {
			p.settled, p.answer, p.at = true, Silent, now
			if e.left[n/chunk]--; e.left[n/chunk] == 0 {
				e.tell(now, int(n)/chunk)
			}
			return
		}
	} else {
		p.back++
	}
	// Not at a fixed time: a device that drops every so many packets must not drop
	// the same port again and again.
	e.again = append(e.again, again{n, now + perhaps + time.Duration((uint32(n)*2654435761+e.next*40503)%251)*time.Millisecond})
}

// enough is how often a silent port is asked: more where silence is rare, and
// more where packets get lost, so that no port is silent by chance. What is lost
// is seen on canaries; while few were asked, more than they show is assumed. Other
// attempts may fare worse: tries that counted before the port answered tell.
func (e *Engine) enough() int {
	n := e.c.Tries
	if e.seen.silent > 200 && e.seen.silent*10 > e.fresh {
		n = e.c.Few
	}
	b := float64(e.seen.wasted) / float64(e.seen.wasted+e.seen.won+1)
	if e.seen.canaries >= 20 {
		b = max(b, e.law.base, float64(e.seen.missed+3)/float64(e.seen.canaries+3))
	}
	if b > 0.001 {
		n = max(n, min(20, int(math.Ceil(math.Log(chance)/math.Log(b)))))
	}
	return max(1, n)
}
