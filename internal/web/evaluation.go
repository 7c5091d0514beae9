package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"hoshi/internal/casework"
	"hoshi/internal/criteria"
	"hoshi/internal/fact"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

type evaluationView struct {
	*frame
	casework.EvaluationView
	Criteria      []criterionView
	Answered, All int
	Percent       int
	Open          string // first criterion without a result; "" = none
	Editable      bool
	Applicant     bool
	Steps         []step
}

// step is one part of the way from evaluation to application.
type step struct {
	Text, Href string
	Done       bool
	Current    bool
}

// criterionView is one criterion with its answer and what the device tests say.
type criterionView struct {
	*frame
	criteria.Criterion
	At      string // prefix of its fields, "answers.S1.1-04"
	Result  string
	Verdict *criteria.Verdict
	Facts   []factLine
	Legend  []criteria.Word
}

type factLine struct{ Name, Value, Origin string }

// ResultField is the choice of the result. "Lifted" needs a recognition
// agreement, and "not applicable" only shows where the criterion allows it.
func (v criterionView) ResultField() field {
	values := []string{string(scheme.ResultConforms)}
	if v.NotApplicable.Possible {
		values = append(values, string(scheme.ResultNotApplicable))
	}
	values = append(values, string(scheme.ResultDoesNot))
	if r := v.Value(v.At + ".result"); r == string(scheme.ResultLifted) || r == string(scheme.ResultNotApplicable) && !v.NotApplicable.Possible {
		values = append(values, r)
	}
	x := v.Choose(v.At+".result", "web.result.", values)
	x.Label = v.T("web.field.answers.result")
	return x
}

// Differs reports whether the chosen result is another than the verdict's, where
// the verdict is one: then the justification must say why.
func (v criterionView) Differs() bool {
	if v.Verdict == nil || v.Result == "" {
		return false
	}
	switch v.Verdict.Outcome {
	case criteria.Conforms, criteria.DoesNotConform, criteria.NotApplicable:
		return v.Result != string(v.Verdict.Outcome)
	}
	return false
}

// mark is how sure a value of the edition is, with its word.
type mark struct {
	Status criteria.Status
	Text   string
}

// MarkOf is the mark of a status, in the words of the edition's legend.
func (v criterionView) MarkOf(s criteria.Status) mark {
	for _, w := range v.Legend {
		if w.ID == string(s) {
			return mark{s, v.X(w.Text())}
		}
	}
	return mark{s, string(s)}
}

// Threshold writes the value of a threshold for people.
func (v criterionView) Threshold(t criteria.Threshold) string {
	x, isDefault := t.Get()
	s := strings.Join(x.List, ", ")
	switch {
	case x.Int != nil:
		s = itoa(*x.Int)
	case x.Text != nil:
		s = v.X(*x.Text)
	}
	if isDefault {
		return v.T("web.threshold-default", "value", s)
	}
	return s
}

// PublicField is the reason that stands on the label page.
func (v criterionView) PublicField() field {
	x := v.Field("publicReason", "1")
	x.Optional = true
	return x
}

// Field is another field of the answer.
func (v criterionView) Field(name, rows string) field {
	x := v.In(v.At+"."+name, rows)
	x.Label, x.Hint = v.T("web.field.answers."+name), v.T("web.hint.answers."+name)
	return x
}

