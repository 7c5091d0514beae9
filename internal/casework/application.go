package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/formcheck"
	"hoshi/internal/ledger"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

func applicationResource(a scheme.Application) policy.Resource {
	return policy.Resource{OrganisationID: a.OrganisationID, Submitted: !a.Submitted.IsZero()}
}

func applicationAction(a scheme.ApplicationAction) policy.Action {
	return policy.Action("application." + string(a))
}

// CreateApplication begins an application (適合ラベル取得申請) on an evaluation. An
// evaluation has one open application at most.
func (s *Service) CreateApplication(ctx context.Context, actor policy.Actor, evaluationID string, once Once) (scheme.Application, error) {
	const op = "casework.CreateApplication"
	return do(ctx, s, "CreateApplication", actor, once, func(tx *store.Tx) (scheme.Application, error) {
		var none scheme.Application
		e, err := store.Evaluation(ctx, tx, evaluationID, tenant(actor))
		if err != nil {
			return none, err
		}
		if err := policy.Require(actor, policy.ApplicationCreate, policy.Resource{OrganisationID: e.OrganisationID}); err != nil {
			return none, err
		}
		if err := unlocked(ctx, tx, e.ID); err != nil {
			return none, err
		}
		ed, err := s.Editions(e.EditionID)
		if err != nil {
			return none, err
		}
		a := scheme.Application{OrganisationID: e.OrganisationID, ProductID: e.ProductID, EvaluationID: e.ID, Level: ed.Level,
			EditionID: e.EditionID, State: scheme.ApplicationDraft, Version: 1, Comments: []scheme.Comment{},
			Form: scheme.ApplicationForm{Months: s.Settings.Validity.MaxMonths}}
		if a.ID, err = s.newID(); err != nil {
			return none, err
		}
		if err := store.InsertApplication(ctx, tx, a); err != nil {
			if fault.Is(err, fault.Conflict) {
				return none, fault.Wrap(fault.Conflict, op, err, "casework.application.open")
			}
			return none, err
		}
		return a, s.audit(ctx, tx, actor, policy.ApplicationCreate, "application", a.ID, nil)
	})
}

// SaveApplication saves the form, complete or not. The instant of the declaration
// is the program's, not the form's.
func (s *Service) SaveApplication(ctx context.Context, actor policy.Actor, id string, version int64, form scheme.ApplicationForm) (scheme.Application, error) {
	return s.move(ctx, actor, id, version, "", scheme.ApplicationEdit, "", func(tx *store.Tx, a *scheme.Application) (any, error) {
		if err := shapeForm(&form); err != nil {
			return nil, err
		}
		form.DeclaredAt = time.Time{}
		if form.Declared {
			form.DeclaredAt = tx.At
			if a.Form.Declared && a.Form.DeclaredBy == form.DeclaredBy {
				form.DeclaredAt = a.Form.DeclaredAt
			}
		}
		a.Form = form
		return nil, nil
	})
}

// WithdrawApplication ends an application before it is decided (取下げ).
func (s *Service) WithdrawApplication(ctx context.Context, actor policy.Actor, id string, version int64, once Once) (scheme.Application, error) {
	return s.move(ctx, actor, id, version, once, scheme.ApplicationWithdraw, "", nil)
}

// move takes one transition of an application: policy, version, table, guards,
// then effect, which may change the application and return what the audit trail
// keeps of the act, then the save.
func (s *Service) move(ctx context.Context, actor policy.Actor, id string, version int64, once Once, action scheme.ApplicationAction,
	reason string, effect func(*store.Tx, *scheme.Application) (any, error)) (scheme.Application, error) {
	return do(ctx, s, string(action)+" "+id, actor, once, func(tx *store.Tx) (scheme.Application, error) {
		a, err := s.application(ctx, tx, actor, action, id, version, &reason)
		if err != nil {
			return a, err
		}
		var detail any
		if effect != nil {
			if detail, err = effect(tx, &a); err != nil {
				return a, err
			}
		}
		if err := store.UpdateApplication(ctx, tx, &a); err != nil {
			return a, err
		}
		if err := s.audit(ctx, tx, actor, applicationAction(action), "application", a.ID, detail); err != nil {
			return a, err
		}
		return forRole(actor.Role, a, nil), nil
	})
}

// application loads an application for an action, everything checked, and puts
// it into the action's next state.
func (s *Service) application(ctx context.Context, tx *store.Tx, actor policy.Actor, action scheme.ApplicationAction, id string, version int64, reason *string) (scheme.Application, error) {
	a, err := store.Application(ctx, tx, id, tenant(actor))
	if err != nil {
		return a, err
	}
	if err := policy.Require(actor, applicationAction(action), applicationResource(a)); err != nil {
		return a, err
	}
	if err := current(a.Version, version); err != nil {
		return a, err
	}
	tr, err := step(scheme.ApplicationTable, "application", a.State, action, actor)
	if err != nil {
		return a, err
	}
	if err := shapeText("reason", reason); err != nil {
		return a, err
	}
	if err := s.applicationStanding(ctx, tx, actor, a, *reason).check(tr.Guards); err != nil {
		return a, err
	}
	a.State = tr.To
	return a, nil
}

