package label_test

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger/ledgertest/labeltest"
)

func artwork(t *testing.T, base string) label.Artwork {
	t.Helper()
	id := labeltest.ID(t)
	u, err := label.URL(base, id)
	if err != nil {
		t.Fatal(err)
	}
	return label.Artwork{Scheme: i18n.Text{JA: "見本ラベリング制度 <A&B>", EN: "Sample Labelling Scheme for Connected Products"},
		Level: i18n.Text{JA: "☆1", EN: "STAR 1"}, Stars: 1, MaxStars: 4, ID: id, URL: u}
}

// zbar reads the code from a picture as a phone would.
func zbar(t *testing.T, picture string) string {
	t.Helper()
	out, err := exec.Command("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture).Output()
	if err != nil {
		t.Fatalf("zbarimg (Debian's zbar-tools): %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestPNGReadsBack(t *testing.T) {
	for _, base := range []string{"https://star.example.go.jp", "http://127.0.0.1:8080"} {
		a := artwork(t, base)
		for _, scale := range []int{1, 3} {
			b, err := a.PNG(scale)
			if err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(bytes.NewReader(b))
			if err != nil || img.Bounds().Dx() != 400*scale || img.Bounds().Dy() != 196*scale {
				t.Fatalf("picture %v, %v", img.Bounds(), err)
			}
			path := filepath.Join(t.TempDir(), "label.png")
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			if got := zbar(t, path); got != a.URL {
				t.Errorf("scale %d: zbar reads %q, want %q", scale, got, a.URL)
			}
		}
	}
}

func TestSVGReadsBack(t *testing.T) {
	a := artwork(t, "https://star.example.go.jp")
	dir := t.TempDir()
	for _, l := range i18n.Langs {
		b, err := a.SVG(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{a.ID.Grouped(), xmlText(a.Scheme.In(l)), xmlText(a.Level.In(l)), "<title>"} {
			if !bytes.Contains(b, []byte(want)) {
				t.Errorf("%s: no %q in the picture", l, want)
			}
		}
		d := xml.NewDecoder(bytes.NewReader(b))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: not XML: %v", l, err)
			}
		}
		if n := bytes.Count(b, []byte("<polygon")); n != 4 {
			t.Errorf("%s: %d stars, want 4", l, n)
		}
		svg, shot := filepath.Join(dir, string(l)+".svg"), filepath.Join(dir, string(l)+".png")
		if err := os.WriteFile(svg, b, 0o644); err != nil {
			t.Fatal(err)
		}
		address := (&url.URL{Scheme: "file", Path: svg}).String()
		out, err := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=2",
			"--user-data-dir="+t.TempDir(), "--window-size=400,196", "--screenshot="+shot, address).CombinedOutput()
		if err != nil {
			t.Fatalf("chromium: %v: %s", err, out)
		}
		if got := zbar(t, shot); got != a.URL {
			t.Errorf("%s: zbar reads %q, want %q", l, got, a.URL)
		}
	}
}

func xmlText(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}

// A scheme whose levels are no stars has none; the same data gives the same bytes.
func TestArtworkFollowsData(t *testing.T) {
	a := artwork(t, "https://star.example.go.jp")
	a.Stars, a.MaxStars, a.Level = 0, 0, i18n.Text{JA: "区分 B", EN: "Class B"}
	b, err := a.SVG(i18n.JA)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("<polygon")) || !bytes.Contains(b, []byte("区分 B")) {
		t.Error("a scheme without stars shows stars")
	}
	for range 2 {
		again, err := a.SVG(i18n.JA)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("the same artwork has other bytes: %v", err)
		}
	}
}

func TestArtworkRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*label.Artwork)
		key    string
	}{
		"too many stars": {func(a *label.Artwork) { a.Stars = 5 }, "label.stars"},
		"negative":       {func(a *label.Artwork) { a.Stars = -1 }, "label.stars"},
		"wrong id":       {func(a *label.Artwork) { a.ID = "000000000001" }, "label.id.check"},
		"Japanese":       {func(a *label.Artwork) { a.Scheme.EN = "見本" }, "label.art.glyph"},
		"long address":   {func(a *label.Artwork) { a.URL += strings.Repeat("X", 200) }, "label.qr"},
	} {
		a := artwork(t, "https://star.example.go.jp")
		c.change(&a)
		_, err := a.PNG(2)
		if f, ok := err.(*fault.Error); !ok || f.Key != c.key || f.Kind != fault.Invalid {
			t.Errorf("%s: %v, want %s", name, err, c.key)
		}
	}
	a := artwork(t, "https://star.example.go.jp")
	if _, err := a.PNG(17); !fault.Is(err, fault.Invalid) {
		t.Errorf("scale 17: %v", err)
	}
}
