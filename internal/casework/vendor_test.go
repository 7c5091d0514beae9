package casework_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/casework"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/scheme"
)

// places are the fields and keys of a refusal.
func places(err error) string {
	var out []string
	if e, ok := err.(*fault.Error); ok {
		for _, p := range e.Places {
			out = append(out, p.Field+" "+p.Key)
		}
	}
	return strings.Join(out, ", ")
}

func TestRegisterOrganisation(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		good := scheme.Organisation{Name: "新星株式会社", CorporateNumber: "1 0000-12160153", Country: "jp"}
		for want, change := range map[string]func(o *scheme.Organisation){
			"organisation.corporate casework.corporate.check":           func(o *scheme.Organisation) { o.CorporateNumber = "1000012160154" },
			"organisation.corporate casework.corporate.length":          func(o *scheme.Organisation) { o.CorporateNumber = "100001216015" },
			"organisation.corporate casework.corporate.digits":          func(o *scheme.Organisation) { o.CorporateNumber = "10000121601x3" },
			"organisation.corporate casework.shape.required":            func(o *scheme.Organisation) { o.CorporateNumber = "" },
			"organisation.proof casework.shape.proof":                   func(o *scheme.Organisation) { o.CorporateNumber, o.Country = "", "DE" },
			"organisation.name casework.shape.required":                 func(o *scheme.Organisation) { o.Name = "  " },
			"organisation.name casework.shape.control":                  func(o *scheme.Organisation) { o.Name = "a\x00b" },
			"organisation.nameEn casework.shape.control":                func(o *scheme.Organisation) { o.NameEN = "moc\u202eelpmaxe" },
			"organisation.proof casework.shape.control":                 func(o *scheme.Organisation) { o.Proof = "\u200b\u009b2J" },
			"organisation.name casework.shape.utf8":                     func(o *scheme.Organisation) { o.Name = "a\xffb" },
			"organisation.country casework.shape.country":               func(o *scheme.Organisation) { o.Country = "日本" },
			"organisation.corporate casework.organisation.number-taken": func(o *scheme.Organisation) { o.CorporateNumber = "7000012050002" },
		} {
			o := good
			change(&o)
			_, err := w.RegisterOrganisation(ctx, w.Nobody, o, "")
			if got := places(err); got != want {
				t.Errorf("%v, want %s", err, want)
			}
			for _, l := range i18n.Langs {
				sentence, lines := l.Error(err)
				if strings.Contains(sentence+strings.Join(lines, ""), "[") || strings.Contains(sentence, "{") {
					t.Errorf("%s: %s %v", l, sentence, lines)
				}
			}
		}
		good.CorporateNumber = scheme.CorporateNumber(strings.Replace(withCheck("000012160153"), "12160", " １２-160", 1)) // full width, grouped
		o, err := w.RegisterOrganisation(ctx, w.Nobody, good, "form")
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind != scheme.Vendor || o.Country != "JP" || len(o.CorporateNumber) != 13 {
			t.Errorf("%+v", o)
		}
		if again, err := w.RegisterOrganisation(ctx, w.Nobody, good, "form"); err != nil || again.ID != o.ID {
			t.Errorf("the form sent twice: %v", err)
		}
		if err := second(w.RegisterOrganisation(ctx, w.Nobody, good, "other")); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second organisation: %v", err)
		}
		if err := second(w.Organisation(ctx, w.Rival, o.ID)); !fault.Is(err, fault.NotFound) {
			t.Errorf("a rival reads it: %v", err)
		}
		if err := second(w.SaveOrganisation(ctx, w.Rival, o)); !fault.Is(err, fault.NotFound) {
			t.Errorf("a rival writes it: %v", err)
		}
	})
}

// withCheck puts the check digit before twelve base digits.
func withCheck(base string) string {
	for d := '1'; d <= '9'; d++ {
		if n := string(d) + base; scheme.CorporateNumber(n).Validate() == nil {
			return n
		}
	}
	return ""
}