func (s *Service) applicationStanding(ctx context.Context, tx *store.Tx, actor policy.Actor, a scheme.Application, reason string) standing {
	st := standing{actor: actor, owner: a.OrganisationID, reason: reason}
	if p := a.Proposal; p != nil {
		st.proposer = p.By
		if p.Snapshot == a.Snapshot { // a proposal on something else is none
			st.proposedGrant = &p.Grant
		}
	}
	st.involved = involved(ctx, tx, actor, a.OrganisationID)
	st.editionInForce = func() (bool, error) { return s.Settings.EditionInForce(a.Level, a.EditionID), nil }
	st.defects = func() ([]formcheck.Defect, error) {
		_, defects, err := s.assemble(ctx, tx, a)
		return defects, err
	}
	return st
}

// assemble puts together what a submission would freeze now, and checks its form.
func (s *Service) assemble(ctx context.Context, tx *store.Tx, a scheme.Application) (scheme.Snapshot, []formcheck.Defect, error) {
	snap := scheme.Snapshot{Application: a.ID, Form: a.Form, Edition: a.EditionID, Round: a.Round}
	var err error
	if snap.Evaluation, err = store.Evaluation(ctx, tx, a.EvaluationID, store.Everyone); err != nil {
		return snap, nil, err
	}
	if snap.Product, err = store.Product(ctx, tx, a.ProductID, store.Everyone); err != nil {
		return snap, nil, err
	}
	if snap.Organisation, err = store.Organisation(ctx, tx, a.OrganisationID); err != nil {
		return snap, nil, err
	}
	ed, err := s.Editions(a.EditionID)
	if err != nil {
		return snap, nil, err
	}
	snap.EditionHash = ed.Digest()
	in := formcheck.Input{Snapshot: snap}
	if in.Keys, err = s.evaluationKeys(ctx, tx, snap.Evaluation); err != nil {
		return snap, nil, err
	}
	if id := snap.Evaluation.EvaluatorOrgID; id != "" {
		org, err := store.Organisation(ctx, tx, id)
		if err != nil {
			return snap, nil, err
		}
		in.Evaluator = &org
	}
	return snap, formcheck.Check(in, ed, s.Settings, s.today(tx)), nil
}

// CheckForm returns every defect that the form check finds in the working copy.
func (s *Service) CheckForm(ctx context.Context, actor policy.Actor, id string) ([]formcheck.Defect, error) {
	return see(ctx, s, actor, func(tx *store.Tx) ([]formcheck.Defect, error) {
		a, err := store.Application(ctx, tx, id, tenant(actor))
		if err != nil {
			return nil, err
		}
		if err := policy.Require(actor, applicationAction(scheme.ApplicationEdit), applicationResource(a)); err != nil {
			return nil, err
		}
		_, defects, err := s.assemble(ctx, tx, a)
		return defects, err
	})
}

// Submit hands the application in, the first time or again after questions: it
// freezes a hashed snapshot and, the first time, issues the 申請番号. The defects of
// the form check are the places of a fault.Invalid.
func (s *Service) Submit(ctx context.Context, actor policy.Actor, id string, version int64, once Once) (scheme.Application, error) {
	return s.move(ctx, actor, id, version, once, scheme.ApplicationSubmit, "", func(tx *store.Tx, a *scheme.Application) (any, error) {
		snap, _, err := s.assemble(ctx, tx, *a)
		if err != nil {
			return nil, err
		}
		body, err := ledger.Canonical(snap)
		if err != nil {
			return nil, fmt.Errorf("casework.Submit: %w", err)
		}
		a.Snapshot, a.Proposal = digestOf(body), nil
		err = store.InsertSnapshot(ctx, tx, store.Snapshot{Digest: a.Snapshot, ApplicationID: a.ID, Round: a.Round, Taken: tx.At, Body: body})
		if err != nil {
			return nil, err
		}
		if a.Number == "" {
			level, ok := s.Settings.Level(a.Level)
			if !ok {
				return nil, fault.New(fault.Conflict, "casework.Submit", "casework.level", "level", a.Level)
			}
			if a.Number, err = s.takeNumber(ctx, tx, scheme.ApplicationNumber, level); err != nil {
				return nil, err
			}
		}
		a.Submitted = tx.At
		return map[string]string{"number": a.Number, "snapshot": a.Snapshot}, nil
	})
}

// Applications returns the applications of the actor's organisation, the last changed first.
func (s *Service) Applications(ctx context.Context, actor policy.Actor) ([]ApplicationRow, error) {
	return see(ctx, s, actor, func(tx *store.Tx) ([]ApplicationRow, error) {
		if err := policy.Require(actor, policy.ApplicationView, policy.Resource{OrganisationID: actor.OrganisationID}); err != nil {
			return nil, err
		}
		list, err := store.Applications(ctx, tx, actor.OrganisationID)
		if err != nil {
			return nil, err
		}
		out := []ApplicationRow{}
		for _, a := range list {
			row := ApplicationRow{Application: forRole(actor.Role, a, nil)}
			p, err := store.Product(ctx, tx, a.ProductID, tenant(actor))
			if err != nil {
				return nil, err
			}
			row.ProductName = p.Name
			if a.LabelID != "" {
				l, err := store.Label(ctx, tx, a.LabelID, tenant(actor))
				if err != nil {
					return nil, err
				}
				row.LabelState = l.State
			}
			out = append(out, row)
		}
		return out, nil
	})
}

