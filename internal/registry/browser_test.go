package registry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hoshi/internal/i18n"
	"hoshi/internal/ledger"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/testkit"
)

// Every public page in a real browser: no fault that axe-core finds, nothing wider
// than a phone, and everything readable without scripts.
func TestPublicPagesInABrowser(t *testing.T) {
	b := lite(t)
	p := camera
	p.hideManufacturer = true
	valid, revoked := b.grant(p), b.grant(camera)
	b.run()
	b.end(revoked, scheme.LabelRevoked, ledger.LabelRevoked, "申請の内容が事実と異なりました")
	b.run()
	site := httptest.NewServer(b.site.Handler())
	defer site.Close()
	browser := testkit.NewBrowser(t)
	for _, screen := range []testkit.Screen{testkit.Phone, testkit.Desktop} {
		page := browser.Open(screen)
		for _, lang := range i18n.Langs {
			for _, path := range []string{registry.LabelPath(string(valid), lang), registry.LabelPath(string(revoked), lang)} {
				if status := page.Go(site.URL + path); status != http.StatusOK {
					t.Errorf("%s: %d", path, status)
				}
				page.Axe()
			}
		}
		for path, want := range map[string]int64{"/list": 200, "/list.en": 200, "/list?q=HX": 200, "/list?q=nothing": 200, "/L/ZZZZ": 404} {
			if status := page.Go(site.URL + path); status != want {
				t.Errorf("%s: %d", path, status)
			}
			page.Axe()
		}
		page.Go(site.URL + "/L/" + string(valid))
		page.Shot("public-valid")
		page.Go(site.URL + "/L/" + string(revoked))
		page.Shot("public-revoked")
	}
}

// The script adds one thing only: that a copy past its expiry is old. The bench's
// clock decides what the copy says; the browser's is the real one.
func TestOldCopySaysSo(t *testing.T) {
	browser := testkit.NewBrowser(t)
	for _, c := range []struct {
		at  time.Time
		old bool
	}{{time.Now().AddDate(0, 0, 30), false}, {time.Date(2020, 1, 15, 3, 0, 0, 0, time.UTC), true}} {
		b := lite(t)
		b.clock.Advance(c.at.Sub(b.clock.Now()))
		p := camera
		p.lastDay = scheme.DayIn(c.at, b.set.Location()).LastDay(24).String()
		id := b.grant(p)
		b.run()
		site := httptest.NewServer(b.site.Handler())
		defer site.Close()
		page := browser.Open(testkit.Phone)
		page.Go(site.URL + "/L/" + string(id))
		if hidden := testkit.Eval[bool](page, `document.getElementById("stale").hidden`); hidden == c.old {
			t.Errorf("a copy of %s: the note is hidden: %v", c.at, hidden)
		}
		page.NoScript(true)
		page.Go(site.URL + "/L/" + string(id))
		if s := page.Text("main"); !strings.Contains(s, "過ぎたら、開き直して") || !strings.Contains(s, "HX-100") {
			t.Error("without scripts the page does not say until when it holds")
		}
	}
}