// A draft may be incomplete; two windows do not overwrite each other; nothing
// wrong is kept.
func TestDrafts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		p, err := w.CreateProduct(ctx, w.Vendor, scheme.Product{Name: "  作りかけ  ", Notes: "一行目\r\n二行目\r\n"}, "")
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != "作りかけ" || p.Notes != "一行目\n二行目" || p.Version != 1 {
			t.Errorf("%+v", p)
		}
		one, two := p, p
		one.Summary = "窓一"
		two.Summary = "窓二"
		if one, err = w.SaveProduct(ctx, w.Vendor, one); err != nil {
			t.Fatal(err)
		}
		if err := second(w.SaveProduct(ctx, w.Vendor, two)); !fault.Is(err, fault.Conflict) {
			t.Errorf("the second window: %v", err)
		}
		if err := second(w.SaveProduct(ctx, w.Rival, one)); !fault.Is(err, fault.NotFound) {
			t.Errorf("a rival: %v", err)
		}
		bad := one
		bad.URL, bad.Name, bad.OrganisationID = "javascript:alert(1)", strings.Repeat("長", 201), "rival"
		bad.Assets = []scheme.Asset{{Kind: "gold"}}
		bad.Scope.UsesIP = "maybe"
		_, err = w.SaveProduct(ctx, w.Vendor, bad)
		want := "product.assets[0].kind casework.shape.word, product.name casework.shape.long, product.scope.usesIp casework.shape.word, product.url casework.shape.url"
		if got := places(err); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		got, err := w.Product(ctx, w.Vendor, p.ID)
		if err != nil || got.Summary != "窓一" || got.Version != 2 || got.OrganisationID != "star" {
			t.Errorf("%+v, %v", got, err)
		}
		a, err := w.CreateApplication(ctx, w.Vendor, mustEvaluation(t, w, p.ID).ID, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := second(w.CreateApplication(ctx, w.Vendor, a.EvaluationID, "")); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second open application: %v", err)
		}
		_, err = w.Submit(ctx, w.Vendor, a.ID, a.Version, "")
		if !fault.Is(err, fault.Invalid) || !strings.Contains(places(err), "answers.T-01.result formcheck.F-20") || !strings.Contains(places(err), "form.declared formcheck.F-63") {
			t.Errorf("%v", err)
		}
		if b := current(t, w, a.ID); b.State != scheme.ApplicationDraft || b.Number != "" {
			t.Errorf("%+v", b)
		}
	})
}

