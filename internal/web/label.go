package web

import (
	"net/url"

	"hoshi/internal/casework"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

type labelListView struct {
	*frame
	Rows []casework.LabelView
}

func labelList(c *call) error {
	v := labelListView{frame: c.frame("web.labels.title")}
	var err error
	if v.Rows, err = c.Casework.Labels(c.r.Context(), c.actor()); err != nil {
		return err
	}
	return c.render("labels", v)
}

type labelView struct {
	*frame
	casework.LabelView
	Actions []button
	Grounds field
	Open    bool // a revocation is proposed
}

func labelPage(c *call) error {
	l, err := c.Casework.Label(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	v := labelView{frame: c.frame("web.label.title", "name", l.ProductName), LabelView: l}
	v.Crumbs = []link{{Text: c.lang.T("web.nav.labels"), Href: "/portal/labels"}}
	v.Open = l.Revocation != nil && l.Revocation.State == scheme.RevocationProposed
	c.form(v.frame, url.Values{})
	for _, x := range l.Actions {
		b := button{Action: x.Action, Allowed: x.Allowed}
		if x.Why != "" {
			b.Why = c.lang.T(x.Why)
		}
		v.Actions = append(v.Actions, b)
	}
	var grounds []string
	for _, g := range scheme.RevocationGrounds {
		grounds = append(grounds, string(g))
	}
	v.Grounds = v.Choose("revocation.ground", "web.ground.", grounds)
	return c.render("label", v)
}

// Button returns the button of an action, or nil when the tables have none now.
func (v labelView) Button(action string) *button {
	for i := range v.Actions {
		if v.Actions[i].Action == action {
			return &v.Actions[i]
		}
	}
	return nil
}

func (c *call) labelDone(err error, what string) error {
	if err != nil {
		return err
	}
	return c.done("/portal/labels/"+c.id(), what)
}

func reportChange(c *call) error {
	if !c.ticked("change.sure") {
		return notSure("change.sure")
	}
	_, err := c.Casework.ReportChange(c.r.Context(), c.actor(), c.id(), c.version(), c.value("change.what"), c.once())
	return c.labelDone(err, "change-reported")
}

func withdrawLabel(c *call) error {
	if !c.ticked("withdraw.sure") {
		return notSure("withdraw.sure")
	}
	_, err := c.Casework.WithdrawLabel(c.r.Context(), c.actor(), c.id(), c.version(), c.once())
	return c.labelDone(err, "label-withdrawn")
}

func proposeRevocation(c *call) error {
	var places []fault.Place
	if c.value("revocation.ground") == "" {
		places = append(places, fault.Place{Field: "revocation.ground", Key: "web.revocation.choose"})
	}
	if c.value("revocation.publicReason") == "" {
		places = append(places, fault.Place{Field: "revocation.publicReason", Key: "web.revocation.reason"})
	}
	if len(places) > 0 {
		return &fault.Error{Kind: fault.Invalid, Op: "web.proposeRevocation", Key: "fault.invalid", Places: places}
	}
	_, err := c.Casework.ProposeRevocation(c.r.Context(), c.actor(), c.id(), scheme.RevocationGround(c.value("revocation.ground")), c.value("revocation.publicReason"), c.once())
	return c.labelDone(err, "revocation-proposed")
}

func confirmRevocation(c *call) error {
	_, err := c.Casework.ConfirmRevocation(c.r.Context(), c.actor(), c.value("revocation"), c.version(), c.once())
	return c.labelDone(err, "revocation-confirmed")
}

func dismissRevocation(c *call) error {
	_, err := c.Casework.DismissRevocation(c.r.Context(), c.actor(), c.value("revocation"), c.version(), c.value("revocation.why"), c.once())
	return c.labelDone(err, "revocation-dismissed")
}
