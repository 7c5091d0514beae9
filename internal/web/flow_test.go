package web

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hoshi/internal/auth"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/criteria"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// A newcomer without JavaScript goes from nothing to a label, with two officers.
func TestWholePath(t *testing.T) {
	w := newWorld(t, true)
	v := w.as(t, "newcomer")
	p := v.get("/portal/organisation", http.StatusOK)
	// A wrong check digit is explained at its field, and nothing typed is lost.
	p = v.send(p, "/portal/organisation", map[string]string{"organisation.name": "新星株式会社", "organisation.corporate": "1 0000 1205 0002"}, http.StatusUnprocessableEntity)
	if a := p.Find(`.banner-error a[href="#organisation.corporate"]`); a.Length() != 1 {
		t.Errorf("no link to the field: %s", p.text(".banner-error"))
	}
	if p.text(`[id="organisation.corporate-error"]`) == "" || p.Find(`[id="organisation.corporate"]`).AttrOr("aria-describedby", "") != "organisation.corporate-hint organisation.corporate-error" {
		t.Error("the field does not say what is wrong")
	}
	if got := p.Find(`[id="organisation.name"]`).AttrOr("value", ""); got != "新星株式会社" {
		t.Errorf("the name is lost: %q", got)
	}
	p = v.send(p, "/portal/organisation", map[string]string{"organisation.corporate": "７ ０００００１２０５０００１"}, http.StatusUnprocessableEntity)
	v.send(p, "/portal/organisation", map[string]string{"organisation.corporate": "8700110005901"}, http.StatusOK)

	p = v.get("/portal/products/new", http.StatusOK)
	p = v.send(p, "/portal/products/new", map[string]string{"product.name": "見守りカメラ", "product.models": "HC-100, 1.2\r\nHC-200\t1.3\r\n"}, http.StatusOK)
	at := strings.SplitN(p.Path, "?", 2)[0]
	if got := p.Find(`[id="product.models"]`).Text(); got != "HC-100, 1.2\nHC-200, 1.3" {
		t.Errorf("model numbers: %q", got)
	}
	q := v.get(at+"/scope?restart=1&usesIp=yes&internet=yes&userCanAdd=no", http.StatusOK)
	p = v.send(q, at+"/scope", nil, http.StatusOK)
	if !strings.Contains(p.text(`[id="product.scope"]`), "対象製品") {
		t.Errorf("scope is not kept: %s", p.text(`[id="product.scope"]`))
	}
	fill := map[string]string{}
	for name, x := range productForm(caseworktest.Product()) {
		if name != "product.name" && name != "product.contact" {
			fill[name] = x[0]
		}
	}
	p = v.send(p, at, fill, http.StatusOK)
	p = v.send(p, at+"/evaluations", nil, http.StatusOK)
	ev := p.Path
	answers := map[string]string{}
	for i := range 16 {
		a := fmt.Sprintf("answers.S1.1-%02d.", i+1)
		answers[a+"result"], answers[a+"justification"], answers[a+"evidence"] = "conforms", "設計書のとおりです", "設計書 1.0"
	}
	p = v.send(p, ev, answers, http.StatusOK)
	if !strings.Contains(p.text(".save-progress"), "16 項目中 16 項目") {
		t.Errorf("progress: %s", p.text(".save-progress"))
	}
	p = v.send(p, ev+"/applications", nil, http.StatusOK)
	ap := p.Path
	// Everything that is missing is listed at once, with a link to each field.
	check := v.get(ap+"/check", http.StatusOK)
	if n := check.Find(".defects li").Length(); n < 4 {
		t.Fatalf("%d defects: %s", n, check.text("main"))
	}
	for _, want := range []string{ap + "#form.contactName", at + "#product.contact"} {
		if check.Find(`.defects a[href="`+want+`"]`).Length() != 1 {
			t.Errorf("no link to %s", want)
		}
	}
	q = v.get(at, http.StatusOK)
	v.send(q, at, map[string]string{"product.contact": "お客様相談室"}, http.StatusOK)
	q = v.get(ev+"/evaluator", http.StatusOK)
	v.send(q, ev+"/evaluator", map[string]string{"evaluation.class": "vendor"}, http.StatusOK)
	p = v.get(ap, http.StatusOK)
	p = v.send(p, ap, map[string]string{"form.months": "２４", "form.contactName": "新星 花子", "form.contactMail": "hanako@shinsei.example", "form.declared": "yes",
		"form.declaredBy": "新星 太郎", "form.agreedSecrecy": "yes", "form.agreedRules": "yes", "do": "check"}, http.StatusOK)
	if p.Find(".defects li").Length() != 0 {
		t.Fatalf("still: %s", p.text(".defects"))
	}
	sent := p.form(ap + "/submit")
	done := v.post(ap+"/submit", sent, http.StatusOK)
	number := done.text(".big-number")
	if !strings.HasPrefix(number, "A2026-") {
		t.Fatalf("application number %q", number)
	}
	// Sent twice by a nervous finger: the same number, not a second act.
	if again := v.post(ap+"/submit", sent, http.StatusOK); again.text(".big-number") != number {
		t.Errorf("sent twice: %q, then %q", number, again.text(".big-number"))
	}

	tanaka, suzuki := w.as(t, "tanaka"), w.as(t, "suzuki")
	if !strings.Contains(tanaka.get("/portal", http.StatusOK).text(".rows"), number) {
		t.Error("not in the queue")
	}
	p = tanaka.get(ap, http.StatusOK)
	p = tanaka.send(p, ap+"/ask", map[string]string{"ask[0].field": "product.name", "ask[0].text": "正式な名称ですか"}, http.StatusOK)
	p = v.get(ap, http.StatusOK)
	v.send(p, ap+"/answers", map[string]string{"answer[0].text": "はい、正式な名称に直しました"}, http.StatusOK)
	p = v.get(at, http.StatusOK)
	v.send(p, at, map[string]string{"product.name": "見守りカメラ HC"}, http.StatusOK)
	p = v.get(ap+"/check", http.StatusOK)
	v.send(p, ap+"/submit", nil, http.StatusOK)
	p = tanaka.get(ap, http.StatusOK)
	if got := p.text(".table"); !strings.Contains(got, "見守りカメラ HC") {
		t.Errorf("differences: %q", got)
	}
	p = tanaka.send(p, ap+"/accept", nil, http.StatusOK)
	p = tanaka.send(p, ap+"/propose-grant", map[string]string{"reason": "整っています"}, http.StatusOK)
	if p.Find(`form[action="`+ap+`/grant"] button`).Length() != 0 || p.text(`form[action="`+ap+`/grant"] .why-not`) == "" {
		t.Error("the proposer sees a button to grant, or no reason why not")
	}
	f := p.form(ap + "/grant")
	tanaka.post(ap+"/grant", f, http.StatusForbidden)
	twin := w.visitor(t)
	twin.post("/sign-in/demo", url.Values{"login": {"tanaka-2@example.jp"}}, http.StatusOK)
	twin.post(ap+"/grant", f, http.StatusForbidden)
	p = suzuki.get(ap, http.StatusOK)
	p = suzuki.send(p, ap+"/grant", nil, http.StatusOK)
	if !strings.HasPrefix(p.Path, "/portal/labels/") || !strings.Contains(p.text(".pairs"), "HS1-2026-00001") {
		t.Errorf("label: %s %s", p.Path, p.text("main"))
	}
	label := strings.SplitN(p.Path, "?", 2)[0]
	p = v.get(label, http.StatusOK)
	p = v.send(p, label+"/report-change", map[string]string{"change.what": "無線モジュールの変更"}, http.StatusUnprocessableEntity)
	if p.Find(`[id="change.what"]`).Text() != "無線モジュールの変更" {
		t.Error("the text of the change report is lost")
	}
	p = v.send(p, label+"/report-change", map[string]string{"change.sure": "yes"}, http.StatusOK)
	if !strings.Contains(p.text(".badge"), "失効") {
		t.Errorf("status: %s", p.text(".badge"))
	}
}

