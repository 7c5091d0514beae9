package caseworktest

import (
	"context"
	"testing"

	"hoshi/internal/casework"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// SecretMaker and SecretLand are kept back by the vendor of [Product]; they must
// appear in nothing public.
const (
	SecretMaker = "秘密製造所-SecretMaker"
	SecretLand  = "SecretLand-秘密国"
)

// Product is complete and clean; manufacturer and origin are private.
func Product() scheme.Product {
	return scheme.Product{
		Name: "見守りカメラ", NameEN: "Watch Camera", Summary: "玄関を見守るカメラ",
		Models:     []scheme.Model{{Number: "HC-100", Firmware: "1.2.0"}, {Number: "HC-100B", Firmware: "1.2.0"}},
		SameReason: "色だけが異なります", URL: "https://vendor.example/hc", Contact: "お客様相談室 0120-000-000",
		Manufacturer: scheme.Withholdable{Value: SecretMaker, Private: true},
		Origin:       scheme.Withholdable{Value: SecretLand, Private: true},
		AdvisoryURL:  "https://vendor.example/advisories", ReportURL: "https://vendor.example/security",
		SupportUntil: scheme.NewDay(2199, 3, 31),
		Assets: []scheme.Asset{
			{Kind: scheme.CommunicationSettings, Name: "Wi-Fi の設定", Stored: "フラッシュメモリ"},
			{Kind: scheme.Confidential, Name: "映像", Sent: "クラウドへ TLS で"},
		},
		Scope: scheme.ScopeAnswers{UsesIP: scheme.Yes, Internet: scheme.Yes, UserCanAdd: scheme.No},
	}
}

// Form is complete and clean.
func Form() scheme.ApplicationForm {
	return scheme.ApplicationForm{Months: 24, ContactName: "連絡 担当", ContactMail: "contact@vendor.example", ContactPhone: "03-0000-0000",
		Declared: true, DeclaredBy: "星野 社長", AgreedSecrecy: true, AgreedRules: true}
}

// Fill answers everything by hand: T-03 is not applicable, the rest conforms, T-01
// with words for the public.
func Fill(e *scheme.Evaluation) {
	e.Class = scheme.ClassVendor
	for i := range e.Answers {
		a := &e.Answers[i]
		a.Result, a.Justification, a.Evidence = scheme.ResultConforms, "設計書のとおりです", []string{"設計書 1.0"}
		switch a.Criterion {
		case "T-01":
			a.PublicReason = "多要素認証も使えます"
		case "T-03":
			a.Result, a.PublicReason, a.Evidence = scheme.ResultNotApplicable, "更新の経路がありません", nil
		}
	}
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
		return v
	}
}

// Evaluated makes a complete evaluation of a clean product of the vendor.
func (w *World) Evaluated(t testing.TB, vendor policy.Actor) scheme.Evaluation {
	t.Helper()
	ctx := context.Background()
	p := must[scheme.Product](t)(w.CreateProduct(ctx, vendor, Product(), ""))
	e := must[scheme.Evaluation](t)(w.CreateEvaluation(ctx, vendor, p.ID, EditionID, ""))
	Fill(&e)
	return must[scheme.Evaluation](t)(w.SaveEvaluation(ctx, vendor, e))
}

// Draft makes an application of the vendor that could be submitted as it is.
func (w *World) Draft(t testing.TB, vendor policy.Actor) scheme.Application {
	t.Helper()
	ctx := context.Background()
	a := must[scheme.Application](t)(w.CreateApplication(ctx, vendor, w.Evaluated(t, vendor).ID, ""))
	return must[scheme.Application](t)(w.SaveApplication(ctx, vendor, a.ID, a.Version, Form()))
}

// In makes an application of the vendor in a state; proposed means for a grant.
func (w *World) In(t testing.TB, vendor policy.Actor, state scheme.ApplicationState) scheme.Application {
	t.Helper()
	ctx, a, ok := context.Background(), w.Draft(t, vendor), must[scheme.Application](t)
	switch state {
	case scheme.ApplicationDraft:
		return a
	case scheme.ApplicationWithdrawn:
		return ok(w.WithdrawApplication(ctx, vendor, a.ID, a.Version, ""))
	}
	a = ok(w.Submit(ctx, vendor, a.ID, a.Version, ""))
	switch state {
	case scheme.ApplicationSubmitted:
		return a
	case scheme.ApplicationReturned:
		return ok(w.Ask(ctx, w.Officer, a.ID, a.Version, []scheme.Comment{{Field: "product.name", Text: "正式名称ですか"}}, ""))
	}
	a = ok(w.Accept(ctx, w.Officer, a.ID, a.Version, ""))
	switch state {
	case scheme.ApplicationAccepted:
		return a
	case scheme.ApplicationDeclined:
		a = ok(w.ProposeDecline(ctx, w.Officer, a.ID, a.Version, "足りません", ""))
		return ok(w.Decline(ctx, w.Second, a.ID, a.Version, "足りません", ""))
	}
	a = ok(w.ProposeGrant(ctx, w.Officer, a.ID, a.Version, "整っています", ""))
	if state == scheme.ApplicationProposed {
		return a
	}
	must[scheme.Label](t)(w.Grant(ctx, w.Second, a.ID, a.Version, ""))
	v := must[casework.ApplicationView](t)(w.Application(ctx, w.Second, a.ID))
	return v.Application
}

// Granted makes a label of the vendor.
func (w *World) Granted(t testing.TB, vendor policy.Actor) scheme.Label {
	t.Helper()
	a := w.In(t, vendor, scheme.ApplicationGranted)
	return must[casework.LabelView](t)(w.Label(context.Background(), w.Officer, a.LabelID)).Label
}

// Application returns an application as the database holds it, for comparisons.
func Application(db *store.DB, id string) (a scheme.Application, err error) {
	err = db.View(context.Background(), func(tx *store.Tx) error {
		a, err = store.Application(context.Background(), tx, id, store.Everyone)
		return err
	})
	return a, err
}
