package web

import (
	"net/url"
	"strconv"
	"strings"

	"hoshi/internal/scheme"
)

type organisationView struct {
	*frame
	New     bool
	Version int64
}

func organisationPage(c *call) error {
	id := c.actor().OrganisationID
	if id == "" {
		v := organisationView{frame: c.frame("web.organisation.new"), New: true}
		c.form(v.frame, url.Values{"organisation.country": {"JP"}})
		return c.render("organisation", v)
	}
	o, err := c.Casework.Organisation(c.r.Context(), c.actor(), id)
	if err != nil {
		return err
	}
	v := organisationView{frame: c.frame("web.organisation.title"), Version: o.Version}
	c.form(v.frame, url.Values{
		"organisation.name": {o.Name}, "organisation.nameEn": {o.NameEN}, "organisation.corporate": {string(o.CorporateNumber)},
		"organisation.country": {o.Country}, "organisation.proof": {o.Proof},
	})
	return c.render("organisation", v)
}

func readOrganisation(v url.Values, o *scheme.Organisation) {
	get := func(n string) string { return strings.TrimSpace(v.Get("organisation." + n)) }
	o.Name, o.NameEN, o.Country, o.Proof = get("name"), get("nameEn"), strings.ToUpper(get("country")), get("proof")
	o.CorporateNumber = scheme.CorporateNumber(digits(get("corporate")))
}

// digits drops what people put between the digits of a number and narrows wide ones.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r == ' ' || r == '　' || r == '-' || r == '－' || r == '‐':
			return -1
		}
		return r
	}, s)
}

func saveOrganisation(c *call) error {
	ctx := c.r.Context()
	id := c.actor().OrganisationID
	if id == "" {
		o := scheme.Organisation{Kind: scheme.Vendor}
		readOrganisation(c.r.PostForm, &o)
		if _, err := c.Casework.RegisterOrganisation(ctx, c.actor(), o, c.once()); err != nil {
			return err
		}
		return c.done("/portal", "organisation-registered")
	}
	o, err := c.Casework.Organisation(ctx, c.actor(), id)
	if err != nil {
		return err
	}
	readOrganisation(c.r.PostForm, &o)
	o.Version = c.version()
	if _, err := c.Casework.SaveOrganisation(ctx, c.actor(), o); err != nil {
		return err
	}
	return c.done("/portal/organisation", "saved")
}

type keysView struct {
	*frame
	Keys []scheme.SigningKey
}

func keysPage(c *call) error {
	v := keysView{frame: c.frame("web.keys.title")}
	if c.actor().OrganisationID != "" {
		var err error
		if v.Keys, err = c.Casework.Keys(c.r.Context(), c.actor()); err != nil {
			return err
		}
	}
	c.form(v.frame, url.Values{})
	return c.render("keys", v)
}

func enrolKey(c *call) error {
	if _, err := c.Casework.EnrolKey(c.r.Context(), c.actor(), c.value("key.name"), c.r.PostFormValue("key.pem")); err != nil {
		return err
	}
	return c.done("/portal/keys", "key")
}

func retireKey(c *call) error {
	if err := c.Casework.RetireKey(c.r.Context(), c.actor(), c.value("key")); err != nil {
		return err
	}
	return c.done("/portal/keys", "key-retired")
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
