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

	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
	"hoshi/internal/probe/outage"
	"hoshi/internal/probe/registry"
)

// RunTranscript is the transcript of the run itself. It gives no facts.
//
// Events: "consent" (item: one that the person gave), "begin" and "end" (item: a
// probe; at and took of "end" are those of the probe), "cut" (likewise, of a probe
// that an interruption ended), "step" (item: what a person was asked to do; took;
// detail: how it ended), "interrupted" (detail: why), "resumed" (at: the last moment
// known of before; took: how long nothing was done), "dropped" (item: a probe that
// is run anew), "identity" (item: kind of mark, port, detail: its value), "checked"
// (detail: the answer), "changed" (a mark with its new value), "another" (a mark
// that shows another device), "moved" (the way to the address is another), "uptime" (number of seconds), "rebooted".
//
// So the time of a probe is the sum of took over its "end" and "cut"; those of one
// stage run side by side.
const RunTranscript = "run"

// stopWithin is how long a probe may take to notice that the run was stopped.
const stopWithin = 700 * time.Millisecond

// errUnwritable is the cause of a run that ended because its journal could not be written.
var errUnwritable = errors.New("assess: the journal cannot be written")

// runner is one run under way.
type runner struct {
	o    Options
	t    *probe.Target
	rec  *probe.Recorder
	g    *gauge
	j    *journal
	past *Past
	w    watcher
	stop context.CancelCauseFunc
}

// Run tests the device and returns the run with its facts and verdicts. It fails
// on wrong input, when ctx ends and when another device turns up at the address;
// a device that does not answer is a result.
func Run(ctx context.Context, o Options) (*evidence.Run, error) {
	plan, err := Prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	outer := ctx
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &runner{o: o, g: &gauge{o: o}, stop: stop}
	began := o.Now().UTC()
	if o.Journal != "" {
		if began, err = r.openJournal(o.header(plan, began)); err != nil {
			return nil, err
		}
		defer r.j.close()
	}
	r.rec = probe.NewRecorder(o.Now, func(x probe.Record) {
		// What a probe concludes from being stopped says nothing of the device.
		if ctx.Err() != nil && x.Probe != RunTranscript {
			return
		}
		if r.j != nil {
			_ = r.j.write(x) // an error ends the run, see openJournal
		}
		r.g.record(x)
	})
	defer r.g.stop()
	for _, a := range plan.accounts {
		r.rec.Secret(a.Secret)
	}
	reach := probe.NewNet(plan.Addr, o.Dial)
	r.t = &probe.Target{
		Addr: plan.Addr, Net: reach, Second: reach.Second(), Facts: plan.Product.Facts(), Accounts: plan.accounts,
		Paths: plan.Product.Readable(), Network: plan.Network, Consents: o.Consents, Pace: o.Pace, Senders: o.Senders, Rand: o.Rand,
		Turns: make(chan struct{}, max(1, o.Pace.Services)),
	}
	if o.Person != nil {
		r.t.Person = r.person
	}
	r.begin(began)
	if err := r.probes(ctx); err != nil {
		return nil, r.ended(outer, ctx, err)
	}
	run := &evidence.Run{
		Info: evidence.Info{
			Format: evidence.RunFormat, Tool: o.Tool, Target: plan.Addr.String(), Network: plan.Network,
			HostMixed: plan.Network == probe.ModeShared, Parameters: parameters(o),
			Started: began.Truncate(time.Second), Finished: o.Now().UTC().Truncate(time.Second),
			EditionID: o.Edition.ID, EditionDigest: o.Edition.Digest(),
			ProductDigest: evidence.Digest(o.Product), Models: plan.Product.Product.Models,
		},
		Product: o.Product, Edition: o.Edition.Source(), Transcripts: r.rec.Transcripts(),
	}
	run.Facts, run.Verdicts, err = run.Conclude()
	if err != nil {
		return nil, err
	}
	return run, nil
}

func (o Options) header(plan *Plan, began time.Time) Header {
	return Header{Format: JournalFormat, Tool: o.Tool, Target: plan.Addr.String(), Network: plan.Network, ProductFile: o.ProductFile,
		Product: evidence.Digest(o.Product), EditionID: o.Edition.ID, Edition: o.Edition.Digest(), Parameters: parameters(o), Started: began}
}

// Fits refuses to go on with a stopped run that differs from what is asked now, and
// says in what.
func (o Options) Fits(plan *Plan, past *Past) error {
	h := o.header(plan, past.Header.Started)
	if s := past.Header.Parameters["senders"]; s == onLink {
		h.Parameters["senders"] = s // the addresses are looked for later
	}
	return past.fits(h, o.Journal)
}

func (p *Past) fits(h Header, file string) error {
	other := p.Header.Differs(h)
	if len(other) == 0 {
		return nil
	}
	e := fault.New(fault.Conflict, "assess.Run", "assess.differs", "file", file)
	for _, what := range other {
		e.Places = append(e.Places, fault.Place{File: file, Field: what, Key: "assess.differs." + what})
	}
	return e
}

