package formcheck_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/criteria"
	"hoshi/internal/formcheck"
	"hoshi/internal/i18n"
	"hoshi/internal/scheme"
)

var today = scheme.NewDay(2026, 11, 23)

func settings(t testing.TB) *scheme.Settings {
	t.Helper()
	s, err := scheme.LoadSettings("scheme.yaml", []byte(caseworktest.SettingsYAML))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clean is an application without a defect that uses all the form has: an outside
// qualified evaluator, a bundle, several models, one "not applicable".
func clean(ed *criteria.Edition) formcheck.Input {
	lab := &scheme.Organisation{ID: "lab", Kind: scheme.Evaluating, Classes: []scheme.EvaluatorClass{scheme.ClassExternalQualified, scheme.ClassLaboratory}}
	e := scheme.Evaluation{ID: "e", OrganisationID: "star", ProductID: "p", EditionID: ed.ID}
	for _, c := range ed.Criteria {
		e.Answers = append(e.Answers, scheme.Answer{Criterion: c.ID})
	}
	caseworktest.Fill(&e)
	e.Answers[1].Verdict, e.Answers[1].Rule = "conforms", "R-02-1"
	e.Answers[1].Justification = "" // the rules decided
	e.Class, e.EvaluatorOrgID = scheme.ClassExternalQualified, "lab"
	e.Handover = scheme.Handover{Day: today.AddDays(-3), Documents: "設計書 1.0"}
	e.Bundles = []scheme.Bundle{{Digest: "sha256:00", Name: "run.hoshi", SignedBy: "k1", Product: "見守りカメラ", Models: []string{"HC-100"}, Edition: ed.Digest()}}
	p := caseworktest.Product()
	p.ID, p.OrganisationID = "p", "star"
	in := formcheck.Input{
		Keys:      []scheme.SigningKey{{ID: "k1", OrganisationID: "star"}, {ID: "k2", OrganisationID: "lab"}},
		Evaluator: lab,
		Snapshot: scheme.Snapshot{Application: "a", Product: p, Evaluation: e, Form: caseworktest.Form(), Edition: ed.ID, EditionHash: ed.Digest(),
			Organisation: scheme.Organisation{ID: "star", Kind: scheme.Vendor, Name: "星野電機株式会社", CorporateNumber: "7000012050002", Country: "JP"}},
	}
	return in
}

func sign(in *formcheck.Input) {
	e := &in.Snapshot.Evaluation
	e.Signature = &scheme.Signature{PersonID: "kensa", OrganisationID: e.EvaluatorOrgID, At: time.Unix(0, 0), Qualification: "登録セキスペ 012345",
		Sworn: true, Digest: formcheck.ChecklistDigest(e, &in.Snapshot.Product)}
}

// plant is one fault: what is done to a clean application, before or after the
// evaluator signs, and the one defect that it must give.
type plant struct {
	rule, field string
	do          func(in *formcheck.Input)
	after       bool // after signing
}

func product(f func(p *scheme.Product)) func(*formcheck.Input) {
	return func(in *formcheck.Input) { f(&in.Snapshot.Product) }
}

func answer(id string, f func(a *scheme.Answer)) func(*formcheck.Input) {
	return func(in *formcheck.Input) { f(in.Snapshot.Evaluation.Answer(id)) }
}

func evaluation(f func(e *scheme.Evaluation)) func(*formcheck.Input) {
	return func(in *formcheck.Input) { f(&in.Snapshot.Evaluation) }
}

func form(f func(a *scheme.ApplicationForm)) func(*formcheck.Input) {
	return func(in *formcheck.Input) { f(&in.Snapshot.Form) }
}

var plants = []plant{
	{"F-01", "organisation.corporate", func(in *formcheck.Input) { in.Snapshot.Organisation.CorporateNumber = "7000012050003" }, false},
	{"F-02", "organisation.name", func(in *formcheck.Input) { in.Snapshot.Organisation.Name = " " }, false},
	{"F-03", "product.name", product(func(p *scheme.Product) { p.Name = "" }), false},
	{"F-04", "product.models[1].number", product(func(p *scheme.Product) { p.Models[1].Number = "" }), false},
	{"F-05", "product.models[2].number", product(func(p *scheme.Product) {
		p.Models = append(p.Models, scheme.Model{Number: "ｈｃ－100", Firmware: "1"}) // full width, as an office program writes it
	}), false},
	{"F-06", "product.models[0].firmware", product(func(p *scheme.Product) { p.Models[0].Firmware = "" }), false},
	{"F-07", "product.sameReason", product(func(p *scheme.Product) { p.SameReason = "" }), false},
	{"F-08", "product.summary", product(func(p *scheme.Product) { p.Summary = "" }), false},
	{"F-09", "product.scope", product(func(p *scheme.Product) { p.Scope.UsesIP = scheme.No }), false},
	{"F-10", "product.reportUrl", product(func(p *scheme.Product) { p.ReportURL = "" }), false},
	{"F-11", "product.url", product(func(p *scheme.Product) { p.URL = "ftp://vendor.example" }), false},
	{"F-12", "product.contact", product(func(p *scheme.Product) { p.Contact = "" }), false},
	{"F-13", "product.assets[1].name", product(func(p *scheme.Product) { p.Assets[1].Name = "" }), false},
	{"F-14", "product.assets[0].stored", product(func(p *scheme.Product) { p.Assets[0].Stored = "" }), false},
	{"F-15", "product.manufacturer", product(func(p *scheme.Product) { p.Manufacturer.Value = "" }), false},
	{"F-16", "product.origin", product(func(p *scheme.Product) { p.Origin.Value = "" }), false},
	{"F-17", "product.supportUntil", product(func(p *scheme.Product) { p.SupportUntil = today.AddDays(-1) }), false},
	{"F-20", "answers.T-01.result", answer("T-01", func(a *scheme.Answer) { a.Result = "" }), false},
	{"F-21", "answers.T-01.result", answer("T-01", func(a *scheme.Answer) { a.Result = scheme.ResultDoesNot }), false},
	{"F-22", "answers.T-02.result", answer("T-02", func(a *scheme.Answer) {
		a.Result, a.Justification, a.PublicReason = scheme.ResultNotApplicable, "x", "x"
	}), false},
	{"F-23", "answers.T-03.justification", answer("T-03", func(a *scheme.Answer) { a.Justification = "" }), false},
	{"F-24", "answers.T-03.publicReason", answer("T-03", func(a *scheme.Answer) { a.PublicReason = "" }), false},
	{"F-25", "answers.T-01.justification", answer("T-01", func(a *scheme.Answer) { a.Justification = "" }), false},
	{"F-26", "answers.T-02.justification", answer("T-02", func(a *scheme.Answer) { a.Verdict = "does-not-conform" }), false},
	{"F-27", "answers.T-04.evidence", answer("T-04", func(a *scheme.Answer) { a.Evidence = nil }), false},
	{"F-28", "answers.T-02.justification", evaluation(func(e *scheme.Evaluation) { e.Bundles = nil }), false},
	{"F-29", "answers.T-01.result", answer("T-01", func(a *scheme.Answer) { a.Result, a.PublicReason = scheme.ResultLifted, "PSTI" }), false},
	{"F-30", "answers.T-04.publicReason", answer("T-04", func(a *scheme.Answer) { a.Result = scheme.ResultLifted }), false},
	{"F-40", "evaluation.bundles[0]", func(in *formcheck.Input) { in.Keys[0].Retired = time.Unix(1, 0) }, false},
	{"F-41", "evaluation.bundles[0]", evaluation(func(e *scheme.Evaluation) { e.Bundles[0].Models = []string{"HC-999"} }), false},
	{"F-42", "evaluation.bundles[0]", evaluation(func(e *scheme.Evaluation) { e.Bundles[0].Edition = "sha256:other" }), false},
	{"F-43", "evaluation.class", evaluation(func(e *scheme.Evaluation) { e.Class = "" }), false},
	{"F-44", "evaluation.class", nil, false}, // below: needs another level
	{"F-45", "evaluation.evaluatorOrg", func(in *formcheck.Input) { in.Evaluator.Classes = nil }, false},
	{"F-46", "evaluation.signature", product(func(p *scheme.Product) {
		p.Models = append(p.Models, scheme.Model{Number: "HC-200", Firmware: "1"}) // a model more than was signed for
	}), true},
	{"F-47", "evaluation.qualification", evaluation(func(e *scheme.Evaluation) { e.Signature.Qualification = "" }), true},
	{"F-48", "evaluation.sworn", evaluation(func(e *scheme.Evaluation) { e.Signature.Sworn = false }), true},
	{"F-49", "evaluation.handover.documents", evaluation(func(e *scheme.Evaluation) { e.Handover.Documents = "" }), false},
	{"F-50", "evaluation.handover.day", evaluation(func(e *scheme.Evaluation) { e.Handover.Day = today.AddDays(1) }), false},
	{"F-51", "evaluation.edition", nil, false}, // below: needs another edition
	{"F-60", "form.months", form(func(f *scheme.ApplicationForm) { f.Months = 25 }), false},
	{"F-61", "form.contactName", form(func(f *scheme.ApplicationForm) { f.ContactName = "" }), false},
	{"F-62", "form.contactMail", form(func(f *scheme.ApplicationForm) { f.ContactMail = "contact@" }), false},
	{"F-63", "form.declared", form(func(f *scheme.ApplicationForm) { f.Declared = false }), false},
	{"F-64", "form.declaredBy", form(func(f *scheme.ApplicationForm) { f.DeclaredBy = "" }), false},
	{"F-65", "form.agreedSecrecy", form(func(f *scheme.ApplicationForm) { f.AgreedSecrecy = false }), false},
	{"F-66", "form.agreedRules", form(func(f *scheme.ApplicationForm) { f.AgreedRules = false }), false},
}

type found struct{ Rule, Field string }

func run(t testing.TB, ed *criteria.Edition, list ...plant) []found {
	t.Helper()
	in := clean(ed)
	for _, p := range list {
		if !p.after {
			p.do(&in)
		}
	}
	sign(&in)
	for _, p := range list {
		if p.after {
			p.do(&in)
		}
	}
	return defects(t, in, ed, settings(t))
}

func defects(t testing.TB, in formcheck.Input, ed *criteria.Edition, s *scheme.Settings) []found {
	t.Helper()
	var out []found
	for _, d := range formcheck.Check(in, ed, s, today) {
		for _, l := range i18n.Langs {
			if text := l.Format(d.Key, d.Args); text == "" || text[0] == '[' || slices.Contains([]byte(text), '{') {
				t.Errorf("%s in %s: %s", d.Rule, l, text)
			}
		}
		out = append(out, found{d.Rule, d.Field})
	}
	return out
}

func TestClean(t *testing.T) {
	if got := run(t, caseworktest.Edition()); got != nil {
		t.Errorf("%v", got)
	}
}

// Each rule finds its own fault and no other rule takes notice.
func TestEachRuleAlone(t *testing.T) {
	ed := caseworktest.Edition()
	for _, p := range plants {
		if p.do == nil {
			continue
		}
		if d := cmp.Diff([]found{{p.rule, p.field}}, run(t, ed, p)); d != "" {
			t.Errorf("%s (-want +got):\n%s", p.rule, d)
		}
	}
	t.Run("F-44", func(t *testing.T) {
		s := settings(t)
		s.Levels[0].SelfDeclared = false
		in := clean(ed)
		sign(&in)
		if d := cmp.Diff([]found{{"F-44", "evaluation.class"}}, defects(t, in, ed, s)); d != "" {
			t.Error(d)
		}
	})
	t.Run("F-51", func(t *testing.T) {
		draft := caseworktest.Edition()
		draft.ID = "test-2-draft"
		if d := cmp.Diff([]found{{"F-51", "evaluation.edition"}}, run(t, draft)); d != "" {
			t.Error(d)
		}
	})
}

// Every rule is tried above, and has words in both languages.
func TestEveryRule(t *testing.T) {
	var rules, tried []string
	for _, r := range formcheck.Rules {
		rules = append(rules, r.Number)
		for _, k := range []string{"formcheck." + r.Number, "formcheck.rule." + r.Number} {
			if !i18n.Has(k) {
				t.Errorf("%s has no sentence", k)
			}
		}
	}
	for _, p := range plants {
		tried = append(tried, p.rule)
	}
	if d := cmp.Diff(rules, tried); d != "" {
		t.Errorf("rules and tried rules (-rules +tried):\n%s", d)
	}
}

// Twenty faults of twenty rules in one application give exactly these twenty.
func TestTwentyFaults(t *testing.T) {
	planted := []string{"F-01", "F-05", "F-06", "F-07", "F-08", "F-09", "F-10", "F-11", "F-14", "F-17", "F-20", "F-22", "F-23",
		"F-24", "F-27", "F-42", "F-48", "F-50", "F-60", "F-62"}
	var list []plant
	var want []found
	for _, p := range plants {
		if slices.Contains(planted, p.rule) {
			list = append(list, p)
			want = append(want, found{p.rule, p.field})
		}
	}
	if len(want) != 20 {
		t.Fatalf("%d faults are planted", len(want))
	}
	if d := cmp.Diff(want, run(t, caseworktest.Edition(), list...)); d != "" {
		t.Errorf("(-planted +found):\n%s", d)
	}
}

// A foreign body without a corporate number gives its country and a proof.
func TestForeignApplicant(t *testing.T) {
	ed := caseworktest.Edition()
	in := clean(ed)
	sign(&in)
	o := &in.Snapshot.Organisation
	o.CorporateNumber, o.Country, o.Proof = "", "DE", "Handelsregister HRB 1"
	if got := defects(t, in, ed, settings(t)); got != nil {
		t.Errorf("%v", got)
	}
	o.Country = "JP"
	if got := defects(t, in, ed, settings(t)); len(got) != 1 {
		t.Errorf("a Japanese body needs its number: %v", got)
	}
}

// Any change of what was signed voids the signature; nothing else does.
func TestSignatureCovers(t *testing.T) {
	ed := caseworktest.Edition()
	for name, change := range map[string]func(in *formcheck.Input){
		"a result":     answer("T-04", func(a *scheme.Answer) { a.Result, a.PublicReason = scheme.ResultLifted, "PSTI" }),
		"words":        answer("T-01", func(a *scheme.Answer) { a.Justification += "。" }),
		"a document":   answer("T-01", func(a *scheme.Answer) { a.Evidence = append(a.Evidence, "写真") }),
		"an asset":     product(func(p *scheme.Product) { p.Assets[0].Stored = "SD" }),
		"firmware":     product(func(p *scheme.Product) { p.Models[0].Firmware = "1.2.1" }),
		"the handover": evaluation(func(e *scheme.Evaluation) { e.Handover.Documents = "別の文書" }),
		"a bundle more": evaluation(func(e *scheme.Evaluation) {
			b := e.Bundles[0]
			b.Digest = "sha256:01"
			e.Bundles = append(e.Bundles, b)
		}),
		"the signer": evaluation(func(e *scheme.Evaluation) { e.Signature.OrganisationID = "star" }),
	} {
		in := clean(ed)
		sign(&in)
		change(&in)
		if got := defects(t, in, ed, settings(t)); !slices.Equal(got, []found{{"F-46", "evaluation.signature"}}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	in := clean(ed)
	sign(&in)
	in.Snapshot.Form.Months = 12
	in.Snapshot.Product.Notes = "別の話"
	in.Snapshot.Evaluation.Version++
	if got := defects(t, in, ed, settings(t)); got != nil {
		t.Errorf("voided by what was not signed: %v", got)
	}
}