// Application returns an application: to its applicant the working copy, to an
// officer what was submitted.
func (s *Service) Application(ctx context.Context, actor policy.Actor, id string) (ApplicationView, error) {
	return see(ctx, s, actor, func(tx *store.Tx) (ApplicationView, error) {
		var v ApplicationView
		a, err := store.Application(ctx, tx, id, tenant(actor))
		if err != nil {
			return v, err
		}
		if err := policy.Require(actor, policy.ApplicationView, applicationResource(a)); err != nil {
			return v, err
		}
		if err := s.submissions(ctx, tx, a, &v); err != nil {
			return v, err
		}
		if v.Edition, err = s.Editions(a.EditionID); err != nil {
			return v, err
		}
		st := s.applicationStanding(ctx, tx, actor, a, "given")
		if v.Actions, err = actionViews(scheme.ApplicationTable, "application.", a.State, st, applicationResource(a)); err != nil {
			return v, err
		}
		v.Application = forRole(actor.Role, a, v.Snapshot)
		if actor.Role != scheme.Applicant {
			v.Product, v.Evaluation, v.Organisation = v.Snapshot.Product, v.Snapshot.Evaluation, v.Snapshot.Organisation
			return v, nil
		}
		snap, _, err := s.assemble(ctx, tx, a)
		v.Product, v.Evaluation, v.Organisation = snap.Product, snap.Evaluation, snap.Organisation
		return v, err
	})
}

// submissions fills in the last two submissions and what differs.
func (s *Service) submissions(ctx context.Context, tx *store.Tx, a scheme.Application, v *ApplicationView) error {
	list, err := store.Snapshots(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	for i, at := range []**scheme.Snapshot{&v.Snapshot, &v.Previous} {
		if n := len(list) - 1 - i; n >= 0 {
			if *at, err = openSnapshot(list[n]); err != nil {
				return err
			}
		}
	}
	if v.Previous != nil {
		v.Differences, err = Differences(v.Previous, v.Snapshot)
	}
	return err
}

// openSnapshot reads a kept submission after comparing it with its digest.
func openSnapshot(s store.Snapshot) (*scheme.Snapshot, error) {
	if digestOf(s.Body) != s.Digest {
		return nil, fault.Wrap(fault.Internal, "casework.snapshot", fmt.Errorf("submission %s does not have its digest", s.Digest), "fault.internal")
	}
	var out scheme.Snapshot
	if err := json.Unmarshal(s.Body, &out); err != nil {
		return nil, fmt.Errorf("casework.snapshot: %w", err)
	}
	return &out, nil
}

// forRole takes out of an application what the role does not see: an officer sees
// the form as it was submitted, and answers only once they are sent; an applicant
// does not see what officers propose to one another.
func forRole(role scheme.Role, a scheme.Application, snap *scheme.Snapshot) scheme.Application {
	if role == scheme.Applicant {
		a.Proposal = nil
		return a
	}
	a.Form = scheme.ApplicationForm{}
	if snap != nil {
		a.Form = snap.Form
	}
	if a.State == scheme.ApplicationReturned {
		a.Comments = slices.DeleteFunc(slices.Clone(a.Comments), func(c scheme.Comment) bool {
			return c.Round == a.Round && c.Role == scheme.Applicant
		})
	}
	return a
}

// turn says whose turn it is in a state, from the table.
func turn(state scheme.ApplicationState) scheme.Role {
	for _, role := range []scheme.Role{scheme.Officer, scheme.Applicant} {
		if len(scheme.ApplicationTable.Actions(state, role)) > 0 {
			return role
		}
	}
	return ""
}

// comments makes a round's comments of what a person wrote; blank ones are left out.
func comments(actor policy.Actor, at time.Time, round int, ed *criteria.Edition, in []scheme.Comment) ([]scheme.Comment, error) {
	var c shape
	var out []scheme.Comment
	c.count("comments", len(in))
	for i, q := range in {
		field := fmt.Sprintf("comments[%d]", i)
		c.lines(field+".text", &q.Text)
		c.line(field+".field", &q.Field)
		if id, ok := strings.CutPrefix(q.Field, "answers."); ok {
			if _, known := ed.Criterion(id); !known {
				c.bad(field+".field", "casework.shape.word")
			}
		}
		if q.Text != "" {
			out = append(out, scheme.Comment{Round: round, Field: q.Field, Text: q.Text, By: actor.PersonID, ByName: actor.PersonName,
				Role: actor.Role, At: at})
		}
	}
	return out, c.err("casework.comments")
}
