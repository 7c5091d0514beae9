package assess

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"hoshi/internal/assess/identity"
	"hoshi/internal/assess/link"
	"hoshi/internal/probe"
)

// errAnother is the cause of a run that ended because another device answers.
var errAnother = errors.New("assess: another device answers at the address")

// errMoved is the cause of a run that ended because this host left the device's network.
var errMoved = errors.New("assess: the way to the address has changed")

const (
	lookEvery = 2 * time.Second // how often the neighbour table is read; nothing is sent
	askEvery  = 4               // looks: how often the link is asked who has the address
	knockWait = time.Second
	keysEvery = 60 * time.Second // how often the device is asked for its keys, at most
)

// watcher compares who answers at the address with who did at the start.
type watcher struct {
	mu    sync.Mutex
	known []identity.Mark
	keys  time.Time // when the device was last asked for its keys
	up    time.Duration
	upAt  time.Time
}

// watch starts looking after the identity of the device until end is called.
func (r *runner) watch(ctx context.Context) (_ context.Context, end func()) {
	if r.past != nil {
		for _, x := range r.rec.Records(RunTranscript) {
			if x.Event == "identity" || x.Event == "changed" {
				r.w.learn(identity.Mark{Kind: x.Item, Port: x.Port, Value: x.Detail})
			}
		}
	}
	if r.near() != nil {
		// One connection, so that the system learns who has the address before the scan.
		if c, err := r.t.Net.TCP(ctx, r.knock(), knockWait); err == nil {
			_ = c.Close()
		}
	}
	r.t.Watch = r.look
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; probe.Wait(ctx, lookEvery); n++ {
			if n%askEvery == 0 && r.near() != nil {
				link.Ask(r.t.Addr)
			}
			_ = r.hardware() // it stops the run by itself
		}
	})
	return ctx, func() { cancel(); wg.Wait() }
}

// learn keeps a mark in place of an older one of its kind and port.
func (w *watcher) learn(m identity.Mark) {
	w.known = append(slices.DeleteFunc(w.known, func(k identity.Mark) bool { return k.Kind == m.Kind && k.Port == m.Port }), m)
}

// look is Target.Watch: it makes the system learn anew who has the address, which
// packets made by hand do not, and looks at the answer.
func (r *runner) look(context.Context) error {
	if r.near() != nil {
		link.Ask(r.t.Addr)
	}
	return r.hardware()
}

// knock is a port that the device is said to answer on, if there is one.
func (r *runner) knock() int {
	for _, f := range r.t.Facts.Named("declared.port") {
		if p := probe.PortNumber(f.Subject); p > 0 && f.Subject == probe.TCP(p) {
			return p
		}
	}
	return 80
}

// hardware compares what the host knows without asking the device.
func (r *runner) hardware() error {
	marks := r.near()
	if marks == nil {
		return nil
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	_, err := r.compare(marks)
	return err
}

// near are the way to the address and the hardware address behind it, as this
// host knows them; nil where that means nothing.
func (r *runner) near() []identity.Mark {
	if r.o.Dial != nil || r.t.Network != probe.ModeRemote {
		return nil
	}
	marks := []identity.Mark{identity.Reached(r.t.Addr)}
	if m, ok := identity.Hardware(r.t.Addr); ok {
		marks = append(marks, m)
	}
	return marks
}

// check compares everything by which the device is known; between probes, so
// that no probe is disturbed. Soon after the last time it asks for nothing, unless told to.
func (r *runner) check(ctx context.Context, surely bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := r.hardware(); err != nil {
		return err
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if now := r.o.Now(); !surely && now.Sub(r.w.keys) < keysEvery {
		return nil
	}
	if marks := identity.Keys(ctx, r.t); len(marks) > 0 {
		r.w.keys = r.o.Now()
		a, err := r.compare(append(marks, r.near()...))
		r.note(probe.Record{Event: "checked", Detail: string(a), Number: len(marks)})
		if err != nil {
			return err
		}
	}
	if up, ok := identity.Uptime(ctx, r.t); ok {
		now := r.o.Now()
		r.w.keys = now
		r.note(probe.Record{Event: "uptime", Number: int(up.Seconds())})
		if !r.w.upAt.IsZero() && up < r.w.up+now.Sub(r.w.upAt)/2 {
			r.note(probe.Record{Event: "rebooted", Number: int(up.Seconds())})
		}
		r.w.up, r.w.upAt = up, now
	}
	return nil
}

// compare judges marks seen now against those known, writes down what is new and
// stops the run when another device answers.
func (r *runner) compare(now []identity.Mark) (identity.Answer, error) {
	answer, cause := identity.Compare(r.w.known, now), errAnother
	for _, m := range now {
		i := slices.IndexFunc(r.w.known, func(k identity.Mark) bool { return k.Kind == m.Kind && k.Port == m.Port })
		event := "identity"
		if i >= 0 {
			event = "changed"
		}
		if answer == identity.Another {
			event = "another"
		}
		if i >= 0 && m.Kind == identity.Way && r.w.known[i].Value != m.Value {
			event, cause = "moved", errMoved
		}
		if i < 0 || r.w.known[i].Value != m.Value {
			r.note(probe.Record{Event: event, Item: m.Kind, Port: m.Port, Detail: m.Value})
			if answer != identity.Another {
				r.w.learn(m)
			}
		}
	}
	if answer != identity.Another {
		return answer, nil
	}
	r.stop(cause)
	return answer, cause
}