// openJournal begins a journal or takes up the one that is there. It returns when the run began.
func (r *runner) openJournal(h Header) (time.Time, error) {
	fail := func(err error) { r.stop(fmt.Errorf("%w: %w", errUnwritable, err)) }
	var err error
	if !r.o.Resume {
		r.j, err = beginJournal(r.o.Journal, h, fail)
		return h.Started, err
	}
	if r.j, r.past, err = continueJournal(r.o.Journal, fail); err != nil {
		return time.Time{}, err
	}
	if err := r.past.fits(h, r.o.Journal); err != nil {
		_ = r.j.close()
		return time.Time{}, err
	}
	return r.past.Header.Started, nil
}

// begin writes down how the run starts, or that it goes on.
func (r *runner) begin(began time.Time) {
	if r.o.Asked > 0 {
		defer r.note(probe.Record{Event: "step", Item: "start", Took: r.o.Asked.Milliseconds(), Detail: "done"})
	}
	if r.past == nil {
		for _, c := range r.o.Consents {
			r.note(probe.Record{Event: "consent", Item: string(c)})
		}
		return
	}
	r.rec.Resume(began, r.past.Records)
	for _, x := range r.past.Records {
		r.g.tally(x.Probe).add(x)
	}
	last := r.past.Last()
	for _, x := range r.past.under() {
		r.note(probe.Record{Event: "cut", Item: x.Item, At: x.At, Took: last - x.At})
	}
	r.note(probe.Record{Event: "resumed", At: last, Took: r.rec.Since() - last})
	for _, p := range registry.Probes {
		if (!p.Continues || r.past.mixed()) && !r.past.Ended(p.Name) && len(r.rec.Records(p.Name)) > 0 {
			r.rec.Drop(p.Name)
			r.note(probe.Record{Event: "dropped", Item: p.Name})
		}
	}
}

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
				r.t.Facts = append(r.t.Facts, p.Parse(withLines(r.rec.Records(p.Name)))...)
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
		case r.past != nil && r.past.Ended(p.Name), ended > 0 && (ended < away-outage.Notice.Milliseconds() || !r.troubled(p)):
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
				if r.past != nil && r.past.Ended(p.Name) {
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

// ended turns the reason for which a run ended early into what the person reads.
func (r *runner) ended(outer, ctx context.Context, err error) error {
	why, kind, key := "broken", fault.Internal, ""
	switch {
	case errors.Is(err, errUnwritable):
		kind, key = fault.Unavailable, "assess.unwritable"
	case errors.Is(err, errAnother):
		why, kind, key = "another", fault.Unavailable, "assess.another"
	case errors.Is(err, errMoved):
		why, kind, key = "moved", fault.Unavailable, "assess.moved"
	case outer.Err() != nil:
		why, kind, key = "person", fault.Unavailable, "assess.cancelled"
		if r.j != nil {
			key = "assess.interrupted"
		}
	}
	r.note(probe.Record{Event: "interrupted", Detail: why})
	return fault.Wrap(kind, "assess.Run", err, key, "file", r.o.Journal, "again", r.again(), "address", r.t.Addr.String())
}

// again is the command that goes on with the run.
func (r *runner) again() string {
	if r.o.Again != "" {
		return r.o.Again
	}
	return "hoshi assess --resume " + strings.TrimSuffix(r.o.Journal, suffix)
}

// person puts a step to the person and writes down how long it took, for the
// minutes that a criterion costs.
func (r *runner) person(ctx context.Context, s probe.Step) (string, error) {
	begun := r.rec.Since()
	answer, err := r.o.Person(ctx, s)
	word := answer
	switch {
	case errors.Is(err, probe.ErrNobody):
		word = "nobody"
	case err != nil:
		word = "failed"
	case s.Want == "secret":
		r.rec.Secret(answer)
		word = "given"
	case s.Want != "yes-no":
		word = "done"
	}
	r.note(probe.Record{Event: "step", Item: s.ID, At: begun, Took: r.rec.Since() - begun, Detail: word})
	return answer, err
}

// note writes into the transcript of the run.
func (r *runner) note(x probe.Record) {
	x.Probe = RunTranscript
	r.rec.Add(x)
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

func withLines(rs []probe.Record) []probe.Record {
	for i := range rs {
		rs[i].Line = i + 1
	}
	return rs
}

// onLink stands for borrowed addresses of the link among the parameters.
const onLink = "on-link"

// parameters are the settings of a run as its bundle shows them. Whole numbers
// only; durations in milliseconds.
func parameters(o Options) map[string]any {
	p := o.Pace
	senders := ""
	switch {
	case o.Senders.Routed.IsValid():
		senders = "routed " + o.Senders.Routed.String()
	case len(o.Senders.OnLink) > 0:
		senders = onLink // how many, and which, may differ when the run goes on
	}
	return map[string]any{
		"pace": p.Name, "tcpStart": p.TCPStart, "tcpCap": p.TCPCap, "tcpWorkers": p.TCPWorkers, "tcpWait": p.TCPWait.Milliseconds(), "tcpTries": p.TCPTries, "tcpFew": p.TCPFew,
		"udpWait": p.UDPWait.Milliseconds(), "udpTries": p.UDPTries, "budget": p.Budget.Milliseconds(),
		"signIns": p.SignIns, "signInBudget": p.SignIn.Milliseconds(), "hold": p.Hold.Milliseconds(), "consents": words(o.Consents), "allowPublic": o.AllowPublic,
		"senders": senders,
	}
}

func words(cs []probe.Consent) []string {
	out := []string{}
	for _, c := range cs {
		out = append(out, string(c))
	}
	return out
}