func evaluationPage(c *call) error {
	e, err := c.Casework.Evaluation(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	v := evaluationView{frame: c.frame("web.evaluation.title", "name", productName(c, e.Product)), EvaluationView: e}
	v.Editable = !e.Locked && v.Can("evaluation.edit")
	v.Applicant = c.actor().Role == scheme.Applicant
	c.form(v.frame, answersForm(e.Evaluation))
	c.evaluationFrame(v.frame, e, "criteria")
	v.Steps = c.evaluationSteps(e, "criteria")
	v.Answered, v.All = progress(e)
	if v.All > 0 {
		v.Percent = v.Answered * 100 / v.All
	}
	verdicts, facts, err := c.verdicts(e)
	if err != nil {
		return err
	}
	for _, cr := range e.Edition.Criteria {
		x := criterionView{frame: v.frame, Criterion: cr, At: "answers." + cr.ID, Legend: e.Edition.Legend}
		x.Result = v.form.Get(x.At + ".result")
		if x.Result == "" && v.Open == "" {
			v.Open = cr.ID
		}
		for i := range verdicts {
			if verdicts[i].Criterion == cr.ID {
				x.Verdict = &verdicts[i]
				x.Facts = factLines(facts, verdicts[i].Facts)
			}
		}
		v.Criteria = append(v.Criteria, x)
	}
	return c.render("evaluation", v)
}

// evaluationFrame says where the evaluation's fields stand and how to get back.
func (c *call) evaluationFrame(f *frame, e casework.EvaluationView, here string) {
	at := "/portal/evaluations/" + e.Evaluation.ID
	f.Crumbs = []link{{Text: productName(c, e.Product), Href: "/portal/products/" + e.Product.ID}}
	if here != "criteria" {
		f.Crumbs = append(f.Crumbs, link{Text: c.lang.T("web.step.criteria"), Href: at})
		f.at("answers.", at)
	}
	if here != "bundle" {
		f.at("evaluation.bundle", at+"/bundle")
	}
	if here != "sign" {
		f.at("evaluation.signature", at+"/sign", "evaluation.qualification", at+"/sign", "evaluation.sworn", at+"/sign")
	}
	if here != "evaluator" {
		f.at("evaluation.", at+"/evaluator")
	}
	f.at("product.", "/portal/products/"+e.Product.ID, "organisation.", "/portal/organisation")
}

// evaluationSteps is the way through an evaluation, with what is done.
func (c *call) evaluationSteps(e casework.EvaluationView, here string) []step {
	at := "/portal/evaluations/" + e.Evaluation.ID
	done, all := progress(e)
	out := []step{
		{c.lang.T("web.step.bundle"), at + "/bundle", len(e.Evaluation.Bundles) > 0, here == "bundle"},
		{c.lang.T("web.step.criteria"), at, all > 0 && done == all, here == "criteria"},
	}
	class := e.Evaluation.Class
	if c.actor().Role == scheme.Applicant {
		ready := class != "" && (!class.NeedsHandover() || e.Evaluation.EvaluatorOrgID != "" && !e.Evaluation.Handover.Day.IsZero())
		out = append(out, step{c.lang.T("web.step.evaluator"), at + "/evaluator", ready, here == "evaluator"})
	}
	if class.NeedsSignature() {
		out = append(out, step{c.lang.T("web.step.sign"), at + "/sign", e.SignatureHolds, here == "sign"})
	}
	if c.actor().Role == scheme.Applicant && e.Application != "" {
		out = append(out, step{c.lang.T("web.step.application"), "/portal/applications/" + e.Application, e.Locked, false})
	}
	return out
}

// verdicts returns what the rules say of the attached bundle; nothing without one.
func (c *call) verdicts(e casework.EvaluationView) ([]criteria.Verdict, fact.Set, error) {
	if len(e.Evaluation.Bundles) == 0 {
		return nil, nil, nil
	}
	v, f, err := c.Casework.Verdicts(c.r.Context(), c.actor(), e.Evaluation.ID)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Denied) {
		return nil, nil, nil
	}
	return v, f, err
}

// factLines picks the named facts for reading; those of other tools only where Hoshi
// has none of its own, as the rules read them.
func factLines(facts fact.Set, ids []string) []factLine {
	var out []factLine
	for _, id := range ids {
		own := slices.ContainsFunc(facts, func(f fact.Fact) bool { return f.ID() == id && f.Origin != fact.Imported })
		for _, f := range facts {
			if f.ID() == id && (f.Origin != fact.Imported) == own {
				b, err := json.Marshal(f.Value)
				if err != nil {
					b = []byte(fmt.Sprint(f.Value))
				}
				out = append(out, factLine{id, string(b), string(f.Origin)})
			}
		}
	}
	return out
}

func answersForm(e scheme.Evaluation) url.Values {
	v := url.Values{}
	for _, a := range e.Answers {
		at := "answers." + a.Criterion + "."
		v.Set(at+"result", string(a.Result))
		v.Set(at+"justification", a.Justification)
		v.Set(at+"publicReason", a.PublicReason)
		v.Set(at+"evidence", strings.Join(a.Evidence, "\n"))
	}
	return v
}

func readAnswers(v url.Values, e *scheme.Evaluation) {
	for i := range e.Answers {
		a := &e.Answers[i]
		at := "answers." + a.Criterion + "."
		if !v.Has(at + "justification") {
			continue // not on this form
		}
		a.Result = scheme.Result(v.Get(at + "result"))
		a.Justification, a.PublicReason = normal(v.Get(at+"justification")), normal(v.Get(at+"publicReason"))
		a.Evidence = textLines(v.Get(at + "evidence"))
	}
}

