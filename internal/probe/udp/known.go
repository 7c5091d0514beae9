package udp

import (
	"context"
	"slices"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

const (
	// slow is how far apart a device is asked that tells of one closed port a second.
	slow = 1100 * time.Millisecond
	// witnessed is how often a port must stay silent between two answers about closed
	// ports until that proves that something is there.
	witnessed = 4
)

// known settles the ports of the known services on a device that tells of few
// closed ports a second: one at a time, with closed ports in between as canaries.
func (c catalogue) known(ctx context.Context, t *probe.Target, rec *probe.Recorder, r *raw) error {
	was := read(rec.Records(name))
	var todo, canaries []int
	for _, p := range c.ports {
		if was.state(p) == undecided {
			todo = append(todo, p)
		}
	}
	for i := range measured { // the device told of some of these a moment ago
		canaries = append(canaries, trial(i))
	}
	serial := uint32(1 << 20)
	ask := func(port int) (sweep.Reply, error) {
		serial++
		var got sweep.Reply
		if t.Watch != nil && serial%8 == 1 {
			if err := t.Watch(ctx); err != nil {
				return got, err
			}
		}
		if err := r.Ask(ctx, sweep.Action{Port: port, Serial: serial}); err != nil {
			return got, err
		}
		for until := time.Now().Add(slow); time.Now().Before(until) && ctx.Err() == nil; {
			if err := r.Receive(ctx, earlier(until, time.Now().Add(100*time.Millisecond)), func(a sweep.Reply) {
				if a.Port == port && a.Answer != sweep.Silent {
					got = a
				}
			}); err != nil {
				return got, err
			}
		}
		return got, ctx.Err()
	}
	tries := map[int]int{}
	missed, before := 0, false
	turn := 0
	for len(todo) > 0 && missed < 2*len(canaries) {
		p := todo[0]
		todo = todo[1:]
		a, err := ask(p)
		if err != nil {
			return err
		}
		if a.Answer != sweep.Silent {
			settled(rec, p, a)
			before = true
			continue
		}
		// Silence counts between two answers about closed ports only.
		turn++
		w, err := ask(canaries[turn%len(canaries)])
		if err != nil {
			return err
		}
		after := w.Answer == sweep.Closed
		if before && after {
			tries[p]++
		}
		if after {
			settled(rec, w.Port, w)
		} else {
			missed++
		}
		before = after
		if tries[p] >= witnessed {
			rec.Add(probe.Record{Probe: name, Event: "silent", Ports: probe.Ranges([]int{p}), Number: tries[p]})
		} else {
			todo = append(todo, p)
		}
	}
	if slices.Sort(todo); len(todo) > 0 {
		rec.Add(probe.Record{Probe: name, Event: "undecided", Ports: probe.Ranges(todo)})
	}
	return nil
}

func settled(rec *probe.Recorder, p int, a sweep.Reply) {
	r := probe.Record{Probe: name, Event: "open", Port: probe.UDP(p), Detail: a.Proof, Number: 1}
	if a.Answer != sweep.Open {
		r = probe.Record{Probe: name, Event: "closed", Ports: probe.Ranges([]int{p}), Detail: a.Proof}
		if a.Answer == sweep.Filtered {
			r.Event = "filtered"
		}
	}
	rec.Add(r)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