func mustEvaluation(t *testing.T, w *caseworktest.World, product string) scheme.Evaluation {
	t.Helper()
	e, err := w.CreateEvaluation(context.Background(), w.Vendor, product, caseworktest.EditionID, "")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A comment round: questions, a working copy that the officer does not see, answers,
// resubmission with its differences; the number stays.
func TestCommentRound(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		a := w.In(t, w.Vendor, scheme.ApplicationSubmitted)
		number := a.Number
		if err := second(w.Ask(ctx, w.Officer, a.ID, a.Version, []scheme.Comment{{Text: " \n "}}, "")); !fault.Is(err, fault.Invalid) {
			t.Errorf("no question: %v", err)
		}
		if err := second(w.Ask(ctx, w.Officer, a.ID, a.Version, []scheme.Comment{{Field: "answers.T-99", Text: "?"}}, "")); !fault.Is(err, fault.Invalid) {
			t.Errorf("a question on nothing: %v", err)
		}
		w.Clock.Advance(time.Hour)
		a, err := w.Ask(ctx, w.Officer, a.ID, a.Version, []scheme.Comment{{Field: "answers.T-01", Text: "どの章ですか"}, {Text: ""}}, "")
		if err != nil || a.Round != 1 || len(a.Comments) != 1 {
			t.Fatalf("%+v, %v", a, err)
		}
		v, err := w.Evaluation(ctx, w.Vendor, a.EvaluationID)
		if err != nil {
			t.Fatal(err)
		}
		e := v.Evaluation
		e.Answers[0].Justification = "第3章です"
		if _, err = w.SaveEvaluation(ctx, w.Vendor, e); err != nil {
			t.Fatal(err)
		}
		p := v.Product
		p.Models = append(p.Models, scheme.Model{Number: "HC-200", Firmware: "2"})
		if _, err = w.SaveProduct(ctx, w.Vendor, p); err != nil {
			t.Fatal(err)
		}
		form := caseworktest.Form()
		form.Months = 12
		if a, err = w.SaveApplication(ctx, w.Vendor, a.ID, a.Version, form); err != nil {
			t.Fatal(err)
		}
		for range 2 { // written twice, kept once
			if a, err = w.AnswerComments(ctx, w.Vendor, a.ID, a.Version, []scheme.Comment{{Field: "answers.T-01", Text: "第3章に書きました"}}); err != nil {
				t.Fatal(err)
			}
		}
		seen, err := w.Application(ctx, w.Officer, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if seen.Application.Form.Months != 24 || seen.Evaluation.Answers[0].Justification == "第3章です" || len(seen.Product.Models) != 2 || len(seen.Application.Comments) != 1 {
			t.Errorf("the officer sees the working copy: %+v", seen)
		}
		w.Clock.Advance(time.Hour)
		if a, err = w.Submit(ctx, w.Vendor, a.ID, a.Version, ""); err != nil || a.Number != number {
			t.Fatalf("%+v, %v", a, err)
		}
		if seen, err = w.Application(ctx, w.Officer, a.ID); err != nil {
			t.Fatal(err)
		}
		want := []casework.Difference{
			{Field: "answers.T-01.justification", Before: "設計書のとおりです", After: "第3章です"},
			{Field: "form.months", Before: "24", After: "12"},
			{Field: "product.models[2].firmware", After: "2"},
			{Field: "product.models[2].number", After: "HC-200"},
		}
		if d := cmp.Diff(want, seen.Differences); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if len(seen.Application.Comments) != 2 || seen.Application.Comments[1].Text != "第3章に書きました" {
			t.Errorf("%+v", seen.Application.Comments)
		}
		w.Clock.Advance(3 * time.Hour)
		queue, err := w.Queue(ctx, w.Second)
		if err != nil || len(queue) != 1 || queue[0].Waiting != 3*time.Hour || queue[0].Turn != scheme.Officer || queue[0].ProductName != "見守りカメラ" {
			t.Errorf("%+v, %v", queue, err)
		}
		if err := second(w.Queue(ctx, w.Vendor)); !fault.Is(err, fault.Denied) {
			t.Errorf("the vendor reads the queue: %v", err)
		}
	})
}

func TestKeys(t *testing.T) {
	w := onSQLite(t)
	ctx := context.Background()
	k, err := w.EnrolKey(ctx, w.Vendor, "bench 1", caseworktest.Key(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"again":         second(w.EnrolKey(ctx, w.Vendor, "bench 2", caseworktest.Key(t, 1))),
		"by a rival":    second(w.EnrolKey(ctx, w.Rival, "bench", caseworktest.Key(t, 1))),
		"not a key":     second(w.EnrolKey(ctx, w.Vendor, "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")),
		"no name":       second(w.EnrolKey(ctx, w.Vendor, " ", caseworktest.Key(t, 2))),
		"by an officer": second(w.EnrolKey(ctx, w.Officer, "x", caseworktest.Key(t, 3))),
		"rival retires": w.RetireKey(ctx, w.Rival, k.ID),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := w.RetireKey(ctx, w.Vendor, k.ID); err != nil {
		t.Fatal(err)
	}
	list, err := w.Keys(ctx, w.Vendor)
	if err != nil || len(list) != 1 || list[0].Retired.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := w.Keys(ctx, w.Rival); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
