package formcheck

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/text/unicode/norm"

	"hoshi/internal/scheme"
)

func blank(s string) bool { return strings.TrimSpace(s) == "" }

func (c *check) corporateNumber() {
	o := c.Snapshot.Organisation
	foreign := o.CorporateNumber == "" && o.Country != "JP" && o.Country != "" && !blank(o.Proof)
	if !foreign && o.CorporateNumber.Validate() != nil {
		c.bad("organisation.corporate")
	}
}

func (c *check) organisationName() {
	if blank(c.Snapshot.Organisation.Name) {
		c.bad("organisation.name")
	}
}

func (c *check) productName() {
	if blank(c.Snapshot.Product.Name) {
		c.bad("product.name")
	}
}

func (c *check) models() {
	if len(c.Snapshot.Product.Models) == 0 {
		c.bad("product.models")
	}
	for i, m := range c.Snapshot.Product.Models {
		if blank(m.Number) {
			c.bad(fmt.Sprintf("product.models[%d].number", i))
		}
	}
}

func (c *check) modelsTwice() {
	seen := map[string]bool{}
	for i, m := range c.Snapshot.Product.Models {
		n := strings.ToUpper(strings.Join(strings.Fields(norm.NFKC.String(m.Number)), ""))
		if n != "" && seen[n] {
			c.bad(fmt.Sprintf("product.models[%d].number", i), "number", m.Number)
		}
		seen[n] = true
	}
}

func (c *check) firmware() {
	for i, m := range c.Snapshot.Product.Models {
		if blank(m.Firmware) {
			c.bad(fmt.Sprintf("product.models[%d].firmware", i), "row", i+1)
		}
	}
}

func (c *check) sameReason() {
	if len(c.Snapshot.Product.Models) > 1 && blank(c.Snapshot.Product.SameReason) {
		c.bad("product.sameReason", "n", len(c.Snapshot.Product.Models))
	}
}

func (c *check) summary() {
	if blank(c.Snapshot.Product.Summary) {
		c.bad("product.summary")
	}
}

func (c *check) scope() {
	if c.Snapshot.Product.Scope.Scope().Outcome != scheme.InScope {
		c.bad("product.scope")
	}
}

func (c *check) reportURL() {
	if blank(c.Snapshot.Product.ReportURL) {
		c.bad("product.reportUrl")
	}
}

func (c *check) urls() {
	p := c.Snapshot.Product
	for _, f := range []struct{ field, v string }{
		{"product.url", p.URL}, {"product.advisoryUrl", p.AdvisoryURL}, {"product.reportUrl", p.ReportURL},
	} {
		u, err := url.Parse(f.v)
		if !blank(f.v) && (err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http")) {
			c.bad(f.field)
		}
	}
}

func (c *check) contact() {
	if blank(c.Snapshot.Product.Contact) {
		c.bad("product.contact")
	}
}

// assets wants at least one: a product in scope has settings of its communication.
func (c *check) assets() {
	if len(c.Snapshot.Product.Assets) == 0 {
		c.bad("product.assets")
	}
	for i, a := range c.Snapshot.Product.Assets {
		if blank(a.Name) || a.Kind == "" {
			c.bad(fmt.Sprintf("product.assets[%d].name", i), "row", i+1)
		}
	}
}

func (c *check) assetPlaces() {
	for i, a := range c.Snapshot.Product.Assets {
		if blank(a.Stored) && blank(a.Sent) {
			c.bad(fmt.Sprintf("product.assets[%d].stored", i), "row", i+1)
		}
	}
}

func (c *check) manufacturer() {
	if blank(c.Snapshot.Product.Manufacturer.Value) {
		c.bad("product.manufacturer")
	}
}

func (c *check) origin() {
	if blank(c.Snapshot.Product.Origin.Value) {
		c.bad("product.origin")
	}
}

func (c *check) supportUntil() {
	if d := c.Snapshot.Product.SupportUntil; !d.IsZero() && c.today.After(d) {
		c.bad("product.supportUntil", "day", d)
	}
}
