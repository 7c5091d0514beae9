package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"hoshi/internal/casework"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/criteria"
	"hoshi/internal/fact"
	"hoshi/internal/i18n"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
)

var missing = regexp.MustCompile(`.{0,80}(\[(web|casework|formcheck|auth)\.[^\]]*\]|ZgotmplZ).{0,40}`)

// things is one of everything, for pages to show.
type things struct {
	product, emptyProduct       string
	evaluation, emptyEvaluation string
	given                       string // given to the laboratory
	draft, returned, submitted  string
	proposed, granted           string
	label, revoking             string
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// complete makes an evaluation of a clean product against the real edition.
func (w *world) complete(t *testing.T) scheme.Evaluation {
	t.Helper()
	ctx := context.Background()
	p := must[scheme.Product](t)(w.CreateProduct(ctx, w.Vendor, caseworktest.Product(), ""))
	e := must[scheme.Evaluation](t)(w.CreateEvaluation(ctx, w.Vendor, p.ID, editionID, ""))
	caseworktest.Fill(&e)
	return must[scheme.Evaluation](t)(w.SaveEvaluation(ctx, w.Vendor, e))
}

func (w *world) draft(t *testing.T) scheme.Application {
	t.Helper()
	ctx := context.Background()
	a := must[scheme.Application](t)(w.CreateApplication(ctx, w.Vendor, w.complete(t).ID, ""))
	return must[scheme.Application](t)(w.SaveApplication(ctx, w.Vendor, a.ID, a.Version, caseworktest.Form()))
}

// attach gives an evaluation a bundle with a verdict of every outcome.
func (w *world) attach(t *testing.T, e scheme.Evaluation) {
	t.Helper()
	ctx := context.Background()
	key := must[scheme.SigningKey](t)(w.EnrolKey(ctx, w.Vendor, "試験室 1", caseworktest.Key(t, 7)))
	w.sealed(t, key.ID)
	if _, _, err := w.AttachBundle(ctx, w.Vendor, e.ID, "run.hoshi", 5, strings.NewReader("12345"), true); err != nil {
		t.Fatal(err)
	}
}

// sealed makes the next bundle one with a verdict of every outcome.
func (w *world) sealed(t *testing.T, keyID string) {
	t.Helper()
	ed := must[*criteria.Edition](t)(criteria.Builtin(editionID))
	w.Bundle = &casework.Sealed{KeyID: keyID, Product: "見守りカメラ", Models: []string{"HC-100"}, Edition: ed.Digest(),
		Started: caseworktest.Start, Tool: "hoshi 0.1", Facts: fact.Set{{Name: "tcp.open", Subject: "tcp/23", Value: map[string]any{"open": true}, Origin: fact.Observed}}}
	for i, c := range ed.Criteria {
		o := criteria.Outcomes[i%len(criteria.Outcomes)]
		w.Bundle.Verdicts = append(w.Bundle.Verdicts, criteria.Verdict{Criterion: c.ID, Outcome: o, Rule: "R-01-1",
			Asked: i18n.Text{JA: "すべてのポートを調べました。", EN: "All ports were examined."}, Seen: i18n.Text{JA: "23 番ポートが開いています。", EN: "Port 23 is open."},
			RuleText: i18n.Text{JA: "申告にないポートは不要とみなす。", EN: "An undeclared port is unneeded."}, Now: i18n.Text{JA: "閉じてください。", EN: "Close it."}, Facts: []string{"tcp.open[tcp/23]"}, Missing: []string{"tls.coverage"}})
	}
}

func (w *world) things(t *testing.T) things {
	t.Helper()
	ctx := context.Background()
	var x things
	empty := must[scheme.Product](t)(w.CreateProduct(ctx, w.Vendor, scheme.Product{}, ""))
	x.emptyProduct = empty.ID
	e := must[scheme.Evaluation](t)(w.CreateEvaluation(ctx, w.Vendor, empty.ID, editionID, ""))
	x.emptyEvaluation = e.ID
	full := w.complete(t)
	x.product, x.evaluation = full.ProductID, full.ID
	w.attach(t, full)
	given := w.complete(t)
	given.Class, given.EvaluatorOrgID = scheme.ClassVerification, w.Lab.OrganisationID
	given.Handover = scheme.Handover{Day: scheme.NewDay(2026, 11, 20), Documents: "設計書"}
	must[scheme.Evaluation](t)(w.SaveEvaluation(ctx, w.Vendor, given))
	x.given = given.ID

	x.draft = w.draft(t).ID
	to := func(state scheme.ApplicationState) scheme.Application {
		ok := must[scheme.Application](t)
		a := w.draft(t)
		a = ok(w.Submit(ctx, w.Vendor, a.ID, a.Version, ""))
		if state == scheme.ApplicationSubmitted {
			return a
		}
		if state == scheme.ApplicationReturned {
			return ok(w.Ask(ctx, w.Officer, a.ID, a.Version, []scheme.Comment{{Field: "product.name", Text: "正式な名称ですか"}}, ""))
		}
		a = ok(w.Accept(ctx, w.Officer, a.ID, a.Version, ""))
		a = ok(w.ProposeGrant(ctx, w.Officer, a.ID, a.Version, "整っています", ""))
		return a
	}
	x.returned, x.submitted, x.proposed = to(scheme.ApplicationReturned).ID, to(scheme.ApplicationSubmitted).ID, to(scheme.ApplicationProposed).ID
	grant := func() (string, string) {
		a := to(scheme.ApplicationProposed)
		return a.ID, must[scheme.Label](t)(w.Grant(ctx, w.Second, a.ID, a.Version, "")).ID
	}
	x.granted, x.label = grant()
	_, x.revoking = grant()
	must[scheme.Revocation](t)(w.ProposeRevocation(ctx, w.Officer, x.revoking, scheme.GroundNotConforming, "基準を満たさなくなったため", ""))
	return x
}

// pagesOf lists every page by the person who may see it.
func (x things) pagesOf() map[string][]string {
	const p = "/portal"
	e, a, r, l := p+"/evaluations/", p+"/applications/", p+"/products/", p+"/labels/"
	vendor := []string{p, p + "/account", p + "/organisation", p + "/keys", p + "/products", r + "new", r + x.product, r + x.emptyProduct, r + x.product + "/scope",
		r + x.emptyProduct + "/scope", p + "/applications", p + "/labels"}
	for _, id := range []string{x.evaluation, x.emptyEvaluation, x.given} {
		vendor = append(vendor, e+id, e+id+"/bundle", e+id+"/evaluator", e+id+"/sign")
	}
	for _, id := range []string{x.draft, x.returned, x.submitted, x.proposed, x.granted} {
		vendor = append(vendor, a+id, a+id+"/check")
	}
	vendor = append(vendor, a+x.granted+"/submitted", l+x.label, l+x.revoking)
	return map[string][]string{
		"":         {"/", "/scope", "/scope?usesIp=yes&internet=no&asked=internet", "/scope?usesIp=yes&internet=yes&userCanAdd=no", "/scope?usesIp=no", "/sign-in", "/sign-up"},
		"hoshino":  vendor,
		"newcomer": {p, p + "/organisation", p + "/account"},
		"kensa":    {p, p + "/keys", e + x.given, e + x.given + "/sign", e + x.given + "/bundle", e + x.given + "/evaluator", p + "/account"},
		"tanaka":   {p, a + x.submitted, a + x.returned, a + x.proposed, a + x.granted, p + "/labels", l + x.label, l + x.revoking},
		"suzuki":   {p, a + x.proposed, l + x.revoking},
	}
}

// Every page, filled and empty, says everything in both languages.
func TestPagesInBothLanguages(t *testing.T) {
	w := newWorld(t, true)
	pages := w.things(t).pagesOf()
	for name, paths := range pages {
		t.Run("as "+name, func(t *testing.T) {
			v := w.visitor(t)
			if name != "" {
				v = w.as(t, name)
			}
			for _, lang := range i18n.Langs {
				v.get("/?lang="+string(lang), http.StatusOK)
				for _, path := range paths {
					p := v.get(path, http.StatusOK)
					if p.Path != path {
						t.Errorf("%s leads to %s", path, p.Path)
					}
					if got := p.Find("html").AttrOr("lang", ""); got != string(lang) {
						t.Errorf("%s: language %q, want %q", path, got, lang)
					}
					if p.Find("h1").Length() != 1 || p.text("h1") == "" {
						t.Errorf("%s: %d headings of the first level", path, p.Find("h1").Length())
					}
					if !strings.Contains(p.text(".notice"), w.Settings.Notice.In(lang)) {
						t.Errorf("%s: the notice on the sample scheme is missing", path)
					}
					if lang == i18n.EN {
						kana := regexp.MustCompile(`[ぁ-ん]{3,}`)
						main := p.Find("main").Clone()
						main.Find("dd, textarea, .pre, .rows strong, h1, .facts, .crumbs, .checklist, option").Remove()
						if s := kana.FindString(main.Text()); s != "" && !strings.Contains(path, "/evaluations/") {
							t.Errorf("%s: Japanese in the English page: %s", path, s)
						}
					}
					ids := map[string]bool{}
					p.Find("[id]").Each(func(_ int, s *goquery.Selection) {
						id := s.AttrOr("id", "")
						if ids[id] {
							t.Errorf("%s: the id %q twice", path, id)
						}
						ids[id] = true
					})
				}
			}
		})
	}
}

// An edition that is a reconstruction says so on every page that shows it.
func TestReconstructionNotice(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	ed := must[*criteria.Edition](t)(criteria.Builtin(editionID))
	for name, paths := range map[string][]string{
		"hoshino": {"/portal/evaluations/" + x.evaluation, "/portal/evaluations/" + x.given + "/sign", "/portal/applications/" + x.draft},
		"kensa":   {"/portal/evaluations/" + x.given}, "tanaka": {"/portal/applications/" + x.submitted},
	} {
		v := w.as(t, name)
		for _, path := range paths {
			if p := v.get(path, http.StatusOK); !strings.Contains(p.HTML, ed.Notice().JA[:30]) {
				t.Errorf("%s does not say that the edition is a reconstruction", path)
			}
		}
	}
}

// A criterion shows its mark, the verdict with rule, reason and facts, and the choice.
func TestEvaluationPage(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	p := w.as(t, "hoshino").get("/portal/evaluations/"+x.evaluation, http.StatusOK)
	if n := p.Find(".criterion").Length(); n != 16 {
		t.Fatalf("%d criteria", n)
	}
	for _, want := range []string{"S1.1-01", "R-01-1", "23 番ポート", "tcp.open[tcp/23]", "tls.coverage"} {
		if !strings.Contains(p.text(`[id="answers.S1.1-01"]`), want) {
			t.Errorf("the first criterion does not show %q", want)
		}
	}
	p.Find(".criterion").Each(func(_ int, s *goquery.Selection) {
		if s.Find(".mark").Length() == 0 || s.Find("details").Length() == 0 || s.Find("input[type=radio]").Length() < 2 {
			t.Errorf("%s: mark, guidance or choice missing", s.AttrOr("id", ""))
		}
	})
	if got := p.text(".save-progress"); !strings.Contains(got, "16 項目中 16 項目") {
		t.Errorf("progress: %q", got)
	}
}

// Officers see the digest of a bundle and no way to open it.
func TestOfficersCannotOpenEvidence(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	v := w.as(t, "tanaka")
	v.get("/portal/evaluations/"+x.evaluation, http.StatusForbidden)
	v.get("/portal/evaluations/"+x.evaluation+"/evidence?digest=sha256:00", http.StatusForbidden)
	if p := v.get("/portal/applications/"+x.submitted, http.StatusOK); strings.Contains(p.HTML, "/evidence") {
		t.Error("a link to evidence on the officer's page")
	}
	w.as(t, "tsukino").get("/portal/evaluations/"+x.evaluation, http.StatusNotFound)
}

// The route list is the whole truth about who may ask: public by name, about
// oneself, or by an action that the policy knows.
func TestRoutesHaveDecision(t *testing.T) {
	w := newWorld(t, true)
	public := []string{"GET /{$}", "GET /scope", "GET /sign-in", "POST /sign-in", "GET /sign-in/code", "POST /sign-in/code", "GET /sign-in/app", "POST /sign-in/app",
		"GET /sign-up", "POST /sign-up", "POST /sign-out", "POST /sign-in/demo"}
	known := map[policy.Action]bool{}
	for _, r := range policy.Table {
		known[r.Action] = true
	}
	used := map[policy.Action]bool{}
	for _, r := range w.site.routes {
		switch r.access {
		case open:
			if !slices.Contains(public, r.pattern) {
				t.Errorf("%s is open and not on the public list", r.pattern)
			}
		case self:
		case byPolicy:
			if len(r.needs) == 0 {
				t.Errorf("%s asks the policy for nothing", r.pattern)
			}
			for _, a := range r.needs {
				used[a] = true
				if !known[a] {
					t.Errorf("%s needs %q, which no rule allows anybody", r.pattern, a)
				}
			}
		default:
			t.Errorf("%s has no decision", r.pattern)
		}
		if strings.HasPrefix(r.pattern, "POST ") && r.at == "" {
			t.Errorf("%s does not say where its form stands", r.pattern)
		}
	}
	for _, r := range policy.Table {
		if r.Role != scheme.System && !used[r.Action] && r.Action != policy.QueueView && r.Action != policy.RevocationView && r.Action != "label.revoke" {
			t.Errorf("no route for %s", r.Action)
		}
	}
}

// Without a sign-in, no page but the public ones answers; with the wrong role neither.
func TestNobodyGetsIn(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	nobody := w.visitor(t)
	for name, paths := range x.pagesOf() {
		for _, path := range paths {
			if name == "" {
				continue
			}
			if p := nobody.get(path, http.StatusOK); !strings.HasPrefix(p.Path, "/sign-in?") {
				t.Errorf("%s answers nobody with %s", path, p.Path)
			}
		}
	}
	rival := w.as(t, "tsukino")
	for _, path := range x.pagesOf()["hoshino"] {
		if strings.Contains(path, x.product) || strings.Contains(path, x.evaluation) || strings.Contains(path, x.draft) || strings.Contains(path, x.label) {
			rival.get(path, http.StatusNotFound)
		}
	}
}

// Headers of every answer.
func TestHeaders(t *testing.T) {
	w := newWorld(t, true)
	p := w.visitor(t).get("/", http.StatusOK)
	csp := p.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy: %q", csp)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store"} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if p.Find("script:not([src])").Length()+p.Find("[style]").Length()+p.Find("style").Length() != 0 {
		t.Error("inline script or style")
	}
}