// Two windows: the second to save reads both values and loses nothing.
func TestTwoWindows(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	v, at := w.as(t, "hoshino"), "/portal/products/"+x.product
	one, two := v.get(at, http.StatusOK), v.get(at, http.StatusOK)
	v.send(one, at, map[string]string{"product.name": "一つ目の窓"}, http.StatusOK)
	p := v.send(two, at, map[string]string{"product.name": "二つ目の窓", "product.notes": "長い文章"}, http.StatusConflict)
	row := p.text(".banner-warn tbody")
	if !strings.Contains(row, "一つ目の窓") || !strings.Contains(row, "二つ目の窓") {
		t.Errorf("both values: %q", row)
	}
	if p.Find(`[id="product.name"]`).AttrOr("value", "") != "二つ目の窓" || p.Find(`[id="product.notes"]`).Text() != "長い文章" {
		t.Error("what was typed is lost")
	}
	p = v.send(p, at, nil, http.StatusOK)
	if p.Find(`[id="product.name"]`).AttrOr("value", "") != "二つ目の窓" {
		t.Error("the second save did not take")
	}
}

// Whose sign-in has run out gets the form back filled in, after signing in as
// the same account; nobody else does.
func TestExpiredSignInLosesNothing(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	v, at := w.as(t, "hoshino"), "/portal/evaluations/"+x.emptyEvaluation
	form := v.get(at, http.StatusOK)
	w.clock.Advance(time.Hour)
	p := v.send(form, at, map[string]string{"answers.S1.1-04.justification": "三時間かけて書いた文章", "answers.S1.1-04.result": "conforms"}, http.StatusOK)
	if !strings.HasPrefix(p.Path, "/sign-in?") || !strings.Contains(p.text(".banner-info"), "預かって") {
		t.Fatalf("%s: %s", p.Path, p.text("main"))
	}
	next := p.Find(`form[action="/sign-in"] input[name=next]`).AttrOr("value", "")
	// Another person at the same machine does not see it.
	v.post("/sign-in/demo", url.Values{"login": {"tsukino@example.jp"}}, http.StatusOK)
	if p := v.get("/portal", http.StatusOK); strings.Contains(p.HTML, "三時間") {
		t.Error("another account sees the kept form")
	}
	v.get(at, http.StatusNotFound)
	v.post("/sign-out", nil, http.StatusOK)

	p = v.post("/sign-in/demo", url.Values{"login": {"hoshino@example.jp"}, "next": {next}}, http.StatusOK)
	if p.Path != at {
		t.Fatalf("leads to %s, want %s", p.Path, at)
	}
	if got := p.Find(`[id="answers.S1.1-04.justification"]`).Text(); got != "三時間かけて書いた文章" {
		t.Fatalf("the text is lost: %q", got)
	}
	if p.Find(`input[name="answers.S1.1-04.result"][value=conforms][checked]`).Length() != 1 {
		t.Error("the choice is lost")
	}
	p = v.send(p, at, nil, http.StatusOK)
	if p = v.get(at, http.StatusOK); p.Find(".banner-info form").Length() != 0 {
		t.Error("the kept form is still offered after it was saved")
	}
	if got := p.Find(`[id="answers.S1.1-04.justification"]`).Text(); got != "三時間かけて書いた文章" {
		t.Errorf("saved: %q", got)
	}
}

