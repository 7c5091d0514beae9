package sweep

import (
	"math"
	"time"
)

// phase is where the law stands.
type phase uint8

const (
	climbing phase = iota
	holding        // loss was seen: canaries only, until what is on the way is accounted for
	steady         // a limit is known
)

func (p phase) String() string { return [...]string{"climb", "hold", "steady"}[p] }

// How the law moves. The shares are of what the device answered in a second in
// which it was asked too fast: that is its limit.
const (
	soft    = 1.8   // a step up before any loss was met
	gentle  = 1.25  // a step up afterwards
	settle  = 0.93  // of the limit, at first
	creep   = 1.01  // a step up, per second without loss,
	nearly  = 0.965 // to this share of the limit
	after   = 0.7   // of the rate at which the device went down: never more again
	recover = 1.05  // a step up, per second, towards that
	wanes   = 0.9   // of a rate that was borne, each time that a loss speaks against it

	trialFirst = 8 * time.Second // without loss, before a higher rate is tried again;
	trialLast  = 2 * time.Minute // doubled each time up to this
	trialSoon  = 5 * time.Second // while the limit is but a guess

	provenAfter = 3 * time.Second // without loss, until a rate is known to be borne

	settleGuess, nearlyGuess = 0.85, 0.9 // where few witnesses told the limit

	deadAfter = time.Second // of silence, before the device is taken to be down

	lossy = 0.3 // a link that loses more is taken for an overload
)

// law decides how many attempts a second are made. Its only input is what
// became of witnesses: attempts that would be answered if nothing were lost.
type law struct {
	rate, cap float64
	interval  time.Duration // between two steps up
	phase     phase
	met       bool    // loss was met once: steps are gentle from then on
	limit     float64 // attempts a second that the device can answer; 0 = not known
	guess     bool    // few witnesses told the limit
	proven    float64 // sent for seconds on end without a loss, as far as nothing speaks against it
	ceiling   float64 // set by an outage; 0 = none
	base      float64 // the share that is lost at any rate

	win    window
	held   window // witnesses sent since the hold began
	holdAt time.Duration
	doubt  struct { // the last reduction, until it is known to have helped
		rate, loss float64
		actual     float64 // what was sent in a second, of rate
		deep       bool    // a second reduction, far below
	}
	minor   time.Duration // the last loss that was too small to tell a limit by
	bursts  int           // losses that were over by themselves, lately
	burstAt time.Duration // the last of them
	strange time.Duration // the last measurement far below a limit that had held

	cleanSince time.Duration
	limitAt    time.Duration // when the limit was measured
	trialAfter time.Duration
}

// window counts witnesses that were sent at one rate.
type window struct {
	from       time.Duration // sent before: not counted
	stood      time.Duration // for so long this process stood still meanwhile
	sent       int           // attempts of all kinds since then
	n, lost    int           // witnesses
	firstLoss  time.Duration
	lastLoss   time.Duration
	since      int // witnesses since the first loss, itself included
	rowOfLoss  int // canaries lost one after the other
	last       time.Duration
	canaries   int
	lateAnswer int
}

func newLaw(c Config) *law {
	l := &law{rate: float64(max(c.Start, floor)), cap: float64(c.Cap), interval: 250 * time.Millisecond, trialAfter: trialFirst}
	if c.Cap <= 0 {
		l.cap, l.interval = unpaced, 60*time.Millisecond
	}
	l.rate = min(l.rate, l.cap)
	return l
}

func (l *law) set(now time.Duration, rate float64, p phase) {
	if l.ceiling > 0 {
		rate = min(rate, l.ceiling)
	}
	l.rate, l.phase = max(floor, min(rate, l.cap)), p
	l.win = window{from: now}
}

// climbs reports whether the rate is still going up towards the unknown.
func (l *law) climbs() bool { return l.phase == climbing && l.rate < l.cap }

// calm reports whether what is lost now is the link's own loss.
func (l *law) calm() bool {
	return l.doubt.loss == 0 && (l.phase == steady || l.phase == climbing && l.rate >= l.cap)
}

// sent tells of an attempt.
func (l *law) sent() { l.win.sent++ }

// witness tells what became of one. Witnesses come in the order of sending.
func (l *law) witness(now, at time.Duration, answered, canary bool) {
	w := &l.win
	if l.phase == holding && at >= l.holdAt {
		w = &l.held
	}
	if at < w.from {
		return
	}
	w.n++
	w.last = at
	if canary {
		w.canaries++
	}
	if w.lost > 0 {
		w.since++
	}
	if answered {
		w.rowOfLoss = 0
	} else {
		if w.lost == 0 {
			w.firstLoss, w.since = at, 1
		}
		w.lost, w.lastLoss = w.lost+1, at
		if canary {
			w.rowOfLoss++
		}
	}
	if l.phase == holding {
		return
	}
	if l.doubt.loss > 0 {
		// Nothing at all comes back: that is no question of pace, the device may be down.
		if w.rowOfLoss >= 8 && w.since == w.lost {
			l.doubt.loss, l.doubt.deep = 0, false
			l.hold(now)
			return
		}
		l.settleDoubt(now)
		return
	}
	expected := l.base * float64(w.n)
	if float64(w.lost) > expected+3*math.Sqrt(expected)+3 || w.rowOfLoss >= 3 && l.base < lossy/2 {
		l.hold(now)
		return
	}
	l.step(now)
}

