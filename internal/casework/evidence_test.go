package casework_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"hoshi/internal/casework"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/criteria"
	"hoshi/internal/fact"
	"hoshi/internal/fault"
	"hoshi/internal/jobs"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
)

// sealed is a bundle that fits the evaluation of caseworktest, signed by a key of the vendor.
func sealed(key string) *casework.Sealed {
	return &casework.Sealed{KeyID: key, Product: "見守りカメラ", Models: []string{"HC-100"}, Edition: caseworktest.Edition().Digest(), Tool: "hoshi 0",
		Started: caseworktest.Start,
		Facts:   fact.Set{{Name: "tcp.open", Subject: "tcp/443", Value: true, Origin: fact.Observed}},
		Verdicts: []criteria.Verdict{
			{Criterion: "T-01", Outcome: criteria.PersonDecides, Rule: "R-01-1"},
			{Criterion: "T-02", Outcome: criteria.Conforms, Rule: "R-02-1"},
			{Criterion: "T-03", Outcome: criteria.DoesNotConform, Rule: "R-03-1"},
			{Criterion: "T-04", Outcome: criteria.Undecided, Rule: "R-0-1"},
		}}
}

func evaluationOf(t *testing.T, w *caseworktest.World, fill bool) (scheme.Evaluation, scheme.SigningKey) {
	t.Helper()
	ctx := context.Background()
	p, err := w.CreateProduct(ctx, w.Vendor, caseworktest.Product(), "")
	if err != nil {
		t.Fatal(err)
	}
	e, err := w.CreateEvaluation(ctx, w.Vendor, p.ID, caseworktest.EditionID, "")
	if err != nil {
		t.Fatal(err)
	}
	if fill {
		caseworktest.Fill(&e)
		if e, err = w.SaveEvaluation(ctx, w.Vendor, e); err != nil {
			t.Fatal(err)
		}
	}
	k, err := w.EnrolKey(ctx, w.Vendor, "bench 1", caseworktest.Key(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	return e, k
}

func results(e scheme.Evaluation) string {
	var out []string
	for _, a := range e.Answers {
		out = append(out, string(a.Result))
	}
	return strings.Join(out, ",")
}

func TestAttachBundle(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		e, k := evaluationOf(t, w, false)
		w.Bundle = sealed(k.ID)
		body := []byte("the bundle")
		e, verdicts, err := w.AttachBundle(ctx, w.Vendor, e.ID, "run.hoshi", int64(len(body)), bytes.NewReader(body), true)
		if err != nil {
			t.Fatal(err)
		}
		if got := results(e); got != ",conforms,does-not-conform," || len(verdicts) != 4 {
			t.Errorf("prefilled %q", got)
		}
		vs, facts, err := w.Verdicts(ctx, w.Vendor, e.ID)
		if err != nil || len(vs) != 4 || len(facts) != 1 {
			t.Errorf("%v, %v, %v", vs, facts, err)
		}
		r, err := w.OpenEvidence(ctx, w.Vendor, e.ID, e.Bundles[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%q, %v", got, err)
		}

		// The device was mended and tested again: what the rules gave changes, what a person wrote stays.
		e.Answers[0].Result, e.Answers[0].Justification = scheme.ResultConforms, "設計書のとおりです"
		if e, err = w.SaveEvaluation(ctx, w.Vendor, e); err != nil {
			t.Fatal(err)
		}
		w.Bundle.Verdicts[0].Outcome = criteria.DoesNotConform
		w.Bundle.Verdicts[2].Outcome = criteria.Conforms
		if e, _, err = w.AttachBundle(ctx, w.Vendor, e.ID, "again.hoshi", 5, strings.NewReader("again"), false); err != nil {
			t.Fatal(err)
		}
		if got := results(e); got != "conforms,conforms,conforms," {
			t.Errorf("after the second bundle %q", got)
		}
		if e.Answers[0].Verdict != "does-not-conform" {
			t.Error("the rules' verdict is not shown beside the person's")
		}
		if vs, facts, err = w.Verdicts(ctx, w.Vendor, e.ID); err != nil || len(vs) != 4 || facts != nil {
			t.Errorf("of a bundle that is not kept: %v, %v", facts, err)
		}
		if err := second(w.OpenEvidence(ctx, w.Vendor, e.ID, e.Bundles[1].Digest)); !fault.Is(err, fault.NotFound) {
			t.Errorf("a bundle that is not kept: %v", err)
		}

		first := e.Bundles[0].Digest
		if e, err = w.DetachBundle(ctx, w.Vendor, e.ID, first); err != nil || len(e.Bundles) != 1 {
			t.Fatalf("%v", err)
		}
		// The second file alone speaks now. Without any, what only the rules gave is gone.
		if got := results(e); got != "conforms,conforms,conforms," {
			t.Errorf("after the first bundle went %q", got)
		}
		bare, err := w.DetachBundle(ctx, w.Vendor, e.ID, e.Bundles[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		if got := results(bare); got != "conforms,,," {
			t.Errorf("without a bundle %q", got)
		}
		handlers, _ := w.Jobs()
		runner := &jobs.Runner{DB: w.DB, Handlers: handlers, Log: slog.New(slog.DiscardHandler)}
		if worked, err := runner.Step(ctx); err != nil || !worked {
			t.Fatal(worked, err)
		}
		if err := second(w.Blobs.Stat(ctx, first)); !fault.Is(err, fault.NotFound) {
			t.Errorf("a detached file is still there: %v", err)
		}
	})
}

func TestAttachBundleRefused(t *testing.T) {
	w := onSQLite(t)
	ctx := context.Background()
	e, k := evaluationOf(t, w, true)
	limit := w.Settings.MaxBundleBytes
	never := iotest.ErrReader(errors.New("read although it must not be"))
	attach := func(who policy.Actor, size int64, r io.Reader) error {
		_, _, err := w.AttachBundle(ctx, who, e.ID, "x.hoshi", size, r, true)
		return err
	}
	cases := map[string]struct {
		prepare func()
		do      func() error
		kind    fault.Kind
	}{
		"announced too large": {nil, func() error { return attach(w.Vendor, limit+1, never) }, fault.TooLarge},
		"larger than announced": {nil, func() error {
			return attach(w.Vendor, 10, io.LimitReader(rep{}, limit+100))
		}, fault.TooLarge},
		"cut short": {nil, func() error {
			return attach(w.Vendor, 10, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("abc"))))
		}, fault.Invalid},
		"another vendor":    {nil, func() error { return attach(w.Rival, 1, never) }, fault.NotFound},
		"an officer":        {nil, func() error { return attach(w.Officer, 1, never) }, fault.NotFound},
		"not given":         {nil, func() error { return attach(w.Lab, 1, never) }, fault.NotFound},
		"unreadable":        {func() { w.Bundle = nil }, func() error { return attach(w.Vendor, 1, strings.NewReader("x")) }, fault.Invalid},
		"a stranger's key":  {func() { w.Bundle = sealed("unknown") }, func() error { return attach(w.Vendor, 1, strings.NewReader("x")) }, fault.Invalid},
		"another product":   {func() { w.Bundle.Models = []string{"ZZ-9"} }, func() error { return attach(w.Vendor, 1, strings.NewReader("x")) }, fault.Invalid},
		"another edition":   {func() { w.Bundle.Edition = "sha256:00" }, func() error { return attach(w.Vendor, 1, strings.NewReader("x")) }, fault.Invalid},
		"a control in name": {nil, func() error { _, _, err := w.AttachBundle(ctx, w.Vendor, e.ID, "a\x00b", 1, never, true); return err }, fault.Invalid},
	}
	for name, c := range cases {
		w.Bundle = sealed(k.ID)
		if c.prepare != nil {
			c.prepare()
		}
		if err := c.do(); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	w.Bundle = sealed(k.ID)
	if err := w.RetireKey(ctx, w.Vendor, k.ID); err != nil {
		t.Fatal(err)
	}
	if err := attach(w.Vendor, 1, strings.NewReader("x")); !fault.Is(err, fault.Invalid) {
		t.Errorf("a retired key: %v", err)
	}
	v, err := w.Evaluation(ctx, w.Vendor, e.ID)
	if err != nil || v.Evaluation.Version != e.Version || len(v.Evaluation.Bundles) != 0 {
		t.Errorf("refused bundles changed the evaluation: %+v, %v", v.Evaluation, err)
	}
}

type rep struct{}

func (rep) Read(p []byte) (int, error) { return len(p), nil }

// Whoever has no part in it sees neither draft nor evidence; an officer sees no
// evidence even after submission; the evaluator sees what it was given, and no longer.
func TestWhoSeesWhat(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		e, k := evaluationOf(t, w, true)
		w.Bundle = sealed(k.ID)
		e, _, err := w.AttachBundle(ctx, w.Vendor, e.ID, "run.hoshi", 1, strings.NewReader("x"), true)
		if err != nil {
			t.Fatal(err)
		}
		a, err := w.CreateApplication(ctx, w.Vendor, e.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		digest := e.Bundles[0].Digest
		looks := map[string]func(who policy.Actor) error{
			"product":     func(who policy.Actor) error { return second(w.Product(ctx, who, e.ProductID)) },
			"evaluation":  func(who policy.Actor) error { return second(w.Evaluation(ctx, who, e.ID)) },
			"evidence":    func(who policy.Actor) error { return second(w.OpenEvidence(ctx, who, e.ID, digest)) },
			"verdicts":    func(who policy.Actor) error { _, _, err := w.Verdicts(ctx, who, e.ID); return err },
			"application": func(who policy.Actor) error { return second(w.Application(ctx, who, a.ID)) },
			"form check":  func(who policy.Actor) error { return second(w.CheckForm(ctx, who, a.ID)) },
		}
		check := func(when string, who policy.Actor, name string, allowed ...string) {
			t.Helper()
			for what, look := range looks {
				want := false
				for _, x := range allowed {
					want = want || x == what
				}
				err := look(who)
				if want != (err == nil) || err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Denied) {
					t.Errorf("%s, %s looks at the %s: %v", when, name, what, err)
				}
			}
		}
		all := []string{"product", "evaluation", "evidence", "verdicts", "application", "form check"}
		check("draft", w.Vendor, "the vendor", all...)
		check("draft", w.Rival, "a rival")
		check("draft", w.Lab, "a laboratory")
		check("draft", w.Officer, "an officer")
		check("draft", w.Nobody, "a newcomer")

		e.Class, e.EvaluatorOrgID = scheme.ClassLaboratory, "lab"
		if e, err = w.SaveEvaluation(ctx, w.Vendor, e); err != nil {
			t.Fatal(err)
		}
		check("given", w.Lab, "the laboratory", "product", "evaluation", "evidence", "verdicts")
		if list, err := w.Evaluations(ctx, w.Lab); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		e.Class = scheme.ClassVendor
		if e, err = w.SaveEvaluation(ctx, w.Vendor, e); err != nil {
			t.Fatal(err)
		}
		check("taken back", w.Lab, "the laboratory")

		if a, err = w.SaveApplication(ctx, w.Vendor, a.ID, a.Version, caseworktest.Form()); err != nil {
			t.Fatal(err)
		}
		if _, err = w.Submit(ctx, w.Vendor, a.ID, a.Version, ""); err != nil {
			t.Fatal(err)
		}
		check("submitted", w.Officer, "an officer", "application")
		check("submitted", w.Rival, "a rival")
		if list, err := w.Applications(ctx, w.Rival); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := w.Products(ctx, w.Rival); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// Any class but the vendor's own: that evaluator's own signature over the present
// content, and the handover on record.
func TestEvaluatorSigns(t *testing.T) {
	w := onSQLite(t)
	ctx := context.Background()
	e, _ := evaluationOf(t, w, true)
	if err := second(w.SignEvaluation(ctx, w.Vendor, e.ID, e.Version, "", false)); !fault.Is(err, fault.Conflict) {
		t.Errorf("the vendor's own class needs no signature: %v", err)
	}
	e.Class, e.EvaluatorOrgID = scheme.ClassExternalQualified, "lab"
	e.Handover = scheme.Handover{Day: scheme.NewDay(2026, 11, 20), Documents: "設計書 1.0"}
	var err error
	if e, err = w.SaveEvaluation(ctx, w.Vendor, e); err != nil {
		t.Fatal(err)
	}
	if err := second(w.SignEvaluation(ctx, w.Vendor, e.ID, e.Version, "登録セキスペ 1", true)); !fault.Is(err, fault.Denied) {
		t.Errorf("the vendor signs for the evaluator: %v", err)
	}
	if err := second(w.SignEvaluation(ctx, w.Lab, e.ID, e.Version, "", false)); !fault.Is(err, fault.Invalid) {
		t.Errorf("without qualification and oath: %v", err)
	}
	if err := second(w.SignEvaluation(ctx, w.Lab, e.ID, e.Version-1, "登録セキスペ 1", true)); !fault.Is(err, fault.Conflict) {
		t.Errorf("a version that is no longer: %v", err)
	}
	a, err := w.CreateApplication(ctx, w.Vendor, e.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if a, err = w.SaveApplication(ctx, w.Vendor, a.ID, a.Version, caseworktest.Form()); err != nil {
		t.Fatal(err)
	}
	rules := func() string {
		list, err := w.CheckForm(ctx, w.Vendor, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, d := range list {
			out = append(out, d.Rule)
		}
		return strings.Join(out, " ")
	}
	if got := rules(); got != "F-46" {
		t.Errorf("unsigned: %s", got)
	}
	if e, err = w.SignEvaluation(ctx, w.Lab, e.ID, e.Version, "登録セキスペ 1", true); err != nil {
		t.Fatal(err)
	}
	if got := rules(); got != "" {
		t.Errorf("signed: %s", got)
	}
	// The vendor forges what only the program writes, and changes what was signed.
	forged := e
	forged.Signature = &scheme.Signature{PersonID: "kensa", OrganisationID: "lab"}
	forged.Bundles = []scheme.Bundle{{Digest: "sha256:forged"}}
	forged.Answers[1].Verdict, forged.Answers[1].Rule = "conforms", "R-02-1"
	forged.Answers[0].Justification = "書き直しました"
	if e, err = w.SaveEvaluation(ctx, w.Vendor, forged); err != nil {
		t.Fatal(err)
	}
	if len(e.Bundles) != 0 || e.Answers[1].Rule != "" || e.Signature.Qualification == "" {
		t.Errorf("forged parts were saved: %+v", e)
	}
	if got := rules(); got != "F-46" {
		t.Errorf("changed after signing: %s", got)
	}
	if err := second(w.Submit(ctx, w.Vendor, a.ID, a.Version, "")); !fault.Is(err, fault.Invalid) {
		t.Errorf("submitted with a void signature: %v", err)
	}
	if e, err = w.SignEvaluation(ctx, w.Lab, e.ID, e.Version, "登録セキスペ 1", true); err != nil {
		t.Fatal(err)
	}
	if _, err = w.Submit(ctx, w.Vendor, a.ID, a.Version, ""); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"save":   second(w.SaveEvaluation(ctx, w.Vendor, e)),
		"sign":   second(w.SignEvaluation(ctx, w.Lab, e.ID, e.Version, "登録セキスペ 1", true)),
		"detach": second(w.DetachBundle(ctx, w.Vendor, e.ID, "sha256:x")),
	} {
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("%s of a submitted evaluation: %v", name, err)
		}
	}
}
