package web

import "net/url"

type accountView struct{ *frame }

func accountPage(c *call) error {
	v := accountView{c.frame("web.account.title")}
	c.form(v.frame, url.Values{})
	for _, secret := range []string{"old", "new"} {
		v.form.Del(secret)
	}
	return c.render("account", v)
}

func changePassword(c *call) error {
	if err := c.Auth.ChangePassword(c.r.Context(), c.r.PostFormValue("old"), c.r.PostFormValue("new")); err != nil {
		return err
	}
	return c.done("/sign-in", "password")
}

func actAs(c *call) error {
	if err := c.Auth.ActAs(c.r.Context(), c.value("membership")); err != nil {
		return err
	}
	return c.done("/portal", "acting")
}

// discardKept throws away what was kept over an expired sign-in.
func discardKept(c *call) error {
	page, _, err := c.Auth.Parked(c.r)
	if err != nil {
		page = "/portal"
	}
	if err := c.Auth.DropParked(c.w, c.r); err != nil {
		return err
	}
	return c.done(page, "discarded")
}
