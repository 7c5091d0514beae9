package web

import (
	"encoding/base64"
	"html/template"
	"net/url"

	"hoshi/internal/auth"
	"hoshi/internal/fault"
)

type signInView struct {
	*frame
	Next   string
	Late   string // "1": a form came without a sign-in; "kept": and was kept
	People []demoButton
}

// next is where the person wanted to go.
func (c *call) next() string {
	n := c.r.URL.Query().Get("next")
	if c.r.Method == "POST" {
		n = c.r.PostFormValue("next")
	}
	return localPath(n, "/portal")
}

func withNext(path, next string) string { return path + "?" + url.Values{"next": {next}}.Encode() }

func signInPage(c *call) error {
	v := signInView{frame: c.frame("web.sign-in.title"), Next: c.next(), Late: c.r.URL.Query().Get("late"), People: c.demoPeople()}
	c.form(v.frame, url.Values{})
	v.form.Del("password")
	return c.render("sign_in", v)
}

func signIn(c *call) error {
	step, err := c.Auth.SignIn(c.r.Context(), c.value("login"), c.r.PostFormValue("password"))
	if err != nil {
		return err
	}
	at := "/sign-in/code"
	if step == auth.StepEnrol {
		at = "/sign-in/app"
	}
	return c.done(withNext(at, c.next()), "")
}

func codePage(c *call) error {
	if _, err := c.Auth.Pending(c.r.Context()); err != nil {
		return err
	}
	v := signInView{frame: c.frame("web.code.title"), Next: c.next()}
	c.form(v.frame, url.Values{})
	v.form.Del("code")
	return c.render("code", v)
}

func giveCode(c *call) error {
	if err := c.Auth.Code(c.r.Context(), c.value("code")); err != nil {
		return err
	}
	return c.done(c.next(), "")
}

type enrolView struct {
	*frame
	Next   string
	Secret string
	QR     template.URL
}

func enrolPage(c *call) error {
	e, err := c.Auth.Enrolment(c.r.Context())
	if fault.Is(err, fault.Conflict) {
		return c.done(withNext("/sign-in/code", c.next()), "")
	}
	if err != nil {
		return err
	}
	v := enrolView{frame: c.frame("web.app.title"), Next: c.next(), Secret: groups(e.Secret),
		QR: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(e.PNG))}
	c.form(v.frame, url.Values{})
	v.form.Del("code")
	return c.render("enrol", v)
}

// groups parts a secret in fours for typing.
func groups(s string) string {
	var out []byte
	for i := range len(s) {
		if i > 0 && i%4 == 0 {
			out = append(out, ' ')
		}
		out = append(out, s[i])
	}
	return string(out)
}

func enrol(c *call) error {
	if err := c.Auth.ConfirmEnrolment(c.r.Context(), c.value("code")); err != nil {
		return err
	}
	return c.done(c.next(), "")
}

func signUpPage(c *call) error {
	v := signInView{frame: c.frame("web.sign-up.title")}
	c.form(v.frame, url.Values{})
	v.form.Del("password")
	return c.render("sign_up", v)
}

func signUp(c *call) error {
	if _, err := c.Auth.SignUp(c.r.Context(), c.value("name"), c.value("login"), c.r.PostFormValue("password")); err != nil {
		return err
	}
	return c.done("/sign-in", "signed-up")
}

func signOut(c *call) error {
	if err := c.Auth.SignOut(c.r.Context()); err != nil {
		return err
	}
	return c.done("/", "signed-out")
}

// signInDemo is the demo's one click; in production it has no route.
func signInDemo(c *call) error {
	if err := c.Auth.SignInAs(c.r.Context(), c.value("login")); err != nil {
		return err
	}
	return c.done(c.next(), "")
}
