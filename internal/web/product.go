package web

import (
	"fmt"
	"net/url"
	"strings"

	"hoshi/internal/casework"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

type productListView struct {
	*frame
	Rows []productRow
}

type productRow struct {
	ID, Name string
	Models   int
	Scope    scheme.ScopeOutcome
}

func productList(c *call) error {
	v := productListView{frame: c.frame("web.products.title")}
	products, err := c.Casework.Products(c.r.Context(), c.actor())
	if err != nil {
		return err
	}
	for _, p := range products {
		v.Rows = append(v.Rows, productRow{p.ID, productName(c, p), len(p.Models), p.Scope.Scope().Outcome})
	}
	return c.render("products", v)
}

type productView struct {
	*frame
	ID          string
	New         bool
	Version     int64
	Scope       scheme.ScopeResult
	Assets      []assetRow
	Evaluations []casework.EvaluationView
	Editions    []editionChoice
	ReadOnly    bool
}

// assetRow is one line of the information assets; Filled is false for the empty
// lines at the end.
type assetRow struct {
	At     string // prefix of its fields
	Number int
	Filled bool
}

type editionChoice struct{ ID, Level, Title, Notice string }

// assetKinds are the choices for the kind of an asset.
func assetKinds() []string {
	var out []string
	for _, k := range scheme.AssetKinds {
		out = append(out, string(k))
	}
	return out
}

// AssetKind is the control for the kind of an asset.
func (v productView) AssetKind(at string) field {
	return v.Choose(at+".kind", "web.asset.", append([]string{""}, assetKinds()...))
}

// moreAssets is how many empty lines follow the filled ones.
const moreAssets = 2

func newProductPage(c *call) error {
	v := productView{frame: c.frame("web.product.new"), New: true}
	v.Crumbs = []link{{Text: c.lang.T("web.nav.products"), Href: "/portal/products"}}
	c.form(v.frame, url.Values{})
	v.Assets = assetRows(v.form)
	return c.render("product", v)
}

func productPage(c *call) error {
	ctx := c.r.Context()
	p, err := c.Casework.Product(ctx, c.actor(), c.id())
	if err != nil {
		return err
	}
	v := productView{frame: c.frame("web.product.title", "name", productName(c, p)), ID: p.ID, Version: p.Version, Scope: p.Scope.Scope()}
	v.Crumbs = []link{{Text: c.lang.T("web.nav.products"), Href: "/portal/products"}}
	v.ReadOnly = !v.Can("product.edit")
	c.form(v.frame, productForm(p))
	v.at("product.scope", "/portal/products/"+p.ID)
	v.Assets = assetRows(v.form)
	if v.ReadOnly {
		return c.render("product", v)
	}
	all, err := c.Casework.Evaluations(ctx, c.actor())
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Product.ID != p.ID {
			continue
		}
		if e.Edition == nil {
			if e.Edition, err = c.Casework.Editions(e.Evaluation.EditionID); err != nil {
				return err
			}
		}
		v.Evaluations = append(v.Evaluations, e)
	}
	for _, l := range c.Settings.Levels {
		for _, id := range l.Editions {
			e, err := c.Casework.Editions(id)
			if err != nil {
				return err
			}
			v.Editions = append(v.Editions, editionChoice{id, l.Name.In(c.lang), e.Title.In(c.lang), e.Notice().In(c.lang)})
		}
	}
	return c.render("product", v)
}

// productForm is a product as form values; the scope check has its own page.
func productForm(p scheme.Product) url.Values {
	v := url.Values{}
	for name, s := range productTexts(&p) {
		v.Set("product."+name, *s)
	}
	v.Set("product.manufacturer.private", yesIf(p.Manufacturer.Private))
	v.Set("product.origin.private", yesIf(p.Origin.Private))
	v.Set("product.supportUntil", p.SupportUntil.String())
	var lines []string
	for _, m := range p.Models {
		line := m.Number
		if m.Firmware != "" {
			line += ", " + m.Firmware
		}
		lines = append(lines, line)
	}
	v.Set("product.models", strings.Join(lines, "\n"))
	for i, a := range p.Assets {
		at := fmt.Sprintf("product.assets[%d]", i)
		v.Set(at+".kind", string(a.Kind))
		v.Set(at+".name", a.Name)
		v.Set(at+".stored", a.Stored)
		v.Set(at+".sent", a.Sent)
	}
	return v
}

