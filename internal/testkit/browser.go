package testkit

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axe is the accessibility checker axe-core; its licence lies beside it.
//
//go:embed testdata/axe-core/axe.min.js
var axe string

// Screen is what a page is looked at on.
type Screen struct {
	Name          string
	Width, Height int64
	Mobile        bool
}

// The screens that pages are tested on.
var (
	Desktop = Screen{"desktop", 1280, 900, false}
	Phone   = Screen{"phone", 360, 740, true}
)

// Browser is a real Chromium with a profile of its own.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// pageTime bounds each step in the browser.
const pageTime = 30 * time.Second

// NewBrowser starts Chromium; the test fails when there is none. HOSHI_CHROMIUM
// names another binary.
func NewBrowser(t testing.TB) *Browser {
	t.Helper()
	path := os.Getenv("HOSHI_CHROMIUM")
	if path == "" {
		path = "/usr/bin/chromium"
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("a real Chromium is needed: install Debian's chromium, or name one in HOSHI_CHROMIUM: %v", err)
	}
	profile, err := os.MkdirTemp("", "hoshi-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-pings", true), chromedp.Flag("hide-scrollbars", true),
	)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		cancel()
		stop()
		// Children of the browser may still write for a moment; the system clears what stays.
		_ = os.RemoveAll(profile)
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return &Browser{t: t, ctx: ctx}
}

// Page is one window. Its cookies are shared with the browser's other windows.
type Page struct {
	t      testing.TB
	ctx    context.Context
	screen Screen
}

// Open opens a window of a screen's size.
func (b *Browser) Open(screen Screen) *Page {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	p := &Page{t: b.t, ctx: ctx, screen: screen}
	p.do("open")
	p.Resize(screen)
	return p
}

// Private opens a window with cookies of its own.
func (b *Browser) Private(screen Screen) *Page {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(cancel)
	p := &Page{t: b.t, ctx: ctx, screen: screen}
	p.do("open")
	p.Resize(screen)
	return p
}

// Resize makes the window one of another screen.
func (p *Page) Resize(screen Screen) {
	p.t.Helper()
	p.screen = screen
	var opts []chromedp.EmulateViewportOption
	if screen.Mobile {
		opts = append(opts, chromedp.EmulateMobile)
	}
	p.do("resize", chromedp.EmulateViewport(screen.Width, screen.Height, opts...))
}

// NoScript turns JavaScript of pages off, or on again.
func (p *Page) NoScript(off bool) {
	p.t.Helper()
	p.do("switch scripts", func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
		return chromedp.Void{}, err
	})
}

func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTime)
	if what == "open" {
		cancel()
		ctx, cancel = p.ctx, func() {} // the first run binds the window to its context
	}
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("browser: %s: %v", what, err)
	}
}

// Go opens an address and returns the HTTP status.
func (p *Page) Go(url string) int64 {
	p.t.Helper()
	return p.response("go to "+url, chromedp.Navigate(url))
}

// Submit clicks what leads to another page and returns that page's status.
func (p *Page) Submit(css string) int64 {
	p.t.Helper()
	return p.response("submit "+css, chromedp.Click(chromedp.CSS(css)))
}

func (p *Page) response(what string, step chromedp.Action[chromedp.Void]) int64 {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTime)
	defer cancel()
	resp, err := chromedp.RunResponse(ctx, step)
	if err != nil {
		p.t.Fatalf("browser: %s: %v\n%s", what, err, p.URL())
	}
	return resp.Status
}

// Click clicks what stays on the page.
func (p *Page) Click(css string) {
	p.t.Helper()
	p.do("click "+css, chromedp.Click(chromedp.CSS(css)))
}

// Fill replaces the text of a control, as pasting does.
func (p *Page) Fill(id, text string) {
	p.t.Helper()
	css := fmt.Sprintf("[id=%q]", id)
	fill := chromedp.QueryAfter(chromedp.CSS(css), func(ctx context.Context, t *chromedp.Target, nodes []*chromedp.Node) (chromedp.Void, error) {
		if len(nodes) == 0 {
			return chromedp.Void{}, fmt.Errorf("no %s", css)
		}
		if _, err := cdp.Call(ctx, t, dom.Focus, dom.FocusParams{NodeID: nodes[0].NodeID}); err != nil {
			return chromedp.Void{}, err
		}
		if _, err := chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl))(ctx, t); err != nil {
			return chromedp.Void{}, err
		}
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return chromedp.Void{}, err
	})
	p.do("fill "+id, fill)
}

