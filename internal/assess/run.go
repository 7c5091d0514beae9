package assess

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
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
// on wrong input, when ctx ends, when nobody on the link has the address and when
// another device turns up there; a device that stops answering is a result.
func Run(ctx context.Context, o Options) (*evidence.Run, error) {
	plan, err := Prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Dial == nil {
		if err := Present(ctx, plan.Addr); err != nil {
			return nil, err
		}
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
		r.rec.Secret(a.Secret, a.SNMP.PrivacySecret)
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
	return Header{Format: journalFormat, Tool: o.Tool, Target: plan.Addr.String(), Network: plan.Network, ProductFile: o.ProductFile,
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
	other := p.Header.differs(h)
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
	last := r.past.last()
	for _, x := range r.past.under() {
		r.note(probe.Record{Event: "cut", Item: x.Item, At: x.At, Took: last - x.At})
	}
	r.note(probe.Record{Event: "resumed", At: last, Took: r.rec.Since() - last})
	for _, p := range registry.Probes {
		if (!p.Continues || r.past.mixed()) && !r.past.ended(p.Name) && len(r.rec.Records(p.Name)) > 0 {
			r.rec.Drop(p.Name)
			r.note(probe.Record{Event: "dropped", Item: p.Name})
		}
	}
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