func productTexts(p *scheme.Product) map[string]*string {
	return map[string]*string{"name": &p.Name, "nameEn": &p.NameEN, "summary": &p.Summary, "summaryEn": &p.SummaryEN,
		"sameReason": &p.SameReason, "manufacturer.value": &p.Manufacturer.Value, "origin.value": &p.Origin.Value, "url": &p.URL,
		"contact": &p.Contact, "otherMarks": &p.OtherMarks, "advisoryUrl": &p.AdvisoryURL, "reportUrl": &p.ReportURL, "notes": &p.Notes}
}

func yesIf(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// maxAssets bounds the lines of assets that are read.
const maxAssets = 100

func readProduct(v url.Values, p *scheme.Product) error {
	for name, s := range productTexts(p) {
		*s = normal(v.Get("product." + name))
	}
	p.Manufacturer.Private = v.Get("product.manufacturer.private") == "yes"
	p.Origin.Private = v.Get("product.origin.private") == "yes"
	p.Models = readModels(v.Get("product.models"))
	p.Assets = nil
	for i := range maxAssets {
		get := func(n string) string { return normal(v.Get(fmt.Sprintf("product.assets[%d].%s", i, n))) }
		a := scheme.Asset{Kind: scheme.AssetKind(get("kind")), Name: get("name"), Stored: get("stored"), Sent: get("sent")}
		if a != (scheme.Asset{}) {
			p.Assets = append(p.Assets, a)
		}
	}
	day, err := scheme.ParseDay(strings.TrimSpace(v.Get("product.supportUntil")))
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Op: "web.readProduct", Key: "fault.invalid", Err: err,
			Places: []fault.Place{{Field: "product.supportUntil", Key: "web.day-shape"}}}
	}
	p.SupportUntil = day
	return nil
}

// readModels reads one model number a line, the firmware version after a comma or tab.
func readModels(s string) []scheme.Model {
	var out []scheme.Model
	for line := range strings.Lines(normal(s)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		i := strings.IndexAny(line, ",，、\t")
		if i < 0 {
			out = append(out, scheme.Model{Number: line})
			continue
		}
		rest := strings.TrimLeft(line[i:], ",，、\t ")
		out = append(out, scheme.Model{Number: strings.TrimSpace(line[:i]), Firmware: strings.TrimSpace(rest)})
	}
	return out
}

func assetRows(v url.Values) []assetRow {
	var out []assetRow
	empty := 0
	for i := 0; i < maxAssets && empty < moreAssets; i++ {
		at := fmt.Sprintf("product.assets[%d]", i)
		filled := v.Get(at+".kind")+v.Get(at+".name")+v.Get(at+".stored")+v.Get(at+".sent") != ""
		if !filled {
			empty++
		}
		out = append(out, assetRow{at, i + 1, filled})
	}
	return out
}

func createProduct(c *call) error {
	var p scheme.Product
	if err := readProduct(c.r.PostForm, &p); err != nil {
		return err
	}
	p, err := c.Casework.CreateProduct(c.r.Context(), c.actor(), p, c.once())
	if err != nil {
		return err
	}
	return c.done("/portal/products/"+p.ID, "saved")
}

func saveProduct(c *call) error {
	ctx := c.r.Context()
	p, err := c.Casework.Product(ctx, c.actor(), c.id())
	if err != nil {
		return err
	}
	p.Version = c.version()
	if err := readProduct(c.r.PostForm, &p); err != nil {
		return err
	}
	saved, err := c.Casework.SaveProduct(ctx, c.actor(), p)
	if err != nil {
		return err
	}
	if c.drafted(saved.Version) {
		return nil
	}
	if c.r.PostFormValue("do") == "more" {
		return c.done("/portal/products/"+c.id(), "saved-more")
	}
	return c.done("/portal/products/"+c.id(), "saved")
}

// drafted answers the script that saves drafts by itself: the new version, no page.
func (c *call) drafted(version int64) bool {
	if c.r.Header.Get("X-Draft") == "" {
		return false
	}
	c.w.Header().Set("X-Version", itoa(version))
	c.w.WriteHeader(204)
	return true
}

func createEvaluation(c *call) error {
	e, err := c.Casework.CreateEvaluation(c.r.Context(), c.actor(), c.id(), c.value("edition"), c.once())
	if err != nil {
		return err
	}
	return c.done("/portal/evaluations/"+e.ID, "")
}
