package registry

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
	"unicode"

	"hoshi/internal/criteria"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/scheme"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static/*
var static embed.FS

var pages = template.Must(template.New("").ParseFS(templates, "templates/*.html"))

// Copy says how long what a page states may be relied on.
type Copy struct {
	AsOf    time.Time
	Expires time.Time // the end of the scheme's day: then it is written anew
}

// frame is what every public page has.
type frame struct {
	Lang     i18n.Lang
	Title    string
	Settings *scheme.Settings
	Home     string // address of the list in this language
	Other    string // address of this page in the other language
	Formats  []format
	Robots   bool // may be indexed
}

// format is another form of the same page.
type format struct{ Type, Href, Text string }

// T is a sentence of the catalogue.
func (f *frame) T(key string, args ...any) string { return f.Lang.T(key, args...) }

// X is a text of the scheme's data.
func (f *frame) X(t i18n.Text) string { return t.In(f.Lang) }

// Day writes a day such as "2026-11-23" for people; anything else stays.
func (f *frame) Day(s string) string {
	d, err := scheme.ParseDay(s)
	if err != nil || d.IsZero() {
		return s
	}
	y, m, day := d.Date()
	if f.Lang == i18n.EN {
		return fmt.Sprintf("%d %s %d", day, m, y)
	}
	return fmt.Sprintf("%d年%d月%d日", y, int(m), day)
}

// At writes an instant in the scheme's time zone.
func (f *frame) At(t time.Time) string {
	t = t.In(f.Settings.Location())
	return f.Day(t.Format(time.DateOnly)) + t.Format(" 15:04")
}

// Web returns s when it is a web address that a page may link to, else "".
func (f *frame) Web(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return s
}

// Stars writes the stars of the level for the eye.
func Stars(n int) string { return strings.Repeat("★", n) }

// labelPage is what the template of a label page sees: the allow-listed statement,
// how the label stands, and public data of the scheme. A field of any other source
// has no place here.
type labelPage struct {
	frame
	S        label.Statement
	Standing Standing
	Level    scheme.Level
	Results  []resultLine
	Notice   string // of a reconstructed edition
	Copy     Copy
}

// resultLine is one line of the checklist with the criterion's title.
type resultLine struct {
	label.Result
	Title string
	Words string
}

// Product is the name of the product.
func (p *labelPage) Product() words { return p.Words(p.S.Product.Name, p.S.Product.NameEN) }

// Applicant is the name of the organisation that the label was granted to.
func (p *labelPage) Applicant() words { return p.Words(p.S.Label.Applicant, p.S.Label.ApplicantEN) }

// Stars is the level for the eye.
func (p *labelPage) Stars() string { return Stars(p.Level.Stars) }

// EvaluatorClass is 評価者区分 in words.
func (p *labelPage) EvaluatorClass() string { return p.T("public.class." + p.S.Label.EvaluatorClass) }

// renderLabel writes the HTML page of a label.
func renderLabel(lang i18n.Lang, set *scheme.Settings, edition *criteria.Edition, s label.Statement, st Standing, c Copy) ([]byte, error) {
	level, _ := set.Level(s.Label.Level) // a level that the scheme has dropped shows its name only
	p := &labelPage{
		frame: frame{Lang: lang, Settings: set, Home: listPath(lang),
			Other: LabelPath(string(s.Label.ID), lang.Other()), Robots: true,
			Formats: formats(lang, s.Label.ID)},
		S: s, Standing: st, Level: level, Copy: c,
	}
	p.Title = p.Product().Text + " – " + s.Label.LevelName.In(lang)
	if edition != nil {
		p.Notice = edition.Notice().In(lang)
	}
	for _, r := range s.Label.Results {
		line := resultLine{Result: r}
		if edition != nil {
			if cr, ok := edition.Criterion(r.Criterion); ok {
				line.Title, line.Words = cr.Title.Text().In(lang), cr.Words.Text().In(lang)
			}
		}
		p.Results = append(p.Results, line)
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "label", p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// LabelPath is the address of a label page below the site: Japanese is the page
// itself, English has the suffix.
func LabelPath(id string, lang i18n.Lang) string {
	if lang == i18n.EN {
		return "/L/" + id + ".en"
	}
	return "/L/" + id
}

func listPath(lang i18n.Lang) string {
	if lang == i18n.EN {
		return "/list.en"
	}
	return "/list"
}

func formats(lang i18n.Lang, id label.ID) []format {
	base := "/L/" + string(id)
	return []format{
		{"application/json", base + ".json", lang.T("public.format.json")},
		{"text/plain", base + ".proof", lang.T("public.format.proof")},
		{"image/svg+xml", base + ".svg", lang.T("public.format.svg")},
		{"image/png", base + ".png", lang.T("public.format.png")},
	}
}

// words is a text that a person gave, in the language of the page or, where
// that is missing, in Japanese.
type words struct {
	Text string
	Lang i18n.Lang // "" when it is the page's own
}

// Words picks the text in the page's language; without an English one the
// Japanese one stands on the English page too.
func (f *frame) Words(ja, en string) words {
	if f.Lang == i18n.EN && en != "" {
		return words{Text: en}
	}
	return f.Said(ja)
}

// Said is a text that exists in one language only. Japanese script on an English
// page is marked as Japanese, for screen readers and for the right fonts.
func (f *frame) Said(text string) words {
	if f.Lang == i18n.EN && strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }) {
		return words{text, i18n.JA}
	}
	return words{Text: text}
}

// Original is the Japanese name beside an English one on the English page, which
// is what stands on the product and in the registers; "" else.
func (f *frame) Original(ja, en string) words {
	if f.Lang == i18n.EN && en != "" && en != ja {
		return f.Said(ja)
	}
	return words{}
}

// sentence is a sentence of the catalogue with a person's words in it.
type sentence struct {
	Before string
	Words  words
	After  string
}

// Around writes a sentence of the catalogue around words that stand for its {name}.
func (f *frame) Around(key, name string, w words, args ...any) sentence {
	const here = "\x00"
	before, after, _ := strings.Cut(f.T(key, append(args, name, here)...), here)
	return sentence{before, w, after}
}

// link is a text that may be a web address.
type link struct {
	Href  string
	Words words
}

// Link makes a link of a text when it is a web address; "" becomes "none".
func (f *frame) Link(s string) link {
	if s == "" {
		return link{Words: words{Text: f.T("public.none")}}
	}
	return link{Href: f.Web(s), Words: f.Said(s)}
}