// A form sent from another site changes nothing.
func TestCrossOriginIsRefused(t *testing.T) {
	w := newWorld(t, true)
	v := w.as(t, "hoshino")
	req, err := http.NewRequest("POST", w.srv.URL+"/portal/products/new", strings.NewReader(url.Values{"product.name": {"x"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", resp.StatusCode)
	}
	if n := len(must[[]scheme.Product](t)(w.Products(t.Context(), w.Vendor))); n != 0 {
		t.Errorf("%d products", n)
	}
}

// Every template is executed with a page struct that holds nothing.
func TestTemplatesWithZeroData(t *testing.T) {
	w := newWorld(t, true)
	for name := range w.site.pages {
		f := &frame{Lang: i18n.JA, assets: w.site.assets, zone: w.Settings.Location()}
		ed := &criteria.Edition{}
		var data any
		switch name {
		case "error":
			data = errorPage{frame: f}
		case "home":
			data = homePage{frame: f}
		case "scope":
			data = scopeView{frame: f}
		case "sign_in", "code", "sign_up":
			data = signInView{frame: f}
		case "enrol":
			data = enrolView{frame: f}
		case "account":
			data = accountView{f}
		case "portal", "queue":
			data = portalView{frame: f}
		case "organisation":
			data = organisationView{frame: f}
		case "keys":
			data = keysView{frame: f}
		case "products":
			data = productListView{frame: f}
		case "product":
			data = productView{frame: f}
		case "evaluation":
			data = evaluationView{frame: f, EvaluationView: casework.EvaluationView{Edition: ed}}
		case "bundle":
			data = bundleView{frame: f, EvaluationView: casework.EvaluationView{Edition: ed}}
		case "evaluator":
			data = evaluatorView{frame: f, EvaluationView: casework.EvaluationView{Edition: ed}}
		case "sign":
			data = signView{frame: f, EvaluationView: casework.EvaluationView{Edition: ed}}
		case "applications":
			data = applicationListView{frame: f}
		case "application", "review":
			data = applicationView{frame: f, ApplicationView: casework.ApplicationView{Edition: ed}}
		case "check", "submitted":
			data = checkView{frame: f, ApplicationView: casework.ApplicationView{Edition: ed}}
		case "labels":
			data = labelListView{frame: f}
		case "label":
			data = labelView{frame: f}
		default:
			t.Errorf("%s: no page struct in this test", name)
			continue
		}
		var b strings.Builder
		if err := w.site.pages[name].ExecuteTemplate(&b, "layout", data); err != nil {
			t.Error(err)
		}
	}
}

// Every key that templates name is in the catalogue.
func TestTemplateKeys(t *testing.T) {
	names, err := files.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`\.T "([^"]+)"`)
	count := 0
	for _, n := range names {
		b, err := files.ReadFile("templates/" + n.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(b), -1) {
			count++
			if !i18n.Has(m[1]) {
				t.Errorf("%s: no sentence %q", n.Name(), m[1])
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d keys found", count)
	}
	for _, prefix := range []string{"web.state.", "web.turn.", "web.turn-officer.", "web.task.application."} {
		for _, s := range scheme.ApplicationStates {
			if !i18n.Has(prefix + string(s)) {
				t.Errorf("no sentence %s%s", prefix, s)
			}
		}
	}
	for _, d := range decisions {
		if !i18n.Has("web.act."+string(d.action)) || !i18n.Has("web.act-what."+string(d.action)) {
			t.Errorf("no sentence for %s", d.action)
		}
	}
	for _, k := range []string{"conforms", "not-applicable", "does-not-conform", "lifted", ""} {
		if !i18n.Has("web.result." + k) {
			t.Errorf("no sentence for the result %q", k)
		}
	}
	for _, s := range scheme.Statuses {
		if !i18n.Has(fmt.Sprint("web.status.", s)) {
			t.Errorf("no sentence for the status %s", s)
		}
	}
}
