package sweep

import (
	"context"
	"encoding/binary"
	"time"

	"hoshi/internal/probe"
)

// watchEvery is how often the run's watch looks whether the device is still the same.
const watchEvery = 10 * time.Second

// Transport asks ports of the target and hears its answers. It is used by one
// goroutine.
type Transport interface {
	// Method names it in the plan: "syn", "connect".
	Method() string
	// Ready reports whether another attempt can be made now; when not, Receive
	// returns once it can.
	Ready() bool
	// Ask makes one attempt and does not wait for the answer. An error means that
	// nothing was sent; it is not an answer.
	Ask(ctx context.Context, a Action) error
	// Receive hands over what has come. When nothing has, it waits until the time,
	// which may be past: then it only looks.
	Receive(ctx context.Context, until time.Time, each func(Reply)) error
}

// Run sweeps the ports of the target over a transport and writes records for the
// probe named. Records that the probe wrote before are taken for those of the
// same sweep, cut short: it goes on from there. The caller fills in c but for
// Ports and Earlier.
//
// An error is the transport's, the watch's, or that of ctx; what is settled is
// recorded all the same.
func Run(ctx context.Context, t *probe.Target, rec *probe.Recorder, name, proto string, c Config, tr Transport) error {
	was, resumed := Read(rec.Records(name), proto)
	var seed uint64
	if resumed {
		seed, c.Earlier = was.Seed, was
	} else {
		seed = binary.BigEndian.Uint64(t.Random(8))
	}
	c.Ports = Order(seed)
	if !resumed {
		rec.Add(probe.Record{Probe: name, Event: "plan", Ports: probe.Ranges(ascending(len(c.Ports))), Detail: plan(seed, tr.Method(), t.Pace.Name)})
	}
	e := New(c)
	return drive(ctx, t, e, tr, func() (back bool) {
		for _, v := range e.Events() {
			rec.Add(v.record(name, proto, 0))
			back = back || v.Kind == "up"
		}
		return back
	})
}

func ascending(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i + 1
	}
	return out
}

// drive lets the engine act on the clock and the transport.
func drive(ctx context.Context, t *probe.Target, e *Engine, tr Transport, write func() (back bool)) error {
	start := time.Now()
	heard := func(r Reply) { e.Heard(time.Since(start), r) }
	look := newWatch(ctx, t)
	defer look.stop()
	// A stop at once still tells what is settled.
	defer func() {
		e.Flush(time.Since(start))
		write()
	}()
	asked, looked, due := 0, time.Time{}, start
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := look.err(); err != nil {
			return err
		}
		now := time.Now()
		e.Late(now.Sub(start), due.Sub(start))
		due = now
		// What has arrived is heard before anything counts as lost.
		if asked++; asked >= 8 || now.Sub(looked) > time.Millisecond {
			if err := tr.Receive(ctx, now, heard); err != nil {
				return err
			}
			asked, looked = 0, now
		}
		if !tr.Ready() {
			due = now.Add(time.Second)
			if err := tr.Receive(ctx, due, heard); err != nil {
				return err
			}
			continue
		}
		act := e.Next(now.Sub(start))
		if write() {
			look.now() // what came back may be another device
		}
		switch {
		case act.Done:
			return nil
		case act.Port != 0:
			if err := tr.Ask(ctx, act); err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
		default:
			due = start.Add(act.Wait)
			if err := tr.Receive(ctx, due, heard); err != nil {
				return err
			}
			looked = time.Time{}
		}
	}
}

// watch calls the target's watch at intervals, beside the sweep.
type watch struct {
	cancel context.CancelFunc
	wake   chan struct{}
	done   chan struct{}
	failed chan error
}

func newWatch(ctx context.Context, t *probe.Target) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{cancel: cancel, wake: make(chan struct{}, 1), done: make(chan struct{}), failed: make(chan error, 1)}
	go func() {
		defer close(w.done)
		for t.Watch != nil && w.wait(ctx) {
			if err := t.Watch(ctx); err != nil {
				if ctx.Err() == nil {
					w.failed <- err
				}
				return
			}
		}
	}()
	return w
}

func (w *watch) wait(ctx context.Context) bool {
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// now looks at once.
func (w *watch) now() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watch) err() error {
	select {
	case err := <-w.failed:
		return err
	default:
		return nil
	}
}

func (w *watch) stop() {
	w.cancel()
	<-w.done
}