// textLines are the lines of a box that say something.
func textLines(s string) []string {
	var out []string
	for line := range strings.Lines(normal(s)) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func saveEvaluation(c *call) error {
	ctx := c.r.Context()
	e, err := c.Casework.Evaluation(ctx, c.actor(), c.id())
	if err != nil {
		return err
	}
	e.Evaluation.Version = c.version()
	readAnswers(c.r.PostForm, &e.Evaluation)
	saved, err := c.Casework.SaveEvaluation(ctx, c.actor(), e.Evaluation)
	if err != nil {
		return err
	}
	if c.drafted(saved.Version) {
		return nil
	}
	return c.done("/portal/evaluations/"+c.id(), "saved")
}

type evaluatorView struct {
	*frame
	casework.EvaluationView
	Classes    field
	Evaluators []scheme.Organisation
	Steps      []step
	Editable   bool
}

func evaluatorPage(c *call) error {
	ctx := c.r.Context()
	e, err := c.Casework.Evaluation(ctx, c.actor(), c.id())
	if err != nil {
		return err
	}
	v := evaluatorView{frame: c.frame("web.evaluator.title"), EvaluationView: e, Steps: c.evaluationSteps(e, "evaluator")}
	v.Editable = !e.Locked && c.actor().Role == scheme.Applicant
	if v.Evaluators, err = c.Casework.Evaluators(ctx, c.actor()); err != nil && !fault.Is(err, fault.Denied) {
		return err
	}
	h := e.Evaluation.Handover
	c.form(v.frame, url.Values{"evaluation.class": {string(e.Evaluation.Class)}, "evaluation.evaluatorOrg": {e.Evaluation.EvaluatorOrgID},
		"evaluation.handover.day": {h.Day.String()}, "evaluation.handover.documents": {h.Documents}})
	c.evaluationFrame(v.frame, e, "evaluator")
	var classes []string
	for _, k := range scheme.EvaluatorClasses {
		classes = append(classes, string(k))
	}
	v.Classes = v.Choose("evaluation.class", "web.class.", classes)
	return c.render("evaluator", v)
}

// EvaluatorField is the choice of the organisation that evaluates.
func (v evaluatorView) EvaluatorField() field {
	x := v.In("evaluation.evaluatorOrg", "optional")
	x.Options = append(x.Options, option{Text: v.T("web.evaluator.nobody"), Chosen: x.Value == ""})
	for _, o := range v.Evaluators {
		x.Options = append(x.Options, option{Value: o.ID, Text: o.Name, Chosen: o.ID == x.Value})
	}
	return x
}

func saveEvaluator(c *call) error {
	ctx := c.r.Context()
	e, err := c.Casework.Evaluation(ctx, c.actor(), c.id())
	if err != nil {
		return err
	}
	x := e.Evaluation
	x.Version = c.version()
	x.Class, x.EvaluatorOrgID = scheme.EvaluatorClass(c.value("evaluation.class")), c.value("evaluation.evaluatorOrg")
	x.Handover.Documents = normal(c.value("evaluation.handover.documents"))
	if x.Handover.Day, err = scheme.ParseDay(c.value("evaluation.handover.day")); err != nil {
		return &fault.Error{Kind: fault.Invalid, Op: "web.saveEvaluator", Key: "fault.invalid", Err: err,
			Places: []fault.Place{{Field: "evaluation.handover.day", Key: "web.day-shape"}}}
	}
	if _, err := c.Casework.SaveEvaluation(ctx, c.actor(), x); err != nil {
		return err
	}
	return c.done("/portal/evaluations/"+c.id()+"/evaluator", "saved")
}

type signView struct {
	*frame
	casework.EvaluationView
	Lines         []checkLine
	Answered, All int
	Steps         []step
	MaySign       bool
}

// checkLine is one line of the checklist for reading.
type checkLine struct {
	ID, Title, Mark               string
	Result                        scheme.Result
	Justification, Public, Params string
	Evidence                      []string
	Verdict, Rule                 string
}

func (c *call) checkLines(ed *criteria.Edition, answers []scheme.Answer) []checkLine {
	var out []checkLine
	for _, a := range answers {
		l := checkLine{ID: a.Criterion, Result: a.Result, Justification: a.Justification, Public: a.PublicReason,
			Evidence: a.Evidence, Verdict: a.Verdict, Rule: a.Rule}
		if ed != nil {
			if cr, ok := ed.Criterion(a.Criterion); ok {
				l.Title, l.Mark = cr.Title.Text().In(c.lang), string(cr.Title.Status)
			}
		}
		out = append(out, l)
	}
	return out
}

func signPage(c *call) error {
	e, err := c.Casework.Evaluation(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	v := signView{frame: c.frame("web.sign.title"), EvaluationView: e, Lines: c.checkLines(e.Edition, e.Evaluation.Answers), Steps: c.evaluationSteps(e, "sign")}
	v.Answered, v.All = progress(e)
	// A class outside the vendor signs with its own people, the vendor's class with the vendor's.
	v.MaySign = !e.Locked && e.Evaluation.Class.NeedsSignature() &&
		e.Evaluation.Class.NeedsHandover() == (c.actor().Role == scheme.Evaluator)
	c.form(v.frame, url.Values{})
	c.evaluationFrame(v.frame, e, "sign")
	return c.render("sign", v)
}

func signEvaluation(c *call) error {
	_, err := c.Casework.SignEvaluation(c.r.Context(), c.actor(), c.id(), c.version(), c.value("evaluation.qualification"), c.ticked("evaluation.sworn"))
	if err != nil {
		return err
	}
	return c.done("/portal/evaluations/"+c.id()+"/sign", "signed")
}