func (v *visitor) upload(path string, body io.Reader, kind string, length int64, want int) *page {
	v.t.Helper()
	req, err := http.NewRequest("POST", v.base+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if length > 0 {
		req.ContentLength = length
	}
	resp, err := v.client.Do(req)
	return v.read(resp, err, want)
}

// unread is a body of zeros that knows how much of it was never read.
type unread struct{ left int64 }

func (u *unread) Read(p []byte) (int, error) {
	if u.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), u.left)
	u.left -= n
	return int(n), nil
}

// A file over the limit is refused before it is read; a missing or a refused one
// is explained at the field.
func TestBundleUpload(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	v, at := w.as(t, "hoshino"), "/portal/evaluations/"+x.emptyEvaluation+"/bundle"
	u := &unread{1 << 30}
	p := v.upload(at, u, "multipart/form-data; boundary=x", 1<<30, http.StatusRequestEntityTooLarge)
	if u.left < 1<<29 {
		t.Errorf("%d bytes were read", 1<<30-u.left)
	}
	if !strings.Contains(p.text(".banner-error"), "1.0 MiB") {
		t.Errorf("the limit is not stated: %s", p.text(".banner-error"))
	}
	send := func(content string, want int) *page {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		if content != "" {
			f, err := m.CreateFormFile("evaluation.bundle", "run.hoshi")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(f, content); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		return v.upload(at, &b, m.FormDataContentType(), 0, want)
	}
	if p := send("", http.StatusUnprocessableEntity); p.text(`[id="evaluation.bundle-error"]`) == "" {
		t.Errorf("no file: %s", p.text("main"))
	}
	w.Bundle = nil
	if p := send("forged", http.StatusUnprocessableEntity); p.text(".banner-error") == "" {
		t.Error("a refused bundle is not explained")
	}
}

// The production server has no one-click sign-in: no route, no button.
func TestNoDemoInProduction(t *testing.T) {
	w := newWorld(t, false)
	v := w.visitor(t)
	if p := v.get("/sign-in", http.StatusOK); strings.Contains(p.HTML, "/sign-in/demo") {
		t.Error("a demo button")
	}
	v.post("/sign-in/demo", url.Values{"login": {"hoshino@example.jp"}}, http.StatusNotFound)
	if p := v.get("/portal", http.StatusOK); !strings.HasPrefix(p.Path, "/sign-in") {
		t.Error("signed in")
	}
}

// Sign-up, authenticator app, sign-out, sign-in with the next code.
func TestSignUpAndIn(t *testing.T) {
	w := newWorld(t, false)
	v := w.visitor(t)
	p := v.get("/sign-up", http.StatusOK)
	p = v.send(p, "/sign-up", map[string]string{"name": "新 人", "login": "Shin@Example.jp", "password": "short"}, http.StatusUnprocessableEntity)
	if p.Find(`.banner-error a[href="#password"]`).Length() != 1 || strings.Contains(p.HTML, "short\"") {
		t.Error("the short password is not explained, or comes back")
	}
	const password = "長い合い言葉 で す 12"
	v.send(p, "/sign-up", map[string]string{"password": password}, http.StatusOK)
	p = v.get("/sign-in?next=/portal/account", http.StatusOK)
	p = v.send(p, "/sign-in", map[string]string{"login": "shin@example.jp", "password": "wrong wrong wrong"}, http.StatusUnprocessableEntity)
	p = v.send(p, "/sign-in", map[string]string{"password": password}, http.StatusOK)
	secret := strings.ReplaceAll(p.text("code"), " ", "")
	code := func() string { return must[string](t)(auth.TOTPCode(secret, w.clock.Now())) }
	p = v.send(p, "/sign-in/app", map[string]string{"code": "000000"}, http.StatusUnprocessableEntity)
	first := code()
	p = v.send(p, "/sign-in/app", map[string]string{"code": first}, http.StatusOK)
	if p.Path != "/portal/account" {
		t.Fatalf("leads to %s", p.Path)
	}
	v.post("/sign-out", nil, http.StatusOK)
	p = v.get("/sign-in?next=//evil.example/", http.StatusOK)
	p = v.send(p, "/sign-in", map[string]string{"login": "shin@example.jp", "password": password}, http.StatusOK)
	p = v.send(p, "/sign-in/code", map[string]string{"code": first}, http.StatusUnprocessableEntity)
	w.clock.Advance(31 * time.Second)
	p = v.send(p, "/sign-in/code", map[string]string{"code": code()}, http.StatusOK)
	if p.Path != "/portal" {
		t.Errorf("leads to %s", p.Path)
	}
}

// A person in two organisations chooses for which to act; a role that has just
// ended gives nothing, also in the middle of a form.
func TestRoles(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	err := w.DB.Update(t.Context(), func(tx *store.Tx) error {
		return store.InsertMembership(t.Context(), tx, scheme.Membership{ID: "second", AccountID: "hoshino", OrganisationID: "lab", Role: scheme.Evaluator, From: tx.At})
	})
	if err != nil {
		t.Fatal(err)
	}
	v := w.as(t, "hoshino")
	p := v.get("/portal/account", http.StatusOK)
	p = v.send(p, "/portal/account/act", map[string]string{"membership": "second"}, http.StatusOK)
	if !strings.Contains(p.text(".acting"), "評価研究所") {
		t.Errorf("acting: %s", p.text(".acting"))
	}
	v.get("/portal/products/"+x.product, http.StatusNotFound)
	sign := "/portal/evaluations/" + x.given + "/sign"
	p = v.get(sign, http.StatusOK)
	form := p.form(sign)
	err = w.DB.Update(t.Context(), func(tx *store.Tx) error { return store.EndMembership(t.Context(), tx, "second") })
	if err != nil {
		t.Fatal(err)
	}
	form.Set("evaluation.sworn", "yes")
	form.Set("evaluation.qualification", "登録セキスペ 第000001号")
	if p := v.post(sign, form, http.StatusForbidden); !strings.Contains(p.text("main details"), "第000001号") {
		t.Errorf("what was typed is lost: %s", p.text("main"))
	}
	v.post("/portal/account/act", url.Values{"membership": {"m-tanaka"}}, http.StatusForbidden)
}

// The evaluator to whom an evaluation was given signs it; a later change voids
// the signature, and the page says so.
func TestEvaluatorSigns(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	v, at := w.as(t, "kensa"), "/portal/evaluations/"+x.given
	p := v.get(at+"/sign", http.StatusOK)
	if p.Find(".checklist > li").Length() != len(must[*criteria.Edition](t)(criteria.Builtin(editionID)).Criteria) {
		t.Error("the signer does not see the whole checklist")
	}
	p = v.send(p, at+"/sign", map[string]string{"evaluation.sworn": "yes"}, http.StatusOK)
	if !strings.Contains(p.text("main .banner-done"), "Name kensa") {
		t.Errorf("after signing: %s", p.text("main"))
	}
	hoshino := w.as(t, "hoshino")
	q := hoshino.get(at, http.StatusOK)
	hoshino.send(q, at, map[string]string{"answers.S1.1-01.justification": "あとから変えました"}, http.StatusOK)
	p = v.get(at+"/sign", http.StatusOK)
	if !strings.Contains(p.text("main .banner-warn"), "もう一度署名") {
		t.Errorf("after a change: %s", p.text("main"))
	}
}
