package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"hoshi/internal/assess"
	"hoshi/internal/assess/spare"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
)

// goOn finds the journal of a run that was stopped and takes it up, or begins anew
// when the person at the terminal wants that.
func goOn(ctx context.Context, env *Env, d *dialog, f assessFlags, plan *assess.Plan, o *assess.Options, show *progress) error {
	past, err := assess.ReadJournal(o.Journal)
	if fault.Is(err, fault.NotFound) && f.resume == "" {
		return nil
	}
	if err != nil {
		return err
	}
	l := env.Lang()
	args := stoppedAt(l, past)
	o.Resume = true
	show.before(past)
	if d == nil || f.resume != "" || f.json || f.yes {
		if err := o.Fits(plan, past); err != nil {
			return err
		}
		tell(env, l.T("assess.resuming", args...))
		return nil
	}
	if o.Resume, err = d.yes(ctx, l.T("assess.ask-resume", args...), true); err != nil {
		return left(err)
	}
	if o.Resume {
		if f.consent == "" {
			o.Consents = past.Header.Consents() // as they were answered then
		}
		return o.Fits(plan, past)
	}
	show.open, show.few = nil, false
	if err := os.Remove(o.Journal); err != nil {
		return fault.Wrap(fault.Invalid, "cli.assess", err, "assess.out", "file", o.Journal)
	}
	return nil
}

// stoppedAt says which test was stopped, when it began and how far it was.
func stoppedAt(l i18n.Lang, past *assess.Past) []any {
	done := "-"
	for _, r := range past.Records {
		if r.Probe == assess.RunTranscript && r.Event == "begin" {
			done = l.T("assess.probe." + r.Item)
		}
	}
	return []any{"address", past.Header.Target, "started", past.Header.Started.Local().Format("2006-01-02 15:04"), "done", done}
}

// left says that the person left instead of answering.
func left(err error) error {
	return Left{fault.Wrap(fault.Invalid, "cli.assess", err, "assess.stopped")}
}

// ask tells what will be tested, how long it will take and what it may do to the
// device, and asks for consent at a terminal.
func ask(ctx context.Context, env *Env, d *dialog, plan *assess.Plan, f assessFlags, o *assess.Options, first *started) error {
	l := env.Lang()
	say := func(key string, args ...any) { tell(env, l.T(key, args...)) }
	if d != nil {
		fmt.Fprintln(env.Stderr)
	}
	say("assess.target", "address", plan.Addr, "name", plan.Product.Product.Name.In(l), "models", strings.Join(plan.Product.Product.Models, ", "))
	if plan.Network == probe.ModeShared {
		say("assess.mixed")
	}
	if d == nil || f.yes || f.json || o.Resume {
		if !o.Resume {
			for _, c := range []probe.Consent{probe.ConsentSignIn, probe.ConsentChange, probe.ConsentWrite} {
				if !slices.Contains(o.Consents, c) {
					say("assess.left-out", "what", l.T("assess.consent."+string(c)+".short"), "word", c)
				}
			}
		}
		if err := borrow(ctx, env, plan, o); err != nil {
			return err
		}
		if !f.json && !o.Resume { // a run that goes on shows what is left
			sayEstimate(env, l, assess.Estimate(plan, *o))
		}
		return nil
	}
	if first == nil || !first.allowed {
		ok, err := d.yes(ctx, l.T("assess.ask"), false)
		if err != nil || !ok {
			return left(err)
		}
	}
	if slices.ContainsFunc(probe.Consents, func(c probe.Consent) bool { return !slices.Contains(o.Consents, c) && applies(c, plan, o) }) {
		fmt.Fprintln(env.Stderr)
		say("assess.consents")
	}
	for _, c := range probe.Consents {
		if slices.Contains(o.Consents, c) || !applies(c, plan, o) {
			continue
		}
		fmt.Fprintln(env.Stderr)
		ok, err := d.yes(ctx, l.T("assess.consent."+string(c)), false)
		if err != nil {
			return left(err)
		}
		if ok {
			o.Consents = append(o.Consents, c)
		}
		if c == probe.ConsentSignIn && ok {
			if err := secrets(ctx, plan, o, first); err != nil {
				return err
			}
		}
	}
	if err := borrow(ctx, env, plan, o); err != nil {
		return err
	}
	sayEstimate(env, l, assess.Estimate(plan, *o))
	return nil
}

// secrets asks for the values that sign-in tests use: only now are they needed.
func secrets(ctx context.Context, plan *assess.Plan, o *assess.Options, first *started) error {
	if first != nil && first.password != nil {
		if err := first.password(ctx, o); err != nil {
			return left(err)
		}
	}
	again, err := assess.Prepare(ctx, *o)
	if err != nil {
		return err
	}
	*plan = *again
	return nil
}

// borrow finds free addresses of the link as senders for the UDP scan, when the
// person agreed to that.
func borrow(ctx context.Context, env *Env, plan *assess.Plan, o *assess.Options) error {
	if !slices.Contains(o.Consents, probe.ConsentAddresses) || !applies(probe.ConsentAddresses, plan, o) {
		return nil
	}
	tell(env, env.Lang().T("assess.borrow.looking"))
	found, err := spare.Find(ctx, plan.Addr, o.Rand)
	switch {
	case ctx.Err() != nil:
		return left(ctx.Err())
	case err != nil:
		tell(env, env.Lang().T("assess.borrow.none"))
		return nil
	}
	o.Senders.OnLink = found
	tell(env, env.Lang().T("assess.borrow.found", "number", len(found)))
	return nil
}

// applies reports whether a consent would change anything in this run.
func applies(c probe.Consent, plan *assess.Plan, o *assess.Options) bool {
	switch c {
	case probe.ConsentChange:
		changeable := false
		for _, a := range plan.Product.Accounts {
			changeable = changeable || a.Changeable == nil || *a.Changeable
		}
		return changeable && slices.Contains(o.Consents, probe.ConsentSignIn)
	case probe.ConsentAddresses:
		return plan.Network == probe.ModeRemote && plan.Addr.Is4() && !o.Senders.Routed.IsValid()
	}
	return true
}

// sayEstimate tells beforehand how long each part will take.
func sayEstimate(env *Env, l i18n.Lang, parts []assess.Part) {
	if terminal(env.Stderr) {
		fmt.Fprintln(env.Stderr)
	}
	tell(env, l.T("assess.estimate"))
	for _, p := range parts {
		key, args := "assess.estimate."+p.Name, []any{"number", p.Number, "all", int(p.All.Hours())}
		text := l.T(key, args...)
		if p.Most > 0 {
			text = l.T("assess.estimate.line", "what", text, "least", about(l, p.Least), "most", about(l, p.Most))
		}
		tell(env, "  "+text)
		if i18n.Has(key + ".note") {
			tell(env, "      "+l.T(key+".note", args...))
		}
	}
	least, most := assess.Total(parts)
	tell(env, "  "+l.T("assess.estimate.line", "what", l.T("assess.estimate.total"), "least", about(l, least), "most", about(l, most)))
}
