package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/auth"
	"hoshi/internal/criteria"
	"hoshi/internal/i18n"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
)

// frame is what every page has: language, person, navigation, messages, form.
// Page structs embed it; its methods are the helpers of templates.
type frame struct {
	Lang      i18n.Lang
	Title     string
	OtherLang string // address of this page in the other language
	Scheme    string
	Owner     string
	Notice    string
	Who       auth.Who
	Nav       []link
	Crumbs    []link
	Demo      bool
	Done      string // sentence on what was just done
	Restored  bool
	Problem   *problem
	Conflict  []conflictRow
	Once      string

	form   url.Values
	links  []linkTo
	assets assets
	zone   *time.Location
}

type link struct {
	Text    string
	Href    string
	Current bool
}

// linkTo says on which page the fields of a prefix stand; the first match counts.
type linkTo struct{ prefix, page string }

// conflictRow is one field of which two values are about.
type conflictRow struct{ Field, Label, Saved, Typed string }

// frame starts a page.
func (c *call) frame(titleKey string, args ...any) *frame {
	f := &frame{
		Lang: c.lang, Title: c.lang.T(titleKey, args...), Scheme: c.Settings.Name.In(c.lang), Owner: c.Settings.Owner.In(c.lang),
		Notice: c.Settings.Notice.In(c.lang), Who: c.who, Demo: c.Auth.Demo(), Restored: c.restored,
		Once: c.site.once(), assets: c.assets, zone: c.Settings.Location(),
	}
	u := url.URL{Path: c.r.URL.Path}
	q := c.r.URL.Query()
	if c.r.Method != "GET" {
		u.Path, q = c.formPath(), url.Values{}
	}
	q.Del("done")
	q.Set("lang", string(c.lang.Other()))
	u.RawQuery = q.Encode()
	f.OtherLang = u.String()
	if d := "web.done." + c.r.URL.Query().Get("done"); c.r.Method == "GET" && i18n.Has(d) {
		f.Done = c.lang.T(d)
	}
	for _, n := range nav(c.who) {
		f.Nav = append(f.Nav, link{c.lang.T(n.Text), n.Href, n.Href == c.r.URL.Path})
	}
	f.Problem = c.problemOf(f, c.problem)
	return f
}

// at tells where the fields stand that errors of this page may name.
func (f *frame) at(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		f.links = append(f.links, linkTo{pairs[i], pairs[i+1]})
	}
	if f.Problem != nil {
		for i, p := range f.Problem.Places {
			f.Problem.Places[i].Href = f.href(p.Field)
		}
	}
}

func (f *frame) href(field string) string {
	if field == "" {
		return ""
	}
	for _, l := range f.links {
		if strings.HasPrefix(field, l.prefix) {
			if strings.HasPrefix(field, "product.scope") && l.page != "" {
				return l.page + "/scope"
			}
			return l.page + "#" + field
		}
	}
	return "#" + field
}

// nav is the navigation of a person.
func nav(w auth.Who) []link {
	if !w.SignedIn() {
		return nil
	}
	switch w.Actor.Role {
	case scheme.Officer:
		return []link{{Text: "web.nav.queue", Href: "/portal"}, {Text: "web.nav.labels", Href: "/portal/labels"}}
	case scheme.Evaluator:
		return []link{{Text: "web.nav.portal", Href: "/portal"}, {Text: "web.nav.keys", Href: "/portal/keys"}}
	}
	out := []link{{Text: "web.nav.portal", Href: "/portal"}}
	if w.Actor.OrganisationID != "" {
		out = append(out, link{Text: "web.nav.products", Href: "/portal/products"}, link{Text: "web.nav.applications", Href: "/portal/applications"},
			link{Text: "web.nav.labels", Href: "/portal/labels"}, link{Text: "web.nav.keys", Href: "/portal/keys"})
	}
	return append(out, link{Text: "web.nav.organisation", Href: "/portal/organisation"})
}

// T is a sentence of the catalogue.
func (f *frame) T(key string, args ...any) string { return f.Lang.T(key, args...) }

// Tx is the sentence of a key made of two parts, such as a state.
func (f *frame) Tx(prefix string, name any, args ...any) string {
	return f.Lang.T(prefix+fmt.Sprint(name), args...)
}

// X is a text of the scheme's data.
func (f *frame) X(t i18n.Text) string { return t.In(f.Lang) }

// Mark is a marked text of an edition.
func (f *frame) Mark(m criteria.Marked) string { return m.Text().In(f.Lang) }

// Asset is the address of a static file.
func (f *frame) Asset(name string) string { return f.assets.URL(name) }

