package web

import (
	"net/url"

	"hoshi/internal/scheme"
)

// scopeView is the state of a scope check: the question to ask now, or the outcome.
type scopeView struct {
	*frame
	Action   string // address of the form
	Product  string // name of the product that the outcome is kept with; "" = public check
	Number   int    // of the question, from 1
	Question string // field of scheme.ScopeAnswers; "" = decided
	Given    []scopeAnswer
	Outcome  scheme.ScopeOutcome
	Reasons  []string
	Missing  bool // the form was sent without an answer
	Restart  string
	Version  int64
}

// scopeAnswer is a question that was answered.
type scopeAnswer struct {
	Field  string
	Answer string
	Change string // address that asks it again
}

// scopeFields ties the questions to the answers, in the order of their asking.
func scopeFields(a *scheme.ScopeAnswers) map[string]*scheme.YesNo {
	return map[string]*scheme.YesNo{"usesIp": &a.UsesIP, "internet": &a.Internet, "throughOthers": &a.ThroughOthers,
		"userCanAdd": &a.UserCanAdd, "generalIt": &a.GeneralIT}
}

func readScope(v url.Values) scheme.ScopeAnswers {
	var a scheme.ScopeAnswers
	for name, to := range scopeFields(&a) {
		if y := scheme.YesNo(v.Get(name)); y == scheme.Yes || y == scheme.No {
			*to = y
		}
	}
	return a
}

// viewScope walks through the answers as they were asked.
func (c *call) viewScope(f *frame, action string, given scheme.ScopeAnswers, sent url.Values) scopeView {
	v := scopeView{frame: f, Action: action, Restart: action + "?restart=1"}
	var asked scheme.ScopeAnswers
	before := url.Values{}
	for {
		r := asked.Scope()
		if r.Next == "" || *scopeFields(&given)[r.Next] == scheme.Unanswered {
			v.Outcome, v.Reasons, v.Question, v.Number = r.Outcome, r.Reasons, r.Next, len(v.Given)+1
			v.Missing = r.Next != "" && sent.Get("asked") == r.Next
			return v
		}
		again := url.Values{"restart": {"1"}}
		for k, x := range before {
			again[k] = x
		}
		answer := *scopeFields(&given)[r.Next]
		v.Given = append(v.Given, scopeAnswer{r.Next, string(answer), action + "?" + again.Encode()})
		*scopeFields(&asked)[r.Next] = answer
		before.Set(r.Next, string(answer))
	}
}

func scopePage(c *call) error {
	q := c.r.URL.Query()
	v := c.viewScope(c.frame("web.scope.title"), "/scope", readScope(q), q)
	return c.render("scope", v)
}

// productScopePage asks the same for one product; the outcome is kept with it.
func productScopePage(c *call) error {
	p, err := c.Casework.Product(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	q := c.r.URL.Query()
	if c.typed != nil {
		q = c.typed
	}
	answers := readScope(q)
	if len(q) == 0 || q.Get("done") != "" || len(q) == 1 && q.Has("lang") {
		answers = p.Scope
	}
	f := c.frame("web.scope.title")
	at := "/portal/products/" + p.ID
	f.Crumbs = []link{{Text: c.lang.T("web.nav.products"), Href: "/portal/products"}, {Text: productName(c, p), Href: at}}
	v := c.viewScope(f, at+"/scope", answers, q)
	v.Product, v.Version = p.Name, p.Version
	return c.render("scope", v)
}

func saveProductScope(c *call) error {
	p, err := c.Casework.Product(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	p.Version, p.Scope = c.version(), readScope(c.r.PostForm)
	if _, err := c.Casework.SaveProduct(c.r.Context(), c.actor(), p); err != nil {
		return err
	}
	return c.done("/portal/products/"+c.id(), "scope")
}
