package casework

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

// Limits of what a draft may hold, in characters and lines. A draft may be
// incomplete; only what could never be kept or shown is refused.
const (
	maxLine  = 200
	maxText  = 4000
	maxItems = 500 // model numbers, documents, comments
)

// shape collects what is wrong with the shape of an input.
type shape struct{ places []fault.Place }

func (c *shape) bad(field, key string, args ...any) {
	c.places = append(c.places, fault.Place{Field: field, Key: key, Args: fault.Pairs(args...)})
}

func (c *shape) err(op string) error {
	if len(c.places) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Op: op, Key: "fault.invalid", Places: c.places}
}

// line tidies a text of one line.
func (c *shape) line(field string, p *string) {
	*p = strings.TrimSpace(*p)
	c.text(field, p, maxLine)
	if !plain(*p) {
		c.bad(field, "casework.shape.control")
	}
}

// lines tidies a text of many lines.
func (c *shape) lines(field string, p *string) {
	*p = strings.TrimSpace(strings.ReplaceAll(*p, "\r\n", "\n"))
	c.text(field, p, maxText)
	if !plain(strings.NewReplacer("\n", "", "\t", "").Replace(*p)) {
		c.bad(field, "casework.shape.control")
	}
}

func (c *shape) text(field string, p *string, limit int) {
	if !utf8.ValidString(*p) {
		c.bad(field, "casework.shape.utf8")
	} else if n := utf8.RuneCountInString(*p); n > limit {
		c.bad(field, "casework.shape.long", "n", n, "limit", limit)
	}
}

// url tidies an address; empty is for the form check to judge.
func (c *shape) url(field string, p *string) {
	*p = strings.TrimSpace(*p)
	c.text(field, p, 2000)
	if *p == "" {
		return
	}
	u, err := url.Parse(*p)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") || !plain(*p) {
		c.bad(field, "casework.shape.url")
	}
}

func (c *shape) count(field string, n int) {
	if n > maxItems {
		c.bad(field, "casework.shape.many", "n", n, "limit", maxItems)
	}
}

func (c *shape) word(field, v string, known []string) {
	if v != "" && !slices.Contains(known, v) {
		c.bad(field, "casework.shape.word")
	}
}

func shapeOrganisation(o *scheme.Organisation) error {
	var c shape
	c.line("organisation.name", &o.Name)
	c.line("organisation.nameEn", &o.NameEN)
	c.line("organisation.proof", &o.Proof)
	// People type full-width digits and group them.
	number := strings.NewReplacer(" ", "", "-", "").Replace(norm.NFKC.String(string(o.CorporateNumber)))
	o.CorporateNumber = scheme.CorporateNumber(number)
	if o.Name == "" {
		c.bad("organisation.name", "casework.shape.required")
	}
	o.Country = strings.ToUpper(strings.TrimSpace(o.Country))
	if len(o.Country) != 2 || strings.Trim(o.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		c.bad("organisation.country", "casework.shape.country")
	}
	switch err := o.CorporateNumber.Validate(); {
	case number == "" && o.Country == "JP":
		c.bad("organisation.corporate", "casework.shape.required")
	case number == "" && o.Proof == "":
		c.bad("organisation.proof", "casework.shape.proof")
	case number != "" && err != nil:
		c.bad("organisation.corporate", "casework.corporate."+string(err.(scheme.CorporateNumberFault)))
	}
	return c.err("casework.organisation")
}

func shapeProduct(p *scheme.Product) error {
	var c shape
	for field, v := range map[string]*string{
		"name": &p.Name, "nameEn": &p.NameEN, "manufacturer": &p.Manufacturer.Value, "origin": &p.Origin.Value,
		"contact": &p.Contact, "otherMarks": &p.OtherMarks,
	} {
		c.line("product."+field, v)
	}
	for field, v := range map[string]*string{
		"summary": &p.Summary, "summaryEn": &p.SummaryEN, "sameReason": &p.SameReason, "notes": &p.Notes,
	} {
		c.lines("product."+field, v)
	}
	c.url("product.url", &p.URL)
	c.url("product.advisoryUrl", &p.AdvisoryURL)
	c.url("product.reportUrl", &p.ReportURL)
	c.count("product.models", len(p.Models))
	for i := range p.Models {
		at := fmt.Sprintf("product.models[%d]", i)
		c.line(at+".number", &p.Models[i].Number)
		c.line(at+".firmware", &p.Models[i].Firmware)
	}
	c.count("product.assets", len(p.Assets))
	kinds := words(scheme.AssetKinds)
	for i := range p.Assets {
		at := fmt.Sprintf("product.assets[%d]", i)
		c.line(at+".name", &p.Assets[i].Name)
		c.line(at+".stored", &p.Assets[i].Stored)
		c.line(at+".sent", &p.Assets[i].Sent)
		c.word(at+".kind", string(p.Assets[i].Kind), kinds)
	}
	answers := words([]scheme.YesNo{scheme.Yes, scheme.No})
	for field, v := range map[string]scheme.YesNo{
		"usesIp": p.Scope.UsesIP, "internet": p.Scope.Internet, "throughOthers": p.Scope.ThroughOthers,
		"generalIt": p.Scope.GeneralIT, "userCanAdd": p.Scope.UserCanAdd,
	} {
		c.word("product.scope."+field, string(v), answers)
	}
	slices.SortFunc(c.places, func(a, b fault.Place) int { return strings.Compare(a.Field, b.Field) })
	return c.err("casework.product")
}

func shapeForm(f *scheme.ApplicationForm) error {
	var c shape
	c.line("form.contactName", &f.ContactName)
	c.line("form.contactMail", &f.ContactMail)
	c.line("form.contactPhone", &f.ContactPhone)
	c.line("form.declaredBy", &f.DeclaredBy)
	if f.Months < 0 || f.Months > 1200 {
		c.bad("form.months", "casework.shape.number")
	}
	return c.err("casework.application")
}

func shapeAnswer(c *shape, a *scheme.Answer) {
	at := "answers." + a.Criterion
	c.lines(at+".justification", &a.Justification)
	c.lines(at+".publicReason", &a.PublicReason)
	c.word(at+".result", string(a.Result), words(scheme.Results))
	c.count(at+".evidence", len(a.Evidence))
	a.Evidence = slices.Clone(a.Evidence)
	for i := range a.Evidence {
		c.line(at+".evidence", &a.Evidence[i])
	}
	a.Evidence = slices.DeleteFunc(a.Evidence, func(s string) bool { return s == "" })
}

// shapeText tidies one free text that an act carries, such as a reason.
func shapeText(field string, p *string) error {
	var c shape
	c.lines(field, p)
	return c.err("casework.text")
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
