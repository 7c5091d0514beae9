package report_test

import (
	"bytes"
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/i18n"
	"hoshi/internal/practice"
	"hoshi/internal/probe"
	"hoshi/internal/report"
	"hoshi/internal/testkit"
	"hoshi/internal/testkit/stranger"
)

// The test program is also the process that runs a practice device.
func TestMain(m *testing.M) {
	tests := stranger.Watch(m)
	if len(os.Args) > 1 && os.Args[1] == "practice-child" {
		var c practice.Child
		fs := flag.NewFlagSet("practice-child", flag.ExitOnError)
		c.Flags(fs)
		_ = fs.Parse(os.Args[2:])
		os.Exit(practice.ChildMain(context.Background(), c, fs.Args(), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(tests.Run())
}

// bundle seals a run and opens it again.
func bundle(t *testing.T, run *evidence.Run) *evidence.Bundle {
	t.Helper()
	var b bytes.Buffer
	if err := evidence.Seal(&b, *run, nil); err != nil {
		t.Fatal(err)
	}
	l := evidence.DefaultLimits()
	l.AllowUnsigned = true
	out, err := evidence.Open(&b, l)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// camera assesses the practice camera with flaws that show in every part of a report.
func camera(t *testing.T) *evidence.Bundle {
	t.Helper()
	e, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	res, err := practice.Assess(t.Context(), practice.AssessOptions{Flaws: []string{"telnet", "unlimited-sign-in", "old-tls", "debug-port"}, Edition: e,
		Tool: "hoshi test", Out: filepath.Join(t.TempDir(), "run.hoshi"), Command: []string{exe, "practice-child"}})
	if err != nil {
		t.Fatal(err)
	}
	return bundle(t, res.Run)
}

func render(t *testing.T, b *evidence.Bundle, l i18n.Lang) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Write(&out, b, l); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Whoever makes a bundle can put rules of their own under the name of a known
// edition; the report says so.
func TestForeignRules(t *testing.T) {
	e, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	run := evidence.Run{Product: practice.ProductYAML(practice.MakeCamera, practice.RealPorts()), Edition: e.Source(),
		Info: evidence.Info{Format: evidence.RunFormat, EditionID: e.ID, EditionDigest: e.Digest()}}
	const told = "Whoever made the file may have made the rules."
	if html := render(t, bundle(t, &run), i18n.EN); strings.Contains(html, told) {
		t.Error("the rules of this program are called foreign")
	}
	run.Edition = bytes.Replace(run.Edition, []byte(`"person_if": "true"`), []byte(`"person_if":  "true"`), 1)
	if html := render(t, bundle(t, &run), i18n.EN); !strings.Contains(html, told) {
		t.Error("the report does not say that the rules came with the file")
	}
}

// A report of a real run, in a real browser: readable on a phone and a desk, in
// both languages, with no accessibility fault, no script and no outside address.
func TestReportInABrowser(t *testing.T) {
	b := camera(t)
	pages := map[string]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pages[r.URL.Path]))
	}))
	t.Cleanup(srv.Close)
	browser := testkit.NewBrowser(t)
	for _, l := range i18n.Langs {
		html := render(t, b, l)
		if again := render(t, b, l); again != html {
			t.Errorf("%s: the same bundle gave two different reports", l)
		}
		for _, bad := range []string{"<script", "http://", "https://www", "src=\"/", "[report.", "[assess.", "%!"} {
			if strings.Contains(strings.ReplaceAll(html, "http://www.w3.org", ""), bad) {
				t.Errorf("%s: the report holds %q", l, bad)
			}
		}
		pages["/"+string(l)] = html
		for _, s := range []testkit.Screen{testkit.Desktop, testkit.Phone} {
			p := browser.Open(s)
			if got := p.Go(srv.URL + "/" + string(l)); got != 200 {
				t.Fatalf("status %d", got)
			}
			p.Axe()
			if w := testkit.Eval[int](p, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); w > 0 {
				t.Errorf("%s on a %s: %d px wider than the screen", l, s.Name, w)
			}
			p.Shot("report-" + string(l))
			if n := testkit.Eval[int](p, "document.querySelectorAll('svg.map').length"); n < 2 {
				t.Errorf("%s: %d maps", l, n)
			}
			if n := testkit.Eval[int](p, "document.querySelectorAll('svg.time .refused').length"); n < 5 {
				t.Errorf("%s: %d refused sign-ins in the picture", l, n)
			}
		}
	}
	p := browser.Open(testkit.Desktop)
	p.Go(srv.URL + "/en")
	for css, want := range map[string]string{
		".verdict.does-not-conform": "S1.1-04",
		"h4":                        "S1.1",
		".maps":                     "undecided",
	} {
		if got := p.Text(css); !strings.Contains(got, want) {
			t.Errorf("%s: %q lacks %q", css, got, want)
		}
	}
}

// Whatever a device or a vendor wrote stays text.
func TestHostileTextStaysText(t *testing.T) {
	e, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	const evil = `"><script>alert(1)</script><svg onload=x>`
	run := &evidence.Run{
		Info: evidence.Info{Format: evidence.RunFormat, Target: evil, Tool: evil, EditionID: e.ID},
		Product: []byte("format: hoshi-product/1\nproduct:\n  name: {ja: '" + evil + "', en: '" + evil + "'}\n  vendor: {ja: a, en: a}\n  models: ['" + evil + "']\n  firmware: '" + evil + "'\n" +
			"ports:\n  - {port: tcp/80, service: '" + evil + "', reason: '" + evil + "'}\n"),
		Edition: e.Source(),
		Transcripts: map[string][]probe.Record{
			"tcp":     {{Probe: "tcp", Event: "plan", Ports: "1-65535"}, {Probe: "tcp", Event: "open", Port: "tcp/80"}, {Probe: "tcp", Event: "pace", Number: 5, Detail: evil}, {At: 9, Probe: "tcp", Event: "pace", Number: 5, Detail: evil}},
			"service": {{Probe: "service", Event: "banner", Port: "tcp/80", Recv: []byte(evil + "\r\n")}},
			"signin": {{Probe: "signin", Event: "interfaces", Number: 1}, {Probe: "signin", Event: "attempt", Item: "tcp/80 form " + evil, Port: "tcp/80", Detail: "baseline", Recv: []byte("HTTP/1.1 401 " + evil + "\r\n\r\n" + evil)},
				{Probe: "signin", Event: "attempt", Item: "tcp/80 form " + evil, Port: "tcp/80", Detail: "wrong", User: evil, Recv: []byte("HTTP/1.1 401 x\r\n\r\n" + evil)}},
			"after": {{Probe: "after", Event: "connect", Port: "tcp/80", Error: "refused"}, {Probe: "after", Event: "connect", Port: evil, Error: evil}, {Probe: "after", Event: "end"}},
		},
	}
	b := bundle(t, run)
	for _, l := range i18n.Langs {
		html := render(t, b, l)
		if !strings.Contains(html, l.T("report.finding.tcp.after")) {
			t.Errorf("%s: a service that ended is not told", l)
		}
		if strings.Contains(html, "<script") || strings.Contains(html, "<svg onload") {
			t.Errorf("%s: text became markup", l)
		}
	}
}
