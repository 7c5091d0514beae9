package web

import (
	"fmt"
	"net/url"
	"strconv"

	"hoshi/internal/casework"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

type applicationListView struct {
	*frame
	Rows []casework.ApplicationRow
}

func applicationList(c *call) error {
	v := applicationListView{frame: c.frame("web.applications.title")}
	var err error
	if v.Rows, err = c.Casework.Applications(c.r.Context(), c.actor()); err != nil {
		return err
	}
	return c.render("applications", v)
}

// applicationView is an application: the vendor's form, or what officers read.
type applicationView struct {
	*frame
	casework.ApplicationView
	Name      string // what the product is called
	MaxMonths int
	Lines     []checkLine
	Changes   []changeLine
	Editable  bool
	Answering bool // questions are open and it is the applicant's turn
	Rounds    []round
	Buttons   []button
	Fields    []askField // what an officer can ask about
	Public    []pair
}

type pair struct{ Label, Value, Note string }

// changeLine is one difference since the last submission.
type changeLine struct{ Label, Before, After string }

type round struct {
	Number   int
	Comments []commentLine
}

type commentLine struct {
	scheme.Comment
	Label string
	Href  string
}

// button is one thing that the state's table lets the role do.
type button struct {
	Action  string
	Path    string
	Allowed bool
	Why     string
	Reason  bool // asks for a written reason
}

type askField struct{ Value, Text string }

func applicationPage(c *call) error {
	a, err := c.Casework.Application(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	name := productName(c, a.Product)
	title := c.frame("web.application.title", "name", name)
	v := applicationView{frame: title, ApplicationView: a, Name: name, MaxMonths: c.Settings.Validity.MaxMonths}
	c.form(v.frame, applicationForm(a.Application))
	e := "/portal/evaluations/" + a.Evaluation.ID
	v.at("form.", "", "answers.", e, "evaluation.bundle", e+"/bundle", "evaluation.signature", e+"/sign", "evaluation.qualification", e+"/sign", "evaluation.sworn", e+"/sign", "evaluation.", e+"/evaluator",
		"product.", "/portal/products/"+a.Product.ID, "organisation.", "/portal/organisation")
	v.Rounds = c.rounds(v.frame, a.Application)
	v.Buttons = c.buttons(a)
	for _, b := range v.Buttons {
		if b.Action == string(scheme.ApplicationEdit) && b.Allowed {
			v.Editable = true
		}
	}
	v.Answering = v.Editable && a.Application.State == scheme.ApplicationReturned
	for _, d := range a.Differences {
		label := v.Label(d.Field)
		if label == "" {
			label = d.Field
		}
		v.Changes = append(v.Changes, changeLine{label, v.show(d.Field, d.Before), v.show(d.Field, d.After)})
	}
	v.Lines = c.checkLines(a.Edition, a.Evaluation.Answers)
	if c.isOfficer() {
		v.Crumbs = []link{{Text: c.lang.T("web.nav.queue"), Href: "/portal"}}
		v.Public = c.productPairs(v.frame, a.Product)
		v.Fields = c.askFields(v.frame, a)
		return c.render("review", v)
	}
	v.Crumbs = []link{{Text: c.lang.T("web.nav.applications"), Href: "/portal/applications"}}
	return c.render("application", v)
}

// rounds groups questions and answers by comment round, the newest first.
func (c *call) rounds(f *frame, a scheme.Application) []round {
	var out []round
	for n := a.Round; n >= 0; n-- {
		r := round{Number: n}
		for _, m := range a.Comments {
			if m.Round == n {
				label := f.Label(m.Field)
				if label == "" {
					label = c.lang.T("web.ask.whole")
				}
				href := ""
				if c.actor().Role == scheme.Applicant {
					href = f.href(anchor(m.Field))
				}
				r.Comments = append(r.Comments, commentLine{m, label, href})
			}
		}
		if r.Comments != nil {
			out = append(out, r)
		}
	}
	return out
}

// OpenQuestions are the officer's questions of the newest round.
func (v applicationView) OpenQuestions() []commentLine {
	var out []commentLine
	for _, r := range v.Rounds {
		if r.Number != v.Application.Round {
			continue
		}
		for _, m := range r.Comments {
			if m.Role == scheme.Officer {
				out = append(out, m)
			}
		}
	}
	return out
}

func applicationForm(a scheme.Application) url.Values {
	x := a.Form
	months := ""
	if x.Months > 0 {
		months = strconv.Itoa(x.Months)
	}
	return url.Values{"form.months": {months}, "form.contactName": {x.ContactName}, "form.contactMail": {x.ContactMail}, "form.contactPhone": {x.ContactPhone},
		"form.declared": {yesIf(x.Declared)}, "form.declaredBy": {x.DeclaredBy}, "form.agreedSecrecy": {yesIf(x.AgreedSecrecy)}, "form.agreedRules": {yesIf(x.AgreedRules)}}
}

func createApplication(c *call) error {
	a, err := c.Casework.CreateApplication(c.r.Context(), c.actor(), c.id(), c.once())
	if err != nil {
		return err
	}
	return c.done("/portal/applications/"+a.ID, "")
}

func saveApplication(c *call) error {
	x := scheme.ApplicationForm{ContactName: c.value("form.contactName"), ContactMail: c.value("form.contactMail"), ContactPhone: c.value("form.contactPhone"),
		Declared: c.ticked("form.declared"), DeclaredBy: c.value("form.declaredBy"), AgreedSecrecy: c.ticked("form.agreedSecrecy"), AgreedRules: c.ticked("form.agreedRules")}
	if s := digits(c.value("form.months")); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 1000 {
			return &fault.Error{Kind: fault.Invalid, Op: "web.saveApplication", Key: "fault.invalid",
				Places: []fault.Place{{Field: "form.months", Key: "web.months-shape", Args: fault.Pairs("max", c.Settings.Validity.MaxMonths)}}}
		}
		x.Months = n
	}
	saved, err := c.Casework.SaveApplication(c.r.Context(), c.actor(), c.id(), c.version(), x)
	if err != nil {
		return err
	}
	if c.drafted(saved.Version) {
		return nil
	}
	if c.value("do") == "check" {
		return c.done("/portal/applications/"+c.id()+"/check", "")
	}
	return c.done("/portal/applications/"+c.id(), "saved")
}

func answerComments(c *call) error {
	var answers []scheme.Comment
	for i := range maxAsked {
		field, text := c.value(fmt.Sprintf("answer[%d].field", i)), c.value(fmt.Sprintf("answer[%d].text", i))
		if text != "" {
			answers = append(answers, scheme.Comment{Field: field, Text: normal(text)})
		}
	}
	if _, err := c.Casework.AnswerComments(c.r.Context(), c.actor(), c.id(), c.version(), answers); err != nil {
		return err
	}
	return c.done("/portal/applications/"+c.id(), "answered")
}

func withdrawApplication(c *call) error {
	if !c.ticked("withdraw.sure") {
		return notSure("withdraw.sure")
	}
	_, err := c.Casework.WithdrawApplication(c.r.Context(), c.actor(), c.id(), c.version(), c.once())
	return c.decided(err, "withdrawn")
}

// notSure refuses an act that cannot be undone and was not confirmed.
func notSure(field string) error {
	return &fault.Error{Kind: fault.Invalid, Op: "web", Key: "fault.invalid",
		Places: []fault.Place{{Field: field, Key: "web.not-sure"}}}
}

type checkView struct {
	*frame
	casework.ApplicationView
	Name    string
	Defects []place
	Submit  *button
}

// checkPage shows the form check with the way to each field.
func checkPage(c *call) error {
	ctx := c.r.Context()
	a, err := c.Casework.Application(ctx, c.actor(), c.id())
	if err != nil {
		return err
	}
	defects, err := c.Casework.CheckForm(ctx, c.actor(), c.id())
	if err != nil {
		return err
	}
	v := checkView{frame: c.frame("web.check.title"), ApplicationView: a, Name: productName(c, a.Product)}
	at := "/portal/applications/" + a.Application.ID
	v.Crumbs = []link{{Text: v.Name, Href: at}}
	e := "/portal/evaluations/" + a.Evaluation.ID
	v.at("form.", at, "answers.", e, "evaluation.bundle", e+"/bundle", "evaluation.signature", e+"/sign", "evaluation.qualification", e+"/sign", "evaluation.sworn", e+"/sign", "evaluation.", e+"/evaluator",
		"product.", "/portal/products/"+a.Product.ID, "organisation.", "/portal/organisation")
	for _, d := range defects {
		v.Defects = append(v.Defects, c.placeOf(v.frame, d.Place()))
	}
	for _, b := range c.buttons(a) {
		if b.Action == string(scheme.ApplicationSubmit) {
			v.Submit = &b
		}
	}
	// The list below the summary has the same defects, with the same links.
	if fault.Is(c.problem, fault.Invalid) && len(v.Defects) > 0 {
		v.Problem.Places = nil
	}
	return c.render("check", v)
}

func submit(c *call) error {
	if _, err := c.Casework.Submit(c.r.Context(), c.actor(), c.id(), c.version(), c.once()); err != nil {
		return err
	}
	return c.done("/portal/applications/"+c.id()+"/submitted", "")
}

func submittedPage(c *call) error {
	a, err := c.Casework.Application(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	if a.Application.Number == "" {
		return c.done("/portal/applications/"+c.id(), "")
	}
	return c.render("submitted", checkView{frame: c.frame("web.submitted.title"), ApplicationView: a, Name: productName(c, a.Product)})
}
