package web

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/criteria"
	"hoshi/internal/testkit"
)

// A vendor fills in everything in a real browser, on a phone, from the product
// to the application number.
func TestVendorInBrowser(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script %v", script), func(t *testing.T) { vendorInBrowser(t, script) })
	}
}

func vendorInBrowser(t *testing.T, script bool) {
	w := newWorld(t, true)
	p := testkit.NewBrowser(t).Private(testkit.Phone)
	p.NoScript(!script)
	look := func(name string) {
		t.Helper()
		if script {
			p.Axe()
			p.Shot("vendor-" + name)
		}
	}
	accepted := func(what string, status int64) {
		t.Helper()
		if status != http.StatusOK {
			t.Fatalf("%s: status %d at %s: %s", what, status, p.URL(), p.Text("main"))
		}
	}
	at := func(form string) string { return fmt.Sprintf("form[action$=%q]", form) }
	p.Go(w.srv.URL + "/sign-in")
	accepted("sign in", p.Submit(`form:has(input[value="hoshino@example.jp"]) button`))
	look("1-home-empty")
	accepted("new product", p.Submit(`main a[href="/portal/products/new"]`))
	p.Fill("product.name", "見守りカメラ")
	p.Fill("product.models", "HC-100, 1.2.0\nHC-100B, 1.2.0")
	accepted("save product", p.Submit(".save-bar button"))
	look("2-product")
	product := strings.TrimPrefix(strings.SplitN(p.URL(), "?", 2)[0], w.srv.URL)

	accepted("scope", p.Submit(fmt.Sprintf(`a[href=%q]`, product+"/scope")))
	for _, answer := range []string{"yes", "yes", "no"} {
		p.Click(fmt.Sprintf("input[type=radio][value=%q]", answer))
		accepted("answer", p.Submit("main form button"))
	}
	look("3-scope")
	accepted("keep", p.Submit("main form button"))

	full := caseworktest.Product()
	for name, v := range productForm(full) {
		switch {
		case v[0] == "" || strings.HasSuffix(name, ".kind") || name == "product.supportUntil" || strings.HasSuffix(name, ".private"):
		default:
			p.Fill(name, v[0])
		}
	}
	p.Click(`[id="product.manufacturer.private"]`)
	p.Click(`[id="product.origin.private"]`)
	p.Choose("product.assets[0].kind", string(full.Assets[0].Kind))
	p.Choose("product.assets[1].kind", string(full.Assets[1].Kind))
	p.TypeDay("product.supportUntil", 2031, 3, 31)
	accepted("save product", p.Submit(".save-bar button"))
	look("4-product-full")

	accepted("begin", p.Submit(at("/evaluations")+" button"))
	evaluation := strings.TrimPrefix(p.URL(), w.srv.URL)
	accepted("bundle", p.Submit(fmt.Sprintf(`.steps a[href=%q]`, evaluation+"/bundle")))
	key, err := w.EnrolKey(t.Context(), w.Vendor, "試験室 1", caseworktest.Key(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	w.sealed(t, key.ID)
	file := filepath.Join(t.TempDir(), "run.hoshi")
	if err := os.WriteFile(file, []byte("sealed"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Upload("evaluation.bundle", file)
	p.Click("[id=keep]")
	accepted("attach", p.Submit(at("/bundle")+" button"))
	look("5-evaluation-prefilled")
	ed := must[*criteria.Edition](t)(criteria.Builtin(editionID))
	for _, c := range ed.Criteria {
		id := "answers." + c.ID
		p.Click(fmt.Sprintf(`input[name=%q][value=conforms]`, id+".result"))
		p.Fill(id+".justification", "設計書の該当する章で確かめました。")
		p.Fill(id+".evidence", "設計書 1.0")
	}
	accepted("save", p.Submit(".save-bar button"))
	if got := p.Text(".save-progress"); !strings.Contains(got, "16 項目中 16 項目") {
		t.Errorf("progress: %s", got)
	}
	look("6-evaluation-done")
	accepted("evaluator", p.Submit(fmt.Sprintf(`.steps a[href=%q]`, evaluation+"/evaluator")))
	look("7-evaluator")
	p.Click(`input[value=vendor]`)
	accepted("save", p.Submit(at("/evaluator")+" button"))
	p.Go(w.srv.URL + evaluation)
	accepted("apply", p.Submit(at("/applications")+" button"))
	accepted("check", p.Submit(`button[value=check]`))
	look("8-check-defects")
	if !strings.Contains(p.Text("main"), "F-61") {
		t.Errorf("the form check finds nothing: %s", p.Text("main"))
	}
	accepted("to the field", p.Submit(`.defects a[href*="form.contactName"]`))
	p.Fill("form.months", "24")
	p.Fill("form.contactName", "星野 花子")
	p.Fill("form.contactMail", "hanako@hoshino.example")
	p.Fill("form.declaredBy", "星野 太郎")
	for _, box := range []string{"form.declared", "form.agreedSecrecy", "form.agreedRules"} {
		p.Click(fmt.Sprintf("[id=%q]", box))
	}
	look("9-application")
	accepted("check", p.Submit(`button[value=check]`))
	look("10-check-clean")
	accepted("submit", p.Submit(at("/submit")+" button"))
	look("11-submitted")
	if got := p.Text(".big-number"); !strings.HasPrefix(got, "A2026-") {
		t.Errorf("application number %q", got)
	}
	accepted("home", p.Submit(`main a[href="/portal"]`))
	look("12-home")
}

// The draft saves itself while a person writes, and says so.
func TestDraftSavesItself(t *testing.T) {
	w := newWorld(t, true)
	e := w.complete(t)
	p := testkit.NewBrowser(t).Private(testkit.Desktop)
	p.Go(w.srv.URL + "/sign-in")
	p.Submit(`form:has(input[value="hoshino@example.jp"]) button`)
	p.Go(w.srv.URL + "/portal/evaluations/" + e.ID)
	p.Fill("answers.S1.1-01.justification", "まだ保存を押していない文章")
	p.WaitText("[data-draft-state]", "下書きを自動で保存しました。")
	v := must[string](t)(w.justification(t, e.ID))
	if v != "まだ保存を押していない文章" {
		t.Errorf("saved: %q", v)
	}
	p.Fill("answers.S1.1-01.justification", "続き")
	if status := p.Submit(".save-bar button"); status != http.StatusOK {
		t.Errorf("saving after the draft saved itself: status %d", status)
	}
	if v := must[string](t)(w.justification(t, e.ID)); v != "続き" {
		t.Errorf("saved: %q", v)
	}
}

func (w *world) justification(t *testing.T, evaluation string) (string, error) {
	e, err := w.Service.Evaluation(t.Context(), w.Vendor, evaluation)
	if err != nil {
		return "", err
	}
	return e.Evaluation.Answer("S1.1-01").Justification, nil
}

// A file over the limit is refused in the browser before it is sent, and without
// scripts by the server, with a page that says so.
func TestUploadOverTheLimit(t *testing.T) {
	w := newWorld(t, true)
	e := w.complete(t)
	file := filepath.Join(t.TempDir(), "run.hoshi")
	if err := os.WriteFile(file, make([]byte, 8*w.Settings.MaxBundleBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	p := testkit.NewBrowser(t).Private(testkit.Desktop)
	p.Go(w.srv.URL + "/sign-in")
	p.Submit(`form:has(input[value="hoshino@example.jp"]) button`)
	at := w.srv.URL + "/portal/evaluations/" + e.ID + "/bundle"
	p.Go(at)
	p.Upload("evaluation.bundle", file)
	if says := testkit.Eval[string](p, `document.getElementById("evaluation.bundle").validationMessage`); !strings.Contains(says, "1.0 MiB") {
		t.Errorf("the browser says %q", says)
	}
	p.NoScript(true)
	p.Go(at)
	p.Upload("evaluation.bundle", file)
	if status := p.Submit(`form[enctype] button`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", status)
	}
	if says := p.Text(".banner-error"); !strings.Contains(says, "1.0 MiB") {
		t.Errorf("the page says %q", says)
	}
}

// Both values of a conflict stand in a page that everybody can use.
func TestConflictInBrowser(t *testing.T) {
	w := newWorld(t, true)
	e := w.complete(t)
	b := testkit.NewBrowser(t)
	one, two := b.Open(testkit.Phone), b.Open(testkit.Phone)
	one.Go(w.srv.URL + "/sign-in")
	one.Submit(`form:has(input[value="hoshino@example.jp"]) button`)
	for _, p := range []*testkit.Page{one, two} {
		p.Go(w.srv.URL + "/portal/products/" + e.ProductID)
	}
	one.Fill("product.name", "一つ目の窓")
	two.Fill("product.name", "二つ目の窓")
	one.Submit(".save-bar button")
	if status := two.Submit(".save-bar button"); status != http.StatusConflict {
		t.Fatalf("status %d", status)
	}
	two.Axe()
	two.Shot("conflict")
	if says := two.Text(".banner-warn tbody"); !strings.Contains(says, "一つ目の窓") || !strings.Contains(says, "二つ目の窓") {
		t.Errorf("the page says %q", says)
	}
	if status := two.Submit(".save-bar button"); status != http.StatusOK {
		t.Errorf("saving after reading both: status %d", status)
	}
}

// The error summary takes the focus, so that a screen reader begins there.
func TestErrorSummaryHasFocus(t *testing.T) {
	w := newWorld(t, true)
	p := testkit.NewBrowser(t).Private(testkit.Phone)
	p.Go(w.srv.URL + "/sign-up")
	if status := p.Submit("main form button"); status != http.StatusUnprocessableEntity {
		t.Fatalf("status %d", status)
	}
	if id := testkit.Eval[string](p, "document.activeElement.id"); id != "problem" {
		t.Errorf("the focus is on %q", id)
	}
	p.Axe()
	p.Shot("sign-up-errors")
}
