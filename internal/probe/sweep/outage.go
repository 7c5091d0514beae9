package sweep

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fall notes that the device went down, with what was sent to it before.
func (e *Engine) fall(now time.Duration) {
	first := e.law.win.firstLoss
	var before []string
	n := 0
	for s := e.next - 1; s > 0 && e.next-s < kept; s-- {
		a := &e.slots[s%kept]
		if a.at > first {
			continue
		}
		if first-a.at > time.Second {
			break
		}
		n++
		if len(before) < lastSent {
			before = append(before, strconv.Itoa(int(a.port)))
		}
	}
	slices.Reverse(before)
	e.state, e.holding = down, false
	e.downAt, e.downFrom, e.nextAt = first, now, now
	// A device that took more for a second did not go down because of so few; nor does
	// it say much of a rate that it was asked at for a moment only.
	e.downRate = max(float64(n), e.borne)
	if first-e.askingFrom < time.Second {
		e.downRate = max(e.downRate, min(little, e.law.rate))
	}
	e.borne = 0
	e.emit(Event{At: now, Kind: "down", Number: n, Detail: fmt.Sprintf("ceiling=%d", int(after*e.downRate)), Sent: strings.Join(before, ",")})
}

// gentle asks one canary a second while the device is down. When it answers, its
// services are waited for as well: a device that starts answers with "closed"
// before its services run.
func (e *Engine) gentle(now time.Duration) Action {
	pause := time.Second
	if e.state == down && now-e.downFrom >= e.c.Down {
		e.emit(Event{At: now, Kind: "gave-up", Took: now - e.downAt})
		e.finish(now)
		return Action{Done: true}
	}
	if e.state == recovering {
		pause = time.Second / 2
		switch services := min(8, len(e.canaries.open)); {
		case now-e.heardAt > 5*time.Second:
			e.state, e.downFrom = down, now
		case services > 0 && len(e.backOpen) >= services, services == 0 && e.backHeard >= 4 && now-e.backAt >= e.c.Recover, now-e.backAt > 30*time.Second:
			e.rise(now)
			return e.Next(now)
		}
	}
	if now < e.nextAt {
		return Action{Wait: e.nextAt}
	}
	a := attempt{}
	switch c := &e.canaries; {
	case len(c.open) > 0 && (e.state == recovering || len(c.closed) == 0 || c.turn%2 == 0):
		c.turn++
		a = attempt{port: c.open[0], kind: clock}
		if e.uptime.port != 0 {
			a.port = e.uptime.port
		}
		for _, p := range c.open[:min(8, len(c.open))] {
			if e.state == recovering && e.backOpen[a.port] && !e.backOpen[p] {
				a = attempt{port: p, kind: canary}
			}
		}
	default:
		c.turn++
		a = attempt{port: c.closed[c.turn/2%len(c.closed)], kind: canary}
	}
	act := e.ask(now, a)
	e.nextAt = now + pause
	return act
}

// rise goes on after an outage. What answered "closed" since a service last
// answered is asked anew: a device that goes down in order stops its services first.
func (e *Engine) rise(now time.Duration) {
	kind := e.uptime.verdict()
	e.outages++
	e.emit(Event{At: now, Kind: "up", Took: e.backAt - e.downAt, Detail: kind, Number: int(e.downRate)})
	e.anew(now, max(0, e.downAt-10*time.Second), e.downAt)
	if kind != "hang" {
		// Services that nobody knows of yet may take longer to start: what answers
		// "closed" now is asked once more at the end.
		e.shaky = append(e.shaky, [2]time.Duration{now, now + starting})
	}
	e.uptime.restart()
	e.law.outage(now, e.downRate)
	e.state, e.holding, e.nextAt, e.askingFrom = asking, false, now, now
	if e.outages >= outages {
		e.emit(Event{At: now, Kind: "gave-up"})
		e.finish(now)
	}
}