// late tells that a witness counted as lost was only slow.
func (l *law) late(at time.Duration) {
	for _, w := range []*window{&l.win, &l.held} {
		if at >= w.from && w.lost > 0 && (w != &l.win || l.phase != holding || at < l.holdAt) {
			w.lost--
			w.lateAnswer++
			w.rowOfLoss = 0
		}
	}
}

// step moves up after a time without more loss than the link's own.
func (l *law) step(now time.Duration) {
	w := &l.win
	switch l.phase {
	case climbing:
		if now-w.from < l.interval || w.last-w.from < l.interval*3/4 || w.n < 5 {
			return
		}
		factor := soft
		if l.met {
			factor = gentle
		}
		actual := l.actual(*w, now)
		switch {
		case l.limit > 0 && l.rate > 1.5*l.limit && now-l.cleanSince > time.Second:
			l.limit = 0 // it is no limit any more
		case l.rate >= l.cap || actual < 0.6*l.rate:
			factor = 1 // at the cap, or this host sends no faster
		}
		if l.ceiling > 0 && l.rate >= l.ceiling {
			l.set(now, l.rate, steady)
			return
		}
		if back := nearly * l.proven; l.limit > 0 && l.rate < back && l.rate*factor >= back {
			l.limit = l.proven
			l.set(now, back, steady)
			return
		}
		l.set(now, l.rate*factor, climbing)
	case steady:
		// A window without loss is over soon; one with some goes on until it is
		// clear whether it is the link's own.
		if now-w.from < time.Second || w.n < 5 || w.lost > 0 && w.n < 200 && now-w.from < 10*time.Second {
			return
		}
		if w.n >= 100 {
			l.base = min(lossy, 0.95*l.base+0.05*float64(w.lost)/float64(w.n))
		}
		if w.lost == 0 && now-l.cleanSince > provenAfter {
			l.proven = max(l.proven, l.actual(*w, now))
		}
		switch {
		case l.ceiling > 0 && (l.limit == 0 || l.ceiling < nearly*l.limit):
			l.set(now, l.rate*recover, steady)
		case l.guess && now-l.cleanSince >= trialSoon:
			l.cleanSince = now
			l.set(now, l.rate*gentle, climbing)
		case now-l.cleanSince >= l.trialAfter:
			l.cleanSince, l.trialAfter = now, min(2*l.trialAfter, trialLast)
			l.set(now, l.rate*1.3, climbing)
		default:
			share := nearly
			if l.guess {
				share = nearlyGuess
			}
			up := creep
			if l.rate < 0.9*share*l.limit {
				up = recover
			}
			l.set(now, max(l.rate, min(l.rate*up, share*l.limit)), steady)
		}
	}
}

// hold stops everything but canaries. The engine calls release when the attempts
// made before are all accounted for.
func (l *law) hold(now time.Duration) {
	l.phase, l.holdAt = holding, now
	l.held = window{from: now}
}

// dead reports that nothing at all was heard since the first loss, the canaries
// of the hold included, and for long enough to say so: links stand still, too.
func (l *law) dead(now time.Duration) bool {
	return l.win.lost > 0 && l.win.since == l.win.lost && l.held.n >= 4 && l.held.lost == l.held.n && now-l.win.firstLoss >= deadAfter
}

// alive reports that what is known after the hold is enough to go on.
func (l *law) alive() bool {
	return l.win.since > l.win.lost || l.held.n > l.held.lost
}

// bears reports whether the device is known to take what it is sent.
func (l *law) bears() bool { return l.limit > 0 && l.rate <= l.limit && l.doubt.loss == 0 }

// loss is the share that was lost before a hold.
func (l *law) loss() float64 {
	if l.win.since < 2 {
		return 0
	}
	// The first of them is a loss by definition and says nothing about the share.
	return max(0, float64(l.win.lost-1)) / float64(l.win.since-1)
}

// loses reports whether a hold has shown that more was lost than the link loses
// by itself. Otherwise the answers were slow.
func (l *law) loses() bool { return l.win.lateAnswer <= l.win.lost && l.loss() > l.base }

// keep ends a hold at the rate at which it began.
func (l *law) keep(now time.Duration) {
	l.met, l.cleanSince = true, now
	if l.limit > 0 {
		l.set(now, l.rate, steady)
	} else {
		l.set(now, l.rate, climbing)
	}
}

