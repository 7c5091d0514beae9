// Package formcheck is the automatic form check (形式確認) of an application,
// before any person looks: is everything there, is it of the right form, does it
// fit together. It judges no content: whether a justification is true is the
// vendor's word at ☆1 (report 3.5, table 3.5-2). It is pure: no clock, no
// database.
//
// Start at rules.go: the table of numbered rules is what docs and pages list.
package formcheck

import (
	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/scheme"
)

// Input is what would be submitted, with what the check must know of its surroundings.
type Input struct {
	Snapshot  scheme.Snapshot
	Keys      []scheme.SigningKey  // enrolled by the vendor and by the evaluator
	Evaluator *scheme.Organisation // that the evaluation was given to; nil = nobody
}

// Check applies every rule and returns every defect at once, in the order of the
// rules and then of the form. today is the scheme's day.
func Check(in Input, edition *criteria.Edition, settings *scheme.Settings, today scheme.Day) []Defect {
	c := &check{Input: in, edition: edition, settings: settings, today: today}
	for _, r := range Rules {
		c.rule = r.Number
		r.check(c)
	}
	return c.defects
}

// check is one run over one input.
type check struct {
	Input
	edition  *criteria.Edition
	settings *scheme.Settings
	today    scheme.Day
	rule     string
	defects  []Defect
}

// bad reports a defect of the present rule; the sentence is that of the rule.
func (c *check) bad(field string, args ...any) {
	c.defects = append(c.defects, Defect{Rule: c.rule, Field: field, Key: "formcheck." + c.rule, Args: fault.Pairs(args...)})
}

// each calls fn for the answer to every criterion, nil when there is none, with the id of its part of the form.
func (c *check) each(fn func(at string, cr criteria.Criterion, a *scheme.Answer)) {
	for _, cr := range c.edition.Criteria {
		fn("answers."+cr.ID, cr, c.Snapshot.Evaluation.Answer(cr.ID))
	}
}

// answered is each over the criteria that have a result.
func (c *check) answered(fn func(at string, cr criteria.Criterion, a *scheme.Answer)) {
	c.each(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a != nil && a.Result != scheme.ResultNone {
			fn(at, cr, a)
		}
	})
}

// decided reports whether the rules of the edition gave the very result from a bundle that is attached.
func (c *check) decided(a *scheme.Answer) bool {
	return a.Rule != "" && a.Verdict == string(a.Result) && len(c.Snapshot.Evaluation.Bundles) > 0
}

// refuted reports whether the device test says the opposite of a "conforms".
func (c *check) refuted(a *scheme.Answer) bool {
	return a.Result == scheme.ResultConforms && a.Verdict == string(criteria.DoesNotConform)
}

func title(cr criteria.Criterion) i18n.Text { return cr.Title.Text() }

// deviceTested reports whether the edition asks for a device test (実機テスト) of the criterion.
func deviceTested(cr criteria.Criterion) bool { return hasMethod(cr, "device") }

// documented reports whether the edition asks for a document evaluation.
func documented(cr criteria.Criterion) bool { return hasMethod(cr, "document") }

func hasMethod(cr criteria.Criterion, method string) bool {
	for _, item := range cr.Items {
		for _, m := range item.Methods {
			if m.Is == method {
				return true
			}
		}
	}
	return false
}
