package assess

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"hoshi/internal/assess/identity"
	"hoshi/internal/probe"
)

// errAnother is the cause of a run that ended because another device answers.
var errAnother = errors.New("assess: another device answers at the address")

const (
	lookEvery = 2 * time.Second  // how often the neighbour table is read; nothing is sent
	keysEvery = 60 * time.Second // how often the device is asked for its keys, at most
	pokeWait  = 500 * time.Millisecond
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
	r.t.Watch = r.look
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for probe.Wait(ctx, lookEvery) {
			_ = r.hardware() // it stops the run by itself
		}
	})
	return ctx, func() { cancel(); wg.Wait() }
}

// learn keeps a mark in place of an older one of its kind and port.
func (w *watcher) learn(m identity.Mark) {
	w.known = append(slices.DeleteFunc(w.known, func(k identity.Mark) bool { return k.Kind == m.Kind && k.Port == m.Port }), m)
}

// look is Target.Watch. It makes the system ask anew who has the address, since
// packets made by hand do not, and sends nothing else.
func (r *runner) look(ctx context.Context) error {
	if r.o.Dial == nil && r.t.Network == probe.ModeRemote {
		if c, err := r.t.Net.TCP(ctx, r.knock(), pokeWait); err == nil {
			_ = c.Close()
		}
	}
	return r.hardware()
}

// knock is a port that the device is known to answer on, if there is one.
func (r *runner) knock() int {
	for _, name := range []string{"tcp.open", "declared.port"} {
		for _, f := range r.t.Facts.Named(name) {
			if p := probe.PortNumber(f.Subject); p > 0 && f.Subject == probe.TCP(p) {
				return p
			}
		}
	}
	return 80
}

// hardware compares the hardware address only.
func (r *runner) hardware() error {
	if r.o.Dial != nil || r.t.Network != probe.ModeRemote {
		return nil
	}
	m, ok := identity.Hardware(r.t.Addr)
	if !ok {
		return nil
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	_, err := r.compare([]identity.Mark{m})
	return err
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
	if now := time.Now(); !surely && now.Sub(r.w.keys) < keysEvery {
		return nil
	}
	marks := identity.Keys(ctx, r.t)
	if len(marks) > 0 {
		r.w.keys = time.Now()
		a, err := r.compare(marks)
		r.note(probe.Record{Event: "checked", Detail: string(a), Number: len(marks)})
		if err != nil {
			return err
		}
	}
	if up, ok := identity.Uptime(ctx, r.t); ok {
		r.w.keys = time.Now()
		now := time.Now()
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
	answer := identity.Compare(r.w.known, now)
	for _, m := range now {
		i := slices.IndexFunc(r.w.known, func(k identity.Mark) bool { return k.Kind == m.Kind && k.Port == m.Port })
		event := "identity"
		if i >= 0 {
			event = "changed"
		}
		if answer == identity.Another {
			event = "another"
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
	r.stop(errAnother)
	return answer, errAnother
}