// release ends a hold: the answers of the second in which some were lost tell
// what the device bears.
func (l *law) release(now time.Duration) {
	if !l.loses() {
		l.keep(now)
		return
	}
	w, loss := l.win, l.loss()
	// Much was lost and the rest came late, at a rate that was borne for seconds: the way
	// stood still and then passed on more at once than the device has room for. That is
	// believed once; the rate must be borne anew before it is believed again.
	if w.lateAnswer > 0 && l.rate <= 1.02*l.proven {
		l.proven *= wanes
		l.set(now, l.rate, steady)
		return
	}
	l.met = true
	l.cleanSince = now
	// An overload loses until the rate goes down. Loss that is over by itself is a
	// burst: this host or the way to the device stood still for a moment.
	if quiet := l.holdAt - w.lastLoss; quiet > (l.holdAt-w.firstLoss)*2/5 && loss < 0.9 {
		if now-l.burstAt > 2*time.Second {
			l.bursts = 0
		}
		l.burstAt = now
		if l.bursts++; l.bursts <= 2 {
			if l.limit > 0 {
				l.set(now, min(l.rate, nearly*l.limit), steady)
			} else {
				l.set(now, l.rate, climbing)
			}
			return
		}
	}
	rate := l.actual(w, l.holdAt)
	if loss < l.base+0.08 && l.limit > 0 && rate <= l.limit && now-l.minor > 20*time.Second {
		l.minor = now
		l.set(now, 0.95*rate, steady)
		return
	}
	// A limit that has held for seconds is not thrown away for one measurement far
	// below it: this host may have stood still. The rate goes down, and comes back
	// soon; if it meets loss again, the measurement was right.
	held := now-l.limitAt > 3*time.Second
	if measured := rate * (1 - loss) / (1 - l.base); l.limit > 0 && held && measured < 0.9*l.limit && now-l.strange > 20*time.Second {
		l.strange = now
		l.set(now, settle*max(measured, l.limit/2), steady)
		return
	}
	l.reduce(now, rate, loss, w.since)
}

// actual is the rate at which a window was sent, which a busy host makes lower
// than what was aimed at.
func (l *law) actual(w window, until time.Duration) float64 {
	if d := until - w.from - w.stood; d > 50*time.Millisecond {
		return min(l.rate, float64(w.sent)/d.Seconds())
	}
	return l.rate
}

// reduce goes below what was answered at a rate of which a share was lost.
func (l *law) reduce(now time.Duration, rate, loss float64, witnesses int) {
	l.doubt.rate, l.doubt.loss, l.doubt.actual, l.limitAt = l.rate, loss, rate, now
	l.limit = max(rate*(1-loss)/(1-l.base), rate/4)
	if l.limit < 0.9*l.proven {
		// Something on the way may have stood still and passed on too much at once.
		l.proven, l.trialAfter = wanes*l.proven, trialFirst
	}
	share := settle
	if l.guess = witnesses < 60; l.guess {
		share = settleGuess
	}
	l.set(now, share*l.limit, steady)
}

// settleDoubt asks whether a reduction helped. A loss that stays the same at a
// lower rate is the link's own: then the rate goes back up.
func (l *law) settleDoubt(now time.Duration) {
	w := &l.win
	if now-w.from < 400*time.Millisecond || w.n < 60 && (w.canaries < 15 || w.n < 15) {
		return
	}
	loss, was, sent := float64(w.lost)/float64(w.n), l.doubt.loss, l.actual(*w, now)
	switch {
	case w.lost < 4 || loss < l.base+0.02:
		rate := l.rate
		if l.doubt.deep {
			rate = settle * l.limit
		}
		l.doubt.loss, l.doubt.deep = 0, false
		l.set(now, rate, steady)
	case !l.doubt.deep && l.rate > floor:
		// Still some: far below what was answered just now, a limit can lose nothing.
		l.doubt.loss, l.doubt.deep = loss, true
		l.limit = sent * (1 - loss) / (1 - l.base)
		l.set(now, 0.75*l.limit, steady)
	case loss >= 0.5*was && (loss+was)/2 <= lossy && sent < 0.9*l.doubt.actual:
		l.base = (loss + was) / 2
		l.doubt.loss, l.doubt.deep, l.limit = 0, false, 0
		l.set(now, l.doubt.rate, climbing)
	default: // it helped, or nothing else explains so much
		l.doubt.deep = false
		l.reduce(now, sent, loss, w.n)
	}
}

// outage tells that the device went down at a rate; it starts again at half of it.
func (l *law) outage(now time.Duration, rate float64) {
	if l.ceiling == 0 || after*rate < l.ceiling {
		l.ceiling = max(floor, after*rate)
	}
	l.doubt.loss, l.doubt.deep, l.limit, l.proven, l.met = 0, false, 0, 0, true
	l.cleanSince = now
	l.set(now, rate/2, steady)
}
