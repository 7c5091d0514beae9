package formcheck

import (
	"net/mail"
	"strings"
)

func (c *check) months() {
	limit := c.settings.Validity.MaxMonths
	if m := c.Snapshot.Form.Months; m < 1 || m > limit {
		c.bad("form.months", "limit", limit)
	}
}

func (c *check) contactName() {
	if blank(c.Snapshot.Form.ContactName) {
		c.bad("form.contactName")
	}
}

func (c *check) contactMail() {
	m := strings.TrimSpace(c.Snapshot.Form.ContactMail)
	a, err := mail.ParseAddress(m)
	if err != nil || a.Address != m {
		c.bad("form.contactMail")
	}
}

func (c *check) declared() {
	if !c.Snapshot.Form.Declared {
		c.bad("form.declared")
	}
}

func (c *check) declaredBy() {
	if blank(c.Snapshot.Form.DeclaredBy) {
		c.bad("form.declaredBy")
	}
}

func (c *check) agreedSecrecy() {
	if !c.Snapshot.Form.AgreedSecrecy {
		c.bad("form.agreedSecrecy")
	}
}

func (c *check) agreedRules() {
	if !c.Snapshot.Form.AgreedRules {
		c.bad("form.agreedRules")
	}
}
