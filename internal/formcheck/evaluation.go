package formcheck

import (
	"fmt"
	"slices"

	"hoshi/internal/criteria"
	"hoshi/internal/scheme"
)

func (c *check) answers() {
	c.each(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a == nil || a.Result == scheme.ResultNone {
			c.bad(at+".result", "criterion", cr.ID, "title", title(cr))
		}
	})
}

func (c *check) conforming() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultDoesNot {
			c.bad(at+".result", "criterion", cr.ID, "title", title(cr))
		}
	})
}

func (c *check) notApplicable() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultNotApplicable && !cr.NotApplicable.Possible {
			c.bad(at+".result", "criterion", cr.ID, "title", title(cr))
		}
	})
}

func (c *check) notApplicableWhy() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultNotApplicable && blank(a.Justification) {
			c.bad(at+".justification", "criterion", cr.ID)
		}
	})
}

func (c *check) notApplicablePublic() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultNotApplicable && blank(a.PublicReason) {
			c.bad(at+".publicReason", "criterion", cr.ID)
		}
	})
}

// justification wants words for "conforms" where a person decided; a device test
// that the vendor did not seal is rule F-28, one that says the opposite F-26.
func (c *check) justification() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultConforms && blank(a.Justification) && !c.decided(a) && !c.refuted(a) && !c.untested(cr, a) {
			c.bad(at+".justification", "criterion", cr.ID)
		}
	})
}

func (c *check) refutation() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if c.refuted(a) && blank(a.Justification) {
			c.bad(at+".justification", "criterion", cr.ID, "rule", a.Rule)
		}
	})
}

func (c *check) evidence() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultConforms && documented(cr) && len(a.Evidence) == 0 && !c.decided(a) {
			c.bad(at+".evidence", "criterion", cr.ID)
		}
	})
}

// untested reports whether the edition wants a device test and no bundle is attached.
func (c *check) untested(cr criteria.Criterion, a *scheme.Answer) bool {
	return deviceTested(cr) && len(c.Snapshot.Evaluation.Bundles) == 0
}

func (c *check) deviceTest() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultConforms && c.untested(cr, a) && blank(a.Justification) {
			c.bad(at+".justification", "criterion", cr.ID)
		}
	})
}

func (c *check) lifted() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultLifted && len(cr.Exemptions) == 0 {
			c.bad(at+".result", "criterion", cr.ID)
		}
	})
}

func (c *check) liftedBy() {
	c.answered(func(at string, cr criteria.Criterion, a *scheme.Answer) {
		if a.Result == scheme.ResultLifted && blank(a.PublicReason) {
			c.bad(at+".publicReason", "criterion", cr.ID)
		}
	})
}

func (c *check) bundles(fn func(at string, b scheme.Bundle)) {
	for i, b := range c.Snapshot.Evaluation.Bundles {
		fn(fmt.Sprintf("evaluation.bundles[%d]", i), b)
	}
}

func (c *check) bundleKey() {
	c.bundles(func(at string, b scheme.Bundle) {
		e := c.Snapshot.Evaluation
		if !slices.ContainsFunc(c.Keys, func(k scheme.SigningKey) bool {
			return k.ID == b.SignedBy && k.Retired.IsZero() &&
				(k.OrganisationID == e.OrganisationID || e.EvaluatorOrgID != "" && k.OrganisationID == e.EvaluatorOrgID)
		}) {
			c.bad(at, "name", b.Name)
		}
	})
}

// bundleProduct compares model numbers: the name of a product is written in many ways.
func (c *check) bundleProduct() {
	c.bundles(func(at string, b scheme.Bundle) {
		if !slices.ContainsFunc(c.Snapshot.Product.Models, func(m scheme.Model) bool { return slices.Contains(b.Models, m.Number) }) {
			c.bad(at, "name", b.Name, "product", b.Product)
		}
	})
}

func (c *check) bundleEdition() {
	c.bundles(func(at string, b scheme.Bundle) {
		if b.Edition != c.Snapshot.EditionHash {
			c.bad(at, "name", b.Name)
		}
	})
}

func (c *check) class() {
	if !slices.Contains(scheme.EvaluatorClasses, c.Snapshot.Evaluation.Class) {
		c.bad("evaluation.class")
	}
}

// classOfLevel: where the vendor's own declaration is not enough, only an
// evaluation laboratory evaluates (report 3.5, ☆3 and above).
func (c *check) classOfLevel() {
	l, ok := c.settings.Level(c.edition.Level)
	if ok && !l.SelfDeclared && c.Snapshot.Evaluation.Class != scheme.ClassLaboratory {
		c.bad("evaluation.class", "level", l.Name)
	}
}

func (c *check) evaluator() {
	e := c.Snapshot.Evaluation
	if e.Class.NeedsHandover() && (c.Evaluator == nil || c.Evaluator.ID != e.EvaluatorOrgID || !slices.Contains(c.Evaluator.Classes, e.Class)) {
		c.bad("evaluation.evaluatorOrg")
	}
}

// signer is the organisation whose person must sign.
func signer(e scheme.Evaluation) string {
	if e.Class.NeedsHandover() {
		return e.EvaluatorOrgID
	}
	return e.OrganisationID
}

func known(c scheme.EvaluatorClass) bool { return slices.Contains(scheme.EvaluatorClasses, c) }

// SignatureHolds reports whether the evaluation carries the signature that its
// class needs, by the right organisation and over the present content.
func SignatureHolds(e *scheme.Evaluation, p *scheme.Product) bool {
	s := e.Signature
	return s != nil && known(e.Class) && s.PersonID != "" && s.OrganisationID == signer(*e) && s.OrganisationID != "" &&
		s.Digest == ChecklistDigest(e, p)
}

func (c *check) signature() {
	e := c.Snapshot.Evaluation
	if known(e.Class) && e.Class.NeedsSignature() && !SignatureHolds(&e, &c.Snapshot.Product) {
		c.bad("evaluation.signature")
	}
}

// qualified returns the signature where it must be a qualified person's; nil else.
func (c *check) qualified() *scheme.Signature {
	switch c.Snapshot.Evaluation.Class {
	case scheme.ClassVendorQualified, scheme.ClassExternalQualified:
		return c.Snapshot.Evaluation.Signature
	}
	return nil
}

func (c *check) qualification() {
	if s := c.qualified(); s != nil && blank(s.Qualification) {
		c.bad("evaluation.qualification")
	}
}

func (c *check) oath() {
	if s := c.qualified(); s != nil && !s.Sworn {
		c.bad("evaluation.sworn")
	}
}

func (c *check) handoverDocuments() {
	e := c.Snapshot.Evaluation
	if e.Class.NeedsHandover() && blank(e.Handover.Documents) {
		c.bad("evaluation.handover.documents")
	}
}

func (c *check) handoverDay() {
	e := c.Snapshot.Evaluation
	if e.Class.NeedsHandover() && (e.Handover.Day.IsZero() || e.Handover.Day.After(c.today)) {
		c.bad("evaluation.handover.day")
	}
}

func (c *check) editionInForce() {
	if !c.settings.EditionInForce(c.edition.Level, c.edition.ID) {
		c.bad("evaluation.edition", "edition", c.edition.ID)
	}
}