// Choose picks an entry of a list by its value.
func (p *Page) Choose(id, value string) {
	p.t.Helper()
	css := fmt.Sprintf("[id=%q]", id)
	n := -1
	for i, v := range p.options(css) {
		if v == value {
			n = i
		}
	}
	if n < 0 {
		p.t.Fatalf("browser: %s has no entry %q", css, value)
	}
	keys := kb.Home + strings.Repeat(kb.ArrowDown, n)
	p.do("choose "+value, p.typing(css, keys))
}

// options lists the values of a list's entries.
func (p *Page) options(css string) []string {
	p.t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(run(p, "html of "+css, chromedp.OuterHTML(chromedp.CSS(css)))))
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	doc.Find("option").Each(func(_ int, s *goquery.Selection) { out = append(out, s.AttrOr("value", "")) })
	return out
}

// TypeDay types a day into a date control, as the browser's language orders it.
func (p *Page) TypeDay(id string, year, month, day int) {
	p.t.Helper()
	p.do("type a day", p.typing(fmt.Sprintf("[id=%q]", id), fmt.Sprintf("%02d%02d%04d", month, day, year)))
}

// typing presses keys on a control.
func (p *Page) typing(css, keys string) chromedp.Action[chromedp.Void] {
	return chromedp.QueryAfter(chromedp.CSS(css), func(ctx context.Context, t *chromedp.Target, nodes []*chromedp.Node) (chromedp.Void, error) {
		if len(nodes) == 0 {
			return chromedp.Void{}, fmt.Errorf("no %s", css)
		}
		if _, err := cdp.Call(ctx, t, dom.Focus, dom.FocusParams{NodeID: nodes[0].NodeID}); err != nil {
			return chromedp.Void{}, err
		}
		return chromedp.KeyEvent(keys)(ctx, t)
	})
}

// WaitText waits until an element says exactly the text.
func (p *Page) WaitText(css, text string) {
	p.t.Helper()
	for range 200 {
		if Eval[string](p, fmt.Sprintf(`new Promise(r => setTimeout(() => r(document.querySelector(%q)?.textContent ?? ""), 100))`, css)) == text {
			return
		}
	}
	p.t.Fatalf("browser: %s never says %q", css, text)
}

// Upload chooses a file.
func (p *Page) Upload(id, path string) {
	p.t.Helper()
	p.do("upload "+path, chromedp.SetUploadFiles(chromedp.CSS(fmt.Sprintf("[id=%q]", id)), []string{path}))
}

// Text returns the visible text of an element.
func (p *Page) Text(css string) string {
	p.t.Helper()
	return run(p, "text of "+css, chromedp.Text(chromedp.CSS(css)))
}

// URL returns the address of the page.
func (p *Page) URL() string {
	p.t.Helper()
	return run(p, "location", chromedp.Location())
}

// Eval runs JavaScript and decodes its JSON value.
func Eval[T any](p *Page, script string) T {
	p.t.Helper()
	return run(p, "script", chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

func run[T any](p *Page, what string, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTime)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatalf("browser: %s: %v", what, err)
	}
	return v
}

// Shot keeps a picture of the whole page as PNG and returns its path: in the
// folder that HOSHI_SHOTS names, else in a temporary one.
func (p *Page) Shot(name string) string {
	p.t.Helper()
	dir := os.Getenv("HOSHI_SHOTS")
	if dir == "" {
		dir = p.t.TempDir()
	}
	path := filepath.Join(dir, name+"-"+p.screen.Name+".png")
	if err := os.WriteFile(path, run(p, "screenshot", chromedp.FullScreenshot(100)), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// Axe fails the test for every accessibility fault that axe-core finds, and when
// the page is wider than the screen.
func (p *Page) Axe() {
	p.t.Helper()
	type finding struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML string }
	}
	found := Eval[string](p, axe+`; axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`)
	var list []finding
	if err := json.Unmarshal([]byte(found), &list); err != nil {
		p.t.Fatal(err)
	}
	for _, f := range list {
		var where []string
		for _, n := range f.Nodes {
			where = append(where, n.HTML)
		}
		p.t.Errorf("%s (%s): axe %s (%s): %s\n  %s", p.URL(), p.screen.Name, f.ID, f.Impact, f.Help, strings.Join(where, "\n  "))
	}
	if over := Eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		p.t.Errorf("%s (%s): the page is %d px wider than the screen", p.URL(), p.screen.Name, over)
	}
}
