package web

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"hoshi/internal/testkit"
)

// Every page in a real browser: no accessibility fault that axe-core knows and no
// sideways scrolling. In the short run each page is seen in Japanese on a desk
// and in English on a phone; with HOSHI_SHOTS in all four ways, with pictures.
func TestPagesInBrowser(t *testing.T) {
	w := newWorld(t, true)
	w.site.Options.Demo = append(w.site.Options.Demo, DemoPerson{Login: "newcomer@example.jp", Name: text("web.role.public"), What: text("web.portal.first")})
	pages := w.things(t).pagesOf()
	b := testkit.NewBrowser(t)
	all := os.Getenv("HOSHI_SHOTS") != ""
	for _, name := range []string{"", "newcomer", "hoshino", "kensa", "tanaka", "suzuki"} {
		p := b.Private(testkit.Desktop)
		if name != "" {
			p.Go(w.srv.URL + "/sign-in")
			p.Submit(`form:has(input[value="` + name + `@example.jp"]) button`)
		}
		for _, path := range pages[name] {
			look := func(lang string, screen testkit.Screen) {
				p.Resize(screen)
				at := path + "?lang=" + lang
				if strings.Contains(path, "?") {
					at = path + "&lang=" + lang
				}
				if status := p.Go(w.srv.URL + at); status != http.StatusOK {
					t.Fatalf("%s: status %d", at, status)
				}
				p.Axe()
				if all {
					p.Shot(shotName(name, path) + "-" + lang)
				}
			}
			look("ja", testkit.Desktop)
			if all {
				look("en", testkit.Desktop)
				look("ja", testkit.Phone)
			}
			look("en", testkit.Phone)
		}
	}
}

func shotName(who, path string) string {
	clean := strings.NewReplacer("/", "_", "?", "_", "&", "_", "=", "_").Replace(strings.Trim(path, "/"))
	return strings.Trim(who+"-"+clean, "-")
}
