package http

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// Page is what matters of an HTML page: its forms and where it leads.
type Page struct {
	Title    string
	Forms    []Form
	Links    []string // targets as written
	Scripts  []string // files of scripts
	Inline   []byte   // text of scripts in the page
	Password bool     // there is a password input that no form would send
}

// Form is one HTML form.
type Form struct {
	Action string
	Method string // "GET" or "POST"
	Bare   bool   // neither is written: a script sends it, or a page of poor quality
	Fields []Field
}

// Field is one input of a form.
type Field struct{ Name, Type, Value string }

// SignIn reports whether the form asks for exactly one password, as sign-in
// forms do; forms that change a password ask for more.
func (f Form) SignIn() bool {
	n := 0
	for _, x := range f.Fields {
		if x.Type == "password" && x.Name != "" {
			n++
		}
	}
	return n == 1
}

// Fill sets user and password and keeps the values that the page gave, such as
// a token against forged requests.
func (f Form) Fill(user, pass string) url.Values {
	v := url.Values{}
	userDone := false
	for _, x := range f.Fields {
		switch {
		case x.Name == "":
		case x.Type == "password":
			v.Set(x.Name, pass)
		case !userDone && (x.Type == "text" || x.Type == "email" || x.Type == ""):
			v.Set(x.Name, user)
			userDone = true
		default:
			v.Set(x.Name, x.Value)
		}
	}
	return v
}

var scripted = regexp.MustCompile(`location(?:\.href)?\s*=\s*["']([^"'\\]{1,200})["']`)

// parsePage reads a page of any quality.
func parsePage(b []byte) Page {
	var p Page
	var form *Form
	title, inline := false, false
	z := html.NewTokenizer(bytes.NewReader(b))
	z.SetMaxBuf(maxBody)
	for {
		switch z.Next() {
		case html.ErrorToken:
			if form != nil {
				p.Forms = append(p.Forms, *form)
			}
			for _, m := range scripted.FindAllSubmatch(b, 20) {
				p.Links = append(p.Links, string(m[1]))
			}
			return p
		case html.TextToken:
			switch text := z.Text(); {
			case title && p.Title == "":
				p.Title = strings.Join(strings.Fields(html.UnescapeString(string(text))), " ")
			case inline:
				p.Inline = append(append(p.Inline, text...), '\n')
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			title, inline = tok.Data == "title", tok.Data == "script"
			at := map[string]string{}
			for _, a := range tok.Attr {
				at[a.Key] = a.Val
			}
			switch tok.Data {
			case "form":
				if form != nil {
					p.Forms = append(p.Forms, *form)
				}
				form = &Form{Action: at["action"], Method: "GET", Bare: at["action"] == "" && at["method"] == ""}
				if to := at["hx-post"]; to != "" {
					form.Action, form.Bare, at["method"] = to, false, "post"
				}
				if strings.HasPrefix(strings.ToLower(strings.TrimSpace(form.Action)), "javascript:") {
					form.Action, form.Bare = "", true
				}
				if strings.EqualFold(at["method"], "post") {
					form.Method = "POST"
				}
			case "input":
				if strings.EqualFold(at["type"], "password") && (form == nil || at["name"] == "") {
					p.Password = true
				}
				if form != nil && len(form.Fields) < 64 {
					form.Fields = append(form.Fields, Field{at["name"], strings.ToLower(at["type"]), at["value"]})
				}
			case "script":
				if at["src"] != "" && len(p.Scripts) < 20 {
					p.Scripts = append(p.Scripts, at["src"])
				}
			case "a", "frame", "iframe":
				if to := at["href"] + at["src"]; to != "" && len(p.Links) < 200 {
					p.Links = append(p.Links, to)
				}
			case "meta":
				if i := strings.Index(strings.ToLower(at["content"]), "url="); i >= 0 && strings.EqualFold(at["http-equiv"], "refresh") {
					if to := at["content"]; i+4 <= len(to) {
						p.Links = append(p.Links, strings.Trim(to[i+4:], `'" `))
					}
				}
			}
		case html.EndTagToken:
			title, inline = false, false
			if tok := z.Token(); tok.Data == "form" && form != nil {
				p.Forms = append(p.Forms, *form)
				form = nil
			}
		}
	}
}

// SignInForm returns the page's sign-in form.
func (p Page) SignInForm() (Form, bool) {
	for _, f := range p.Forms {
		if f.SignIn() {
			return f, true
		}
	}
	return Form{}, false
}

// resolve turns a link into a path on the same host and port; false when it leads
// elsewhere. host is what the Host header said.
func resolve(base, link, host string, secure bool) (string, bool) {
	b, err := url.Parse(base)
	if err != nil {
		return "", false
	}
	u, err := b.Parse(strings.TrimSpace(link))
	if err != nil {
		return "", false
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	if u.Host != "" && (u.Host != host || u.Scheme != "" && u.Scheme != scheme) || u.Scheme != "" && u.Host == "" {
		return "", false
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.RequestURI(), true
}