// Day writes a day of the scheme.
func (f *frame) Day(d scheme.Day) string {
	if d.IsZero() {
		return ""
	}
	y, m, day := d.Date()
	if f.Lang == i18n.EN {
		return fmt.Sprintf("%d %s %d", day, m, y)
	}
	return fmt.Sprintf("%d年%d月%d日", y, int(m), day)
}

// At writes an instant in the scheme's time zone.
func (f *frame) At(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(f.zone)
	return f.Day(scheme.DayIn(t, f.zone)) + t.Format(" 15:04")
}

// Label is what people call a field; "" when the catalogue has no name for it.
func (f *frame) Label(name string) string {
	key := "web.field." + index.ReplaceAllString(name, "")
	if parts := strings.SplitN(name, ".S", 2); len(parts) == 2 && parts[0] == "answers" {
		id, rest, _ := cutLast(strings.TrimPrefix(name, "answers."), ".")
		if i18n.Has("web.field.answers." + rest) {
			return id + " " + f.T("web.field.answers."+rest)
		}
		return strings.TrimPrefix(name, "answers.")
	}
	if !i18n.Has(key) {
		return ""
	}
	if m := index.FindString(name); m != "" {
		n, _ := strconv.Atoi(strings.Trim(m, "[]")) // the expression matches digits only
		return f.T("web.field.numbered", "field", f.T(key), "n", n+1)
	}
	return f.T(key)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// show writes a form value for reading.
func (f *frame) show(name, value string) string {
	if value == "" {
		return f.T("web.empty")
	}
	for _, p := range []string{"web.result.", "web.class.", "web.asset."} {
		if i18n.Has(p + value) {
			return f.T(p + value)
		}
	}
	if value == "yes" || value == "no" {
		return f.T("web." + value)
	}
	return value
}

// field is one control of a form as its template needs it.
type field struct {
	*frame
	ID, Label, Hint, Value string
	Errors                 []string
	Checked                bool
	Options                []option
	Attr                   string // type, or what else the template asks
	Rows                   int
	Optional               bool
}

type option struct {
	Value, Text, Hint string
	Chosen            bool
}

// In is the control of a name, filled with what the form holds.
func (f *frame) In(name string, how ...string) field {
	x := field{frame: f, ID: name, Label: f.Label(name), Value: f.form.Get(name), Attr: "text", Rows: 4}
	if h := "web.hint." + index.ReplaceAllString(name, ""); i18n.Has(h) {
		x.Hint = f.T(h)
	}
	for _, h := range how {
		if h == "optional" {
			x.Optional = true
		} else if n, err := strconv.Atoi(h); err == nil {
			x.Rows = n
		} else {
			x.Attr = h
		}
	}
	if x.Attr == "current-password" {
		x.Hint = "" // how long it must be helps only who chooses one
	}
	x.Checked = x.Value == "yes"
	if f.Problem != nil {
		for _, p := range f.Problem.Places {
			if p.Field == name {
				x.Errors = append(x.Errors, p.Text)
			}
		}
	}
	return x
}

// Choose is a control with options; keys are prefix and value.
func (f *frame) Choose(name, prefix string, values []string) field {
	x := f.In(name)
	for _, v := range values {
		o := option{Value: v, Text: f.T(prefix + v), Chosen: v == x.Value}
		if h := prefix + v + ".hint"; i18n.Has(h) {
			o.Hint = f.T(h)
		}
		x.Options = append(x.Options, o)
	}
	return x
}

// Value is what the form holds under a name.
func (f *frame) Value(name string) string { return f.form.Get(name) }

// DescribedBy lists the ids that explain the control.
func (x field) DescribedBy() string {
	var ids []string
	if x.Hint != "" {
		ids = append(ids, x.ID+"-hint")
	}
	if len(x.Errors) > 0 {
		ids = append(ids, x.ID+"-error")
	}
	return strings.Join(ids, " ")
}

// Can reports whether the policy knows a rule for the person's role, to decide on links.
func (f *frame) Can(action string) bool {
	return slices.ContainsFunc(policy.Table, func(r policy.Rule) bool {
		return r.Role == f.Who.Actor.Role && r.Action == policy.Action(action)
	})
}

// pageSet holds one template set for each page.
type pageSet map[string]*template.Template

func parsePages(files embed.FS) (pageSet, error) {
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	out := pageSet{}
	for _, n := range names {
		name := strings.TrimSuffix(path.Base(n), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := template.New(name).ParseFS(files, "templates/layout.html", "templates/parts.html", n)
		if err != nil {
			return nil, err
		}
		out[name] = t
	}
	return out, nil
}
