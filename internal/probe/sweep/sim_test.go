package sweep

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// device is a simulated device behind a simulated link, on a simulated clock.
type device struct {
	open   map[int]bool
	silent func(port int) bool // a filter swallows it

	rtt   time.Duration
	loss  float64 // of each direction
	limit float64 // packets a second that it takes, with a queue of burst; 0 = any number
	burst float64
	hang  int           // packets within a second that make it hang; 0 = none do
	dead  time.Duration // how long it hangs then
	boot  time.Duration // after a hang: how long before its services run again; 0 = they never stopped
	gone  time.Duration // from this time on it answers nothing; 0 = never
	fails time.Duration // at this time it hangs by itself, however little it is sent; 0 = never

	every, still time.Duration // the link stands still for a time, ever so often, then delivers all at once
	late         time.Duration // this host is busy: a process that waits wakes so much too late, on average
	frozen       bool          // the host stands still together with the link
	jerky        time.Duration // how long the link gathers packets on average, to deliver them all at once
	carries      time.Duration // when it does so next

	rand     *rand.Rand
	tokens   float64
	last     time.Duration
	second   time.Duration
	count    int
	deadTill time.Duration
	bootTill time.Duration
	clock    uint32 // of its TCP timestamps at time 0

	hangs    int
	received int
	perSec   []int // what reached it, by tenths of a second
}

// arrive is when a packet sent at a time comes to the device.
func (d *device) arrive(now time.Duration) time.Duration {
	if d.every > 0 && now%d.every < d.still {
		return now - now%d.every + d.still
	}
	if d.jerky > 0 { // it carries what has come since, ever so often
		if now >= d.carries {
			d.carries = now + time.Duration(d.rand.ExpFloat64()*float64(d.jerky))
		}
		return d.carries
	}
	return now
}

// wakes is when a process that is to go on at a time does so.
func (d *device) wakes(at time.Duration) time.Duration {
	if d.late > 0 {
		at += time.Duration(d.rand.ExpFloat64() * float64(d.late))
	}
	if d.frozen {
		at = d.arrive(at)
	}
	return at
}

// take is one packet; it returns what the device answers.
func (d *device) take(now time.Duration, a Action) (Reply, bool) {
	for len(d.perSec) <= int(now/(100*time.Millisecond)) {
		d.perSec = append(d.perSec, 0)
	}
	d.perSec[now/(100*time.Millisecond)]++
	if d.loss > 0 && d.rand.Float64() < d.loss {
		return Reply{}, false
	}
	if d.gone > 0 && now >= d.gone {
		return Reply{}, false
	}
	if d.hang > 0 {
		if now-d.second > time.Second {
			d.second, d.count = now, 0
		}
		if d.count++; d.count > d.hang && now >= d.deadTill {
			d.fall(now)
		}
	}
	if d.fails > 0 && now >= d.fails {
		d.fails = 0
		d.fall(now)
	}
	if now < d.deadTill {
		return Reply{}, false
	}
	if d.limit > 0 {
		d.tokens = min(d.burst, d.tokens+(now-d.last).Seconds()*d.limit)
		d.last = now
		if d.tokens < 1 {
			return Reply{}, false
		}
		d.tokens--
	}
	d.received++
	if d.silent != nil && d.silent(a.Port) && !d.open[a.Port] {
		return Reply{}, false
	}
	if d.loss > 0 && d.rand.Float64() < d.loss {
		return Reply{}, false
	}
	r := Reply{Serial: a.Serial, Port: a.Port, Answer: Closed, Proof: "rst"}
	if d.open[a.Port] && now >= d.bootTill {
		r.Answer, r.Proof, r.HasTS, r.TSval = Open, "syn-ack", true, d.clock+uint32(now.Milliseconds())
	}
	return r, true
}

// fall makes it hang, or restart.
func (d *device) fall(now time.Duration) {
	d.deadTill = now + d.dead
	d.hangs++
	if d.boot > 0 {
		d.bootTill = d.deadTill + d.boot
		d.clock = d.rand.Uint32()
	}
}

type arrival struct {
	at time.Duration
	r  Reply
}

type arrivals []arrival

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i].at < a[j].at }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

// simulate runs an engine against a device from a time on, at most for limit,
// and returns when it ended and all events.
func simulate(e *Engine, d *device, from, limit time.Duration) (time.Duration, []Event) {
	if d.rand == nil {
		d.rand = rand.New(rand.NewPCG(1, 2))
	}
	if d.rtt == 0 {
		d.rtt = 3 * time.Millisecond
	}
	if d.tokens == 0 {
		d.tokens = d.burst
	}
	var events []Event
	var queue arrivals
	now := from
	for now < from+limit {
		for len(queue) > 0 && queue[0].at <= now {
			e.Heard(now-from, heap.Pop(&queue).(arrival).r)
		}
		act := e.Next(now - from)
		events = append(events, e.Events()...)
		switch {
		case act.Done:
			return now - from, events
		case act.Port != 0:
			at := d.arrive(now)
			if r, ok := d.take(at, act); ok {
				heap.Push(&queue, arrival{at + d.rtt + time.Duration(d.rand.Int64N(int64(d.rtt))), r})
			}
			now += 5 * time.Microsecond
		default:
			next := max(from+act.Wait, now+time.Microsecond)
			if len(queue) > 0 {
				next = max(now, min(next, queue[0].at))
			}
			now = d.wakes(next)
			e.Late(now-from, next-from)
		}
	}
	e.Flush(now - from)
	return now - from, append(events, e.Events()...)
}

// outcome is what events say of each port.
func outcome(events []Event) (state [65536]string) {
	for _, v := range events {
		switch v.Kind {
		case "open":
			state[v.Port] = "open"
		case "closed", "filtered", "silent", "undecided":
			for _, p := range v.Ports {
				if state[p] != "open" {
					state[p] = v.Kind
				}
			}
		}
	}
	return state
}
