package assess

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/outage"
	"hoshi/internal/probe/registry"
)

// probes runs them stage by stage: scans that overlap starve weak devices and lose
// ports, while questions to services hardly burden them.
func (r *runner) probes(ctx context.Context) error {
	ctx, end := r.watch(ctx)
	defer end()
	for _, stage := range registry.Stages() {
		if err := r.check(ctx, false); err != nil {
			return err
		}
		if err := r.stage(ctx, stage); err != nil {
			return err
		}
		for _, lane := range stage {
			for _, p := range lane {
				r.t.Facts = append(r.t.Facts, p.Parse(r.rec.Records(p.Name))...)
			}
		}
	}
	return r.check(ctx, true)
}

// errAway is the cause of probes that ended because the device did not answer any more.
var errAway = errors.New("assess: the device does not answer any more")

// The stages in which the run itself looks after the device: scans and sign-in tests
// do so themselves.
const (
	watchedFrom = 3
	watchedTo   = 5
)

// stage runs the lanes of a stage side by side. When the device goes away meanwhile
// they end, and after it is back those that had not ended run once more, one after
// the other: what they concluded from silence says nothing.
func (r *runner) stage(ctx context.Context, lanes [][]probe.Probe) error {
	if n := lanes[0][0].Stage; n < watchedFrom || n > watchedTo {
		return r.lanes(ctx, ctx, lanes)
	}
	var all []probe.Probe
	for _, lane := range lanes {
		all = append(all, lane...)
	}
	begun := r.rec.Since()
	away, fell := r.watched(ctx, all, func(x context.Context) { _ = r.lanes(ctx, x, lanes) })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !fell {
		return nil
	}
	for _, p := range all {
		began, ended := r.span(p.Name, begun)
		switch {
		case r.past != nil && r.past.ended(p.Name), ended > 0 && (ended < away-outage.Notice.Milliseconds() || !r.troubled(p)):
			continue
		case ended == 0 && began > 0:
			r.note(probe.Record{Event: "cut", Item: p.Name, At: began, Took: max(0, away-began)})
		}
		if began > 0 {
			r.rec.Drop(p.Name)
			r.note(probe.Record{Event: "dropped", Item: p.Name})
		}
		r.watched(ctx, []probe.Probe{p}, func(x context.Context) { _ = r.one(ctx, x, p) })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		// Twice is enough: what it has recorded is kept.
		if began, ended := r.span(p.Name, away); ended == 0 {
			r.end(p, began)
		}
	}
	return nil
}

// watched runs something while the device is looked after, and waits for a device
// that went away. It returns since when, in ms since the run began.
func (r *runner) watched(ctx context.Context, probes []probe.Probe, run func(context.Context)) (away int64, fell bool) {
	begun := r.rec.Since()
	x, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := outage.Begin(x, r.t, r.rec, func() { cancel(errAway) })
	run(x)
	away = w.End()
	if ctx.Err() != nil || away == 0 && !slices.ContainsFunc(probes, r.troubled) {
		return 0, false
	}
	var names []string
	for _, p := range probes {
		names = append(names, p.Name)
	}
	return cmp.Or(away, begun), outage.Look(ctx, r.t, r.rec, strings.Join(names, " "), away)
}

// troubled reports whether a probe met an error.
func (r *runner) troubled(p probe.Probe) bool {
	return slices.ContainsFunc(r.rec.Records(p.Name), func(x probe.Record) bool { return x.Error != "" })
}

// span is when a probe began and ended, at or after a time; 0 = it did not.
func (r *runner) span(name string, from int64) (began, ended int64) {
	for _, x := range r.rec.Records(RunTranscript) {
		switch {
		case x.Item != name || x.At < from:
		case x.Event == "begin":
			began, ended = max(1, x.At), 0
		case x.Event == "end":
			ended = max(1, x.At+x.Took)
		}
	}
	return began, ended
}

// lanes runs lanes side by side, until run or ctx ends; run is that of the whole run.
func (r *runner) lanes(run, ctx context.Context, lanes [][]probe.Probe) error {
	errs := make([]error, len(lanes))
	var wg sync.WaitGroup
	for i, lane := range lanes {
		wg.Go(func() {
			for _, p := range lane {
				if r.past != nil && r.past.ended(p.Name) {
					continue
				}
				if errs[i] = r.one(run, ctx, p); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return cmp.Or(errs...)
}

// one runs a probe to its end, or until it is stopped.
func (r *runner) one(run, ctx context.Context, p probe.Probe) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	begun := r.rec.Since()
	r.note(probe.Record{Event: "begin", Item: p.Name, At: begun})
	r.g.emit(Event{At: begun, Probe: p.Name, State: "begin"})
	done := make(chan error, 1)
	go func() { done <- guarded(ctx, p, r.t, r.rec) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		if run.Err() == nil { // what it still records belongs to what went before
			select {
			case <-done:
				return context.Cause(ctx)
			case <-run.Done():
			}
		}
		// A probe that is slow to notice is left behind: the run has ended for the person.
		slow := time.NewTimer(stopWithin)
		defer slow.Stop()
		select {
		case <-done:
		case <-slow.C:
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		r.rec.Add(probe.Record{Probe: p.Name, Event: "broken", Error: probe.Clip(err.Error())})
	}
	r.end(p, begun)
	return nil
}

// end writes down that a probe has ended.
func (r *runner) end(p probe.Probe, begun int64) {
	r.note(probe.Record{Event: "end", Item: p.Name, At: begun, Took: r.rec.Since() - begun})
	if r.j != nil {
		r.j.sync()
	}
	r.g.emit(Event{At: r.rec.Since(), Probe: p.Name, State: "end"})
}

// guarded keeps a probe that breaks from taking the run with it.
func guarded(ctx context.Context, p probe.Probe, t *probe.Target, rec *probe.Recorder) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("probe %s: %v", p.Name, x)
		}
	}()
	return p.Run(ctx, t, rec)
}

// onLink stands for borrowed addresses of the link among the parameters.
const onLink = "on-link"
