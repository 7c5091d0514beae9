package casework

import (
	"context"
	"fmt"
	"slices"

	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/formcheck"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

func evaluationResource(e scheme.Evaluation) policy.Resource {
	return policy.Resource{OrganisationID: e.OrganisationID, EvaluatorOrgID: e.EvaluatorOrgID}
}

// Evaluations returns what the actor's organisation owns or was given, the last
// changed first. The editions are not loaded.
func (s *Service) Evaluations(ctx context.Context, actor policy.Actor) ([]EvaluationView, error) {
	return see(ctx, s, actor, func(tx *store.Tx) ([]EvaluationView, error) {
		list, err := store.Evaluations(ctx, tx, tenant(actor))
		if err != nil {
			return nil, err
		}
		out := []EvaluationView{}
		for _, e := range list {
			if policy.Require(actor, policy.EvaluationView, evaluationResource(e)) != nil {
				continue
			}
			v, err := s.evaluationView(ctx, tx, e)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	})
}

// Evaluation returns an evaluation with its product and edition.
func (s *Service) Evaluation(ctx context.Context, actor policy.Actor, id string) (EvaluationView, error) {
	return see(ctx, s, actor, func(tx *store.Tx) (EvaluationView, error) {
		e, err := s.evaluation(ctx, tx, actor, policy.EvaluationView, id)
		if err != nil {
			return EvaluationView{}, err
		}
		v, err := s.evaluationView(ctx, tx, e)
		if err != nil {
			return v, err
		}
		v.Edition, err = s.Editions(e.EditionID)
		return v, err
	})
}

func (s *Service) evaluationView(ctx context.Context, tx *store.Tx, e scheme.Evaluation) (EvaluationView, error) {
	v := EvaluationView{Evaluation: e}
	var err error
	if v.Product, err = store.Product(ctx, tx, e.ProductID, store.Everyone); err != nil {
		return v, err
	}
	if v.Locked, err = store.EvaluationLocked(ctx, tx, e.ID); err != nil {
		return v, err
	}
	a, err := store.ApplicationOf(ctx, tx, e.ID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return v, err
	}
	v.Application = a.ID
	v.SignatureHolds = formcheck.SignatureHolds(&e, &v.Product)
	return v, nil
}

// evaluation loads an evaluation that the actor may do the action with.
func (s *Service) evaluation(ctx context.Context, tx *store.Tx, actor policy.Actor, action policy.Action, id string) (scheme.Evaluation, error) {
	e, err := store.Evaluation(ctx, tx, id, tenant(actor))
	if err != nil {
		return e, err
	}
	return e, policy.Require(actor, action, evaluationResource(e))
}

// unlocked refuses to change what a submitted application rests on.
func unlocked(ctx context.Context, tx *store.Tx, evaluationID string) error {
	locked, err := store.EvaluationLocked(ctx, tx, evaluationID)
	if err != nil {
		return err
	}
	if locked {
		return fault.New(fault.Conflict, "casework.evaluation", "casework.evaluation.locked")
	}
	return nil
}

// CreateEvaluation begins to hold a product against an edition, with one empty
// answer for each of its criteria.
func (s *Service) CreateEvaluation(ctx context.Context, actor policy.Actor, productID, editionID string, once Once) (scheme.Evaluation, error) {
	return do(ctx, s, "CreateEvaluation", actor, once, func(tx *store.Tx) (scheme.Evaluation, error) {
		var none scheme.Evaluation
		p, err := store.Product(ctx, tx, productID, tenant(actor))
		if err != nil {
			return none, err
		}
		if err := policy.Require(actor, policy.EvaluationCreate, policy.Resource{OrganisationID: p.OrganisationID}); err != nil {
			return none, err
		}
		ed, err := s.Editions(editionID)
		if err != nil {
			return none, err
		}
		if _, ok := s.Settings.Level(ed.Level); !ok {
			return none, fault.New(fault.Invalid, "casework.CreateEvaluation", "casework.level", "level", ed.Level)
		}
		e := scheme.Evaluation{OrganisationID: p.OrganisationID, ProductID: p.ID, EditionID: ed.ID, Version: 1,
			Class: scheme.ClassVendor, Bundles: []scheme.Bundle{}}
		for _, c := range ed.Criteria {
			e.Answers = append(e.Answers, scheme.Answer{Criterion: c.ID})
		}
		if e.ID, err = s.newID(); err != nil {
			return none, err
		}
		if err := store.InsertEvaluation(ctx, tx, e); err != nil {
			return none, err
		}
		return e, s.audit(ctx, tx, actor, policy.EvaluationCreate, "evaluation", e.ID, map[string]string{"edition": ed.ID})
	})
}

// SaveEvaluation saves what people fill in: results, words, evidence names; and,
// by the vendor only, class, evaluator and handover. What rules and bundles gave,
// and the signature, are never taken from the input.
func (s *Service) SaveEvaluation(ctx context.Context, actor policy.Actor, in scheme.Evaluation) (scheme.Evaluation, error) {
	return do(ctx, s, "SaveEvaluation", actor, "", func(tx *store.Tx) (scheme.Evaluation, error) {
		e, err := s.evaluation(ctx, tx, actor, policy.EvaluationEdit, in.ID)
		if err != nil {
			return in, err
		}
		if err := unlocked(ctx, tx, e.ID); err != nil {
			return in, err
		}
		if err := current(e.Version, in.Version); err != nil {
			return in, err
		}
		var c shape
		for _, a := range in.Answers {
			have := e.Answer(a.Criterion)
			if have == nil {
				c.bad("answers."+a.Criterion, "casework.shape.word")
				continue
			}
			shapeAnswer(&c, &a)
			have.Result, have.Justification, have.PublicReason, have.Evidence = a.Result, a.Justification, a.PublicReason, a.Evidence
		}
		if actor.OrganisationID == e.OrganisationID {
			c.word("evaluation.class", string(in.Class), words(scheme.EvaluatorClasses))
			c.lines("evaluation.handover.documents", &in.Handover.Documents)
			e.Class, e.Handover = in.Class, in.Handover
			e.EvaluatorOrgID = ""
			if in.Class.NeedsHandover() && in.EvaluatorOrgID != "" {
				org, err := store.Organisation(ctx, tx, in.EvaluatorOrgID)
				if err != nil && !fault.Is(err, fault.NotFound) {
					return in, err
				}
				if err != nil || org.Kind != scheme.Evaluating || org.ID == e.OrganisationID {
					c.bad("evaluation.evaluatorOrg", "casework.evaluation.not-evaluator")
				}
				e.EvaluatorOrgID = in.EvaluatorOrgID
			}
		}
		if err := c.err("casework.SaveEvaluation"); err != nil {
			return in, err
		}
		if err := store.UpdateEvaluation(ctx, tx, &e); err != nil {
			return in, err
		}
		return e, s.audit(ctx, tx, actor, policy.EvaluationEdit, "evaluation", e.ID, nil)
	})
}

// SignEvaluation puts the evaluator's name under the evaluation at the version
// that the signer read: the vendor's own qualified person for that class, a person
// of the evaluator's organisation for the others. The vendor's own class needs no
// signature.
func (s *Service) SignEvaluation(ctx context.Context, actor policy.Actor, evaluationID string, version int64, qualification string, sworn bool) (scheme.Evaluation, error) {
	const op = "casework.SignEvaluation"
	return do(ctx, s, "SignEvaluation", actor, "", func(tx *store.Tx) (scheme.Evaluation, error) {
		e, err := s.evaluation(ctx, tx, actor, policy.EvaluationSign, evaluationID)
		if err != nil {
			return e, err
		}
		if err := unlocked(ctx, tx, e.ID); err != nil {
			return e, err
		}
		if err := current(e.Version, version); err != nil {
			return e, err
		}
		if e.Class == "" || !e.Class.NeedsSignature() {
			return e, fault.New(fault.Conflict, op, "casework.sign.none")
		}
		evaluates := e.Class.NeedsHandover()
		if evaluates != (actor.Role == scheme.Evaluator) || evaluates && actor.OrganisationID != e.EvaluatorOrgID {
			return e, fault.New(fault.Denied, op, "casework.sign.other")
		}
		if evaluates {
			own, err := store.PersonActsFor(ctx, tx, actor.PersonID, e.OrganisationID)
			if err != nil {
				return e, err
			}
			if own {
				return e, fault.New(fault.Denied, op, "casework.sign.involved")
			}
		}
		if slices.ContainsFunc(e.Answers, func(a scheme.Answer) bool { return a.Result == scheme.ResultNone }) {
			return e, fault.New(fault.Conflict, op, "casework.sign.unanswered")
		}
		var c shape
		c.line("evaluation.qualification", &qualification)
		if e.Class == scheme.ClassVendorQualified || e.Class == scheme.ClassExternalQualified {
			if qualification == "" {
				c.bad("evaluation.qualification", "formcheck.F-47")
			}
			if !sworn {
				c.bad("evaluation.sworn", "formcheck.F-48")
			}
		}
		if err := c.err(op); err != nil {
			return e, err
		}
		p, err := store.Product(ctx, tx, e.ProductID, store.Everyone)
		if err != nil {
			return e, err
		}
		e.Signature = &scheme.Signature{PersonID: actor.PersonID, PersonName: actor.PersonName, OrganisationID: actor.OrganisationID,
			At: tx.At, Digest: formcheck.ChecklistDigest(&e, &p), Qualification: qualification, Sworn: sworn}
		if e.Signature.Digest == "" {
			return e, fmt.Errorf("%s: the checklist has no digest", op)
		}
		if err := store.UpdateEvaluation(ctx, tx, &e); err != nil {
			return e, err
		}
		return e, s.audit(ctx, tx, actor, policy.EvaluationSign, "evaluation", e.ID, map[string]string{"digest": e.Signature.Digest})
	})
}

// followsRule reports whether a result is what the rules gave, without a word of a person.
func followsRule(a *scheme.Answer) bool {
	return a.Rule != "" && a.Verdict == string(a.Result) && a.Justification == "" && a.PublicReason == ""
}

// propose writes what the rules gave into the answers. A result that a person
// chose stays; one that is empty, or that the rules gave before and nobody wrote
// a word about, becomes what the rules give now.
func propose(e *scheme.Evaluation, verdicts []criteria.Verdict) {
	for _, v := range verdicts {
		a := e.Answer(v.Criterion)
		if a == nil {
			continue
		}
		byRule := followsRule(a)
		a.Verdict, a.Rule = string(v.Outcome), v.Rule
		if a.Result != scheme.ResultNone && !byRule {
			continue
		}
		switch v.Outcome {
		case criteria.Conforms:
			a.Result = scheme.ResultConforms
		case criteria.NotApplicable:
			a.Result = scheme.ResultNotApplicable
		case criteria.DoesNotConform:
			a.Result = scheme.ResultDoesNot
		default:
			a.Result = scheme.ResultNone
		}
	}
}
