package web

import (
	"fmt"

	"hoshi/internal/casework"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

// decision is an act of an officer that is one button with, at most, a reason.
type decision struct {
	action scheme.ApplicationAction
	reason bool
	handle func(*call) error
}

var decisions = []decision{
	{scheme.ApplicationAccept, false, func(c *call) error {
		_, err := c.Casework.Accept(c.r.Context(), c.actor(), c.id(), c.version(), c.once())
		return c.decided(err, "accepted")
	}},
	{scheme.ApplicationProposeGrant, true, func(c *call) error {
		_, err := c.Casework.ProposeGrant(c.r.Context(), c.actor(), c.id(), c.version(), c.value("reason"), c.once())
		return c.decided(err, "proposed")
	}},
	{scheme.ApplicationProposeDecline, true, func(c *call) error {
		_, err := c.Casework.ProposeDecline(c.r.Context(), c.actor(), c.id(), c.version(), c.value("reason"), c.once())
		return c.decided(err, "proposed")
	}},
	{scheme.ApplicationGrant, false, func(c *call) error {
		l, err := c.Casework.Grant(c.r.Context(), c.actor(), c.id(), c.version(), c.once())
		if err != nil {
			return err
		}
		return c.done("/portal/labels/"+l.ID, "granted")
	}},
	{scheme.ApplicationDecline, true, func(c *call) error {
		_, err := c.Casework.Decline(c.r.Context(), c.actor(), c.id(), c.version(), c.value("reason"), c.once())
		return c.decided(err, "declined")
	}},
	{scheme.ApplicationSendBack, true, func(c *call) error {
		_, err := c.Casework.SendBack(c.r.Context(), c.actor(), c.id(), c.version(), c.value("reason"), c.once())
		return c.decided(err, "sent-back")
	}},
}

func (c *call) decided(err error, what string) error {
	if err != nil {
		return err
	}
	return c.done("/portal/applications/"+c.id(), what)
}

// buttons come from the actions of the state's table, as casework gives them.
func (c *call) buttons(a casework.ApplicationView) []button {
	var out []button
	for _, x := range a.Actions {
		b := button{Action: x.Action, Path: "/portal/applications/" + a.Application.ID + "/" + x.Action, Allowed: x.Allowed}
		if x.Why != "" {
			b.Why = c.lang.T(x.Why)
		}
		for _, d := range decisions {
			if string(d.action) == x.Action {
				b.Reason = d.reason
			}
		}
		out = append(out, b)
	}
	return out
}

// Button returns the button of an action, or nil when the table has none now.
func (v applicationView) Button(action string) *button {
	for i := range v.Buttons {
		if v.Buttons[i].Action == action {
			return &v.Buttons[i]
		}
	}
	return nil
}

// Decisions, the most usual first, are the officer's buttons besides asking.
func (v applicationView) Decisions() []button {
	var out []button
	for _, d := range decisions {
		if b := v.Button(string(d.action)); b != nil {
			out = append(out, *b)
		}
	}
	return out
}

// productPairs are the product's fields for reading, as submitted.
func (c *call) productPairs(f *frame, p scheme.Product) []pair {
	form := productForm(p)
	var out []pair
	add := func(name, note string) {
		out = append(out, pair{f.Label("product." + name), f.show("", form.Get("product."+name)), note})
	}
	private := func(b bool) string {
		if b {
			return f.T("web.private")
		}
		return ""
	}
	for _, n := range []string{"name", "nameEn", "summary", "summaryEn", "models", "sameReason"} {
		add(n, "")
	}
	add("manufacturer.value", private(p.Manufacturer.Private))
	add("origin.value", private(p.Origin.Private))
	for _, n := range []string{"url", "contact", "otherMarks", "advisoryUrl", "reportUrl", "supportUntil", "notes"} {
		add(n, "")
	}
	for i, a := range p.Assets {
		out = append(out, pair{f.T("web.field.numbered", "field", f.T("web.assets"), "n", i+1),
			fmt.Sprintf("%s: %s / %s / %s", f.Tx("web.asset.", a.Kind), a.Name, f.show("", a.Stored), f.show("", a.Sent)), ""})
	}
	r := p.Scope.Scope()
	out = append(out, pair{f.T("web.scope.title"), f.Tx("web.scope.outcome.", r.Outcome), ""})
	return out
}

func (c *call) askFields(f *frame, a casework.ApplicationView) []askField {
	out := []askField{{"", f.T("web.ask.whole")}}
	for _, n := range []string{"name", "summary", "models", "manufacturer.value", "origin.value", "url", "contact", "advisoryUrl", "reportUrl", "supportUntil", "assets"} {
		out = append(out, askField{"product." + n, f.Label("product." + n)})
	}
	for _, x := range a.Evaluation.Answers {
		out = append(out, askField{"answers." + x.Criterion, x.Criterion})
	}
	return append(out, askField{"evaluation.class", f.Label("evaluation.class")}, askField{"form.months", f.Label("form.months")})
}

// AskRows is how many questions one form takes; more can follow in the next round.
func (v applicationView) AskRows() []int { return []int{0, 1, 2, 3, 4} }

// Asked is the field of a question that was typed before.
func (v applicationView) Asked(i int) string { return v.Value(fmt.Sprintf("ask[%d].field", i)) }

// AskedText is the text of a question that was typed before.
func (v applicationView) AskedText(i int) string { return v.Value(fmt.Sprintf("ask[%d].text", i)) }

// maxAsked bounds the questions or answers of one form.
const maxAsked = 100

func ask(c *call) error {
	var questions []scheme.Comment
	for i := range maxAsked {
		field, text := c.value(fmt.Sprintf("ask[%d].field", i)), c.value(fmt.Sprintf("ask[%d].text", i))
		if text != "" {
			questions = append(questions, scheme.Comment{Field: field, Text: normal(text)})
		}
	}
	if len(questions) == 0 {
		return &fault.Error{Kind: fault.Invalid, Op: "web.ask", Key: "fault.invalid", Places: []fault.Place{{Field: "ask[1].text", Key: "web.ask.missing"}}}
	}
	_, err := c.Casework.Ask(c.r.Context(), c.actor(), c.id(), c.version(), questions, c.once())
	return c.decided(err, "asked")
}
