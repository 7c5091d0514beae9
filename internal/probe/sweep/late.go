package sweep

import "time"

// How a process acts that a busy host lets wait.
const (
	standstill = 50 * time.Millisecond  // lateness that is one
	waking     = 100 * time.Millisecond // after it, until attempts count as lost

	catchUpFew   = 8                     // attempts that are sent at once at first
	catchUpTimes = 8                     // so much more at most,
	catchUpMost  = 60 * time.Millisecond // and never for more lateness than this
	catchUpAgain = 30 * time.Second      // after a burst was too large, until one as large is tried again
)

// Late tells that the caller, which was to act at a time, does so only now.
//
// What has not been heard after a standstill may be on the way all the same:
// whatever stops this process, such as a host that gives a virtual machine no time,
// may stop the way to the device as well. So nothing counts as lost for a moment,
// and a long standstill is no time in which the device was asked slowly.
func (e *Engine) Late(now, due time.Duration) {
	e.late.by = max(0, now-due)
	if e.late.by > standstill {
		e.wokeAt = now
	}
	if e.late.by > minWait && !e.holding {
		e.law.win.stood += e.late.by
	}
}

// expired reports whether an attempt without an answer counts as lost.
func (e *Engine) expired(now time.Duration, a *attempt) bool {
	end := a.at + e.wait()
	return now >= end && (e.wokeAt == 0 || now >= e.wokeAt+waking || now >= end+e.c.Wait)
}

// catchUp decides how much of its lateness a process makes up for by sending at
// once. It begins with little, because a weak device has room for few packets.
// When that does not keep the rate, more is tried, a little at a time, as long as all
// of it is answered; a burst of which some is lost was too large.
type catchUp struct {
	by    time.Duration // lateness of the next attempt
	scale float64       // of what is made up for at first

	upTo uint32  // serial of the attempt that ends a burst under way; 0 = none
	size float64 // of that burst
	full bool    // it is as large as is allowed

	tooMany float64 // bursts as large as this lost something; 0 = none did
	lostAt  time.Duration
}

// slack is how far behind its schedule the next attempt may be.
func (e *Engine) slack() time.Duration {
	if e.c.Slack > 0 {
		return e.c.Slack
	}
	few := time.Duration(catchUpFew * float64(time.Second) / e.law.rate)
	first := min(40*time.Millisecond, max(5*time.Millisecond, few))
	if e.c.Cap <= 0 {
		first = max(first, 20*time.Millisecond)
	}
	return min(time.Duration(float64(first)*e.late.scale), max(catchUpMost, min(few, 2*catchUpMost)))
}

// burst notes that a burst begins, if the next attempt is late. The fate of what
// is sent at once is known only where every attempt is a witness.
func (e *Engine) burst(slack time.Duration) {
	l := &e.late
	by := l.by
	l.by = 0
	if size := min(by, slack).Seconds() * e.law.rate; l.upTo == 0 && size >= 2 && e.answering() && e.state == asking && !e.holding {
		l.upTo, l.size, l.full = e.next+uint32(size), size, by > slack
	}
}

// caughtUp allows more once all of a burst as large as is allowed was answered.
func (e *Engine) caughtUp(now time.Duration) {
	l := &e.late
	if l.upTo == 0 || e.holding || int32(e.head-l.upTo) <= 0 {
		return
	}
	l.upTo = 0
	if now-l.lostAt > catchUpAgain {
		l.tooMany = 0
	}
	if more := 1.25 * l.scale; l.full && e.law.win.lost == 0 && (l.tooMany == 0 || 1.25*l.size < l.tooMany) {
		l.scale = min(catchUpTimes, more)
	}
}

// blame takes the burst under way, if there is one, for the cause of a loss at a
// rate that the device bears, and allows less from now on.
func (e *Engine) blame(now time.Duration) bool {
	l := &e.late
	was := l.upTo
	l.upTo = 0
	if was == 0 || l.scale <= 0.25 || !e.law.bears() || !e.law.loses() {
		return false
	}
	l.tooMany, l.lostAt, l.scale = l.size, now, max(0.25, 0.6*l.scale)
	return true
}
