package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"hoshi/internal/auth"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/criteria"
	"hoshi/internal/i18n"
	"hoshi/internal/store"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/testkit"
)

const editionID = "star1-2024r1-reconstructed"

// world is a portal in service over a real database, with the real edition.
type world struct {
	*caseworktest.World
	site  *site
	auth  *auth.Service
	srv   *httptest.Server
	clock *testkit.Clock
}

func newWorld(t *testing.T, demo bool) *world {
	t.Helper()
	clock := testkit.NewClock(caseworktest.Start)
	db, err := store.Open(t.Context(), sqlite.Engine{Path: filepath.Join(t.TempDir(), "hoshi.db")}, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{World: caseworktest.New(t, db, clock, 1), clock: clock}
	w.Editions = criteria.Builtin
	w.Settings.Levels[0].Editions = []string{editionID}
	o := auth.Options{DB: db, Now: clock.Now, Rand: caseworktest.Rand(2), Issuer: "Hoshi"}
	w.auth = auth.New(o)
	if demo {
		w.auth = auth.NewDemo(o)
	}
	person := func(login, ja, en string) DemoPerson {
		return DemoPerson{login + "@example.jp", i18n.Text{JA: ja, EN: en}, i18n.Text{JA: "試すこと", EN: "What to try"}}
	}
	w.site, err = newSite(Options{Casework: w.Service, Auth: w.auth, Settings: w.Settings, Now: clock.Now, Rand: caseworktest.Rand(3),
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
		Demo: []DemoPerson{person("hoshino", "星野さん（申請者）", "Hoshino (applicant)"), person("kensa", "検査さん（評価者）", "Kensa (evaluator)"),
			person("tanaka", "田中さん（審査担当者）", "Tanaka (officer)"), person("suzuki", "鈴木さん（別の審査担当者）", "Suzuki (another officer)")}})
	if err != nil {
		t.Fatal(err)
	}
	w.srv = httptest.NewServer(w.site.handler())
	t.Cleanup(w.srv.Close)
	return w
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// visitor is somebody with a browser of their own, without JavaScript.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
}

func (w *world) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, w.srv.URL, &http.Client{Jar: jar}}
}

// as is a visitor who has signed in by the demo's button.
func (w *world) as(t *testing.T, name string) *visitor {
	t.Helper()
	v := w.visitor(t)
	v.post("/sign-in/demo", url.Values{"login": {name + "@example.jp"}}, http.StatusOK)
	return v
}

// page is an answer.
type page struct {
	t *testing.T
	*goquery.Document
	Status int
	Path   string
	Header http.Header
	HTML   string
}

func (v *visitor) read(resp *http.Response, err error, want int) *page {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(b)))
	if err != nil {
		v.t.Fatal(err)
	}
	p := &page{v.t, doc, resp.StatusCode, resp.Request.URL.RequestURI(), resp.Header, string(b)}
	if resp.StatusCode != want {
		v.t.Fatalf("%s %s: status %d, want %d: %s", resp.Request.Method, p.Path, resp.StatusCode, want, p.text("main"))
	}
	if strings.Contains(p.HTML, "[web.") || strings.Contains(p.HTML, "[casework.") || strings.Contains(p.HTML, "[formcheck.") || strings.Contains(p.HTML, "[auth.") || strings.Contains(p.HTML, "ZgotmplZ") {
		v.t.Errorf("%s: a sentence is missing: %s", p.Path, missing.FindString(p.HTML))
	}
	return p
}

func (v *visitor) get(path string, want int) *page {
	v.t.Helper()
	resp, err := v.client.Get(v.base + path)
	return v.read(resp, err, want)
}

func (v *visitor) post(path string, form url.Values, want int) *page {
	v.t.Helper()
	req, err := http.NewRequest("POST", v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := v.client.Do(req)
	return v.read(resp, err, want)
}

func (p *page) text(css string) string {
	return strings.Join(strings.Fields(p.Find(css).Text()), " ")
}

// form collects what a browser would send of the form with the action.
func (p *page) form(action string) url.Values {
	p.t.Helper()
	f := p.Find(`form[action="` + action + `"]`).First()
	if f.Length() == 0 {
		p.t.Fatalf("%s: no form to %s", p.Path, action)
	}
	out := url.Values{}
	f.Find("input, textarea, select").Each(func(_ int, s *goquery.Selection) {
		name, _ := s.Attr("name")
		if name == "" {
			return
		}
		_, checked := s.Attr("checked")
		kind := s.AttrOr("type", "")
		switch {
		case goquery.NodeName(s) == "textarea":
			out.Set(name, s.Text())
		case goquery.NodeName(s) == "select":
			o := s.Find("option[selected]")
			if o.Length() == 0 {
				o = s.Find("option").First()
			}
			out.Set(name, o.AttrOr("value", ""))
		case kind == "radio" || kind == "checkbox":
			if checked {
				out.Set(name, s.AttrOr("value", "on"))
			}
		case kind != "file":
			out.Set(name, s.AttrOr("value", ""))
		}
	})
	return out
}

// send sends the form back with changes.
func (v *visitor) send(p *page, action string, changes map[string]string, want int) *page {
	v.t.Helper()
	f := p.form(action)
	for k, x := range changes {
		f.Set(k, x)
	}
	return v.post(action, f, want)
}

// text is a sentence of the catalogue in both languages.
func text(key string) i18n.Text { return i18n.Text{JA: i18n.JA.T(key), EN: i18n.EN.T(key)} }
