package casework

import (
	"context"
	"slices"

	"hoshi/internal/fault"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Labels returns the labels that the actor may see, the newest first, without
// their reports and revocations.
func (s *Service) Labels(ctx context.Context, actor policy.Actor) ([]LabelView, error) {
	return see(ctx, s, actor, func(tx *store.Tx) ([]LabelView, error) {
		if err := policy.Require(actor, policy.LabelView, policy.Resource{OrganisationID: actor.OrganisationID}); err != nil {
			return nil, err
		}
		list, err := store.Labels(ctx, tx, tenant(actor))
		if err != nil {
			return nil, err
		}
		out := []LabelView{}
		for _, l := range list {
			v, err := s.labelView(ctx, tx, l)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	})
}

func (s *Service) labelView(ctx context.Context, tx *store.Tx, l scheme.Label) (LabelView, error) {
	v := LabelView{Label: l, Status: l.StatusOn(s.today(tx))}
	row, err := store.PublicLabelOf(ctx, tx, l.ID)
	if err != nil {
		return v, err
	}
	if v.Statement, err = label.Decode(row.Doc); err != nil {
		return v, err
	}
	v.ProductName = v.Statement.Product.Name
	return v, nil
}

// Label returns a label with its statement as the public reads it, its change
// reports, and its newest revocation. The applicant does not see a revocation
// that is only proposed.
func (s *Service) Label(ctx context.Context, actor policy.Actor, id string) (LabelView, error) {
	return see(ctx, s, actor, func(tx *store.Tx) (LabelView, error) {
		l, err := store.Label(ctx, tx, id, tenant(actor))
		if err != nil {
			return LabelView{}, err
		}
		r := policy.Resource{OrganisationID: l.OrganisationID}
		if err := policy.Require(actor, policy.LabelView, r); err != nil {
			return LabelView{}, err
		}
		v, err := s.labelView(ctx, tx, l)
		if err != nil {
			return v, err
		}
		if v.Reports, err = store.ChangeReports(ctx, tx, l.ID); err != nil {
			return v, err
		}
		all, err := store.Revocations(ctx, tx, l.ID)
		if err != nil {
			return v, err
		}
		st := s.labelStanding(tx, actor, l, "given", all)
		// Nobody revokes directly: the action is confirming a proposal.
		actions, err := actionViews(scheme.LabelTable, "label.", l.State, st, r)
		if err != nil {
			return v, err
		}
		v.Actions = slices.DeleteFunc(actions, func(a ActionView) bool { return a.Action == string(scheme.LabelRevoke) })
		for _, rev := range all {
			if (v.Revocation == nil || rev.ProposedAt.After(v.Revocation.ProposedAt)) && actor.Role == scheme.Officer {
				v.Revocation = &rev
			}
		}
		if actor.Role != scheme.Officer {
			return v, nil
		}
		if _, open := openRevocation(all); !open && l.State != scheme.LabelRevoked {
			v.Actions = append(v.Actions, ActionView{Action: "propose-revocation", Allowed: true})
		}
		if v.Revocation != nil {
			st := standing{actor: actor, reason: "given", proposer: v.Revocation.ProposedBy, involved: involved(ctx, tx, actor, l.OrganisationID)}
			more, err := actionViews(scheme.RevocationTable, "revocation.", v.Revocation.State, st, policy.Resource{})
			if err != nil {
				return v, err
			}
			v.Actions = append(v.Actions, more...)
		}
		return v, nil
	})
}

func openRevocation(all []scheme.Revocation) (scheme.Revocation, bool) {
	i := slices.IndexFunc(all, func(r scheme.Revocation) bool { return r.State == scheme.RevocationProposed })
	if i < 0 {
		return scheme.Revocation{}, false
	}
	return all[i], true
}

func (s *Service) labelStanding(tx *store.Tx, actor policy.Actor, l scheme.Label, reason string, revocations []scheme.Revocation) standing {
	_, open := openRevocation(revocations)
	return standing{actor: actor, owner: l.OrganisationID, reason: reason, openRevocation: open, pastLastDay: s.today(tx).After(l.LastDay)}
}

// ending is how a label ends.
type ending struct {
	action    scheme.LabelAction
	leaf      ledger.Type
	ground    string // code in the leaf and on the public page, "" = none
	reason    string // public words, "" = none
	confirmed bool   // a revocation that another person confirmed
}

// end takes a label's transition and writes what the public learns of it: the
// leaf, the public row, the job. The caller has asked the policy.
func (s *Service) end(ctx context.Context, tx *store.Tx, actor policy.Actor, l *scheme.Label, e ending) error {
	tr, err := step(scheme.LabelTable, "label", l.State, e.action, actor)
	if err != nil {
		return err
	}
	revocations, err := store.Revocations(ctx, tx, l.ID)
	if err != nil {
		return err
	}
	st := s.labelStanding(tx, actor, *l, e.reason, revocations)
	st.confirmed = e.confirmed
	if err := st.check(tr.Guards); err != nil {
		return err
	}
	l.State, l.Since, l.Reason = tr.To, tx.At, e.reason
	if e.action == scheme.LabelReportChange {
		l.Reason = "" // what changed is between the vendor and the scheme
	}
	if err := store.UpdateLabel(ctx, tx, l); err != nil {
		return err
	}
	if err := s.audit(ctx, tx, actor, policy.Action("label."+string(e.action)), "label", l.ID, map[string]string{"reason": e.reason}); err != nil {
		return err
	}
	if err := s.enqueue(ctx, tx, JobPublish, l.ID, map[string]string{"label": l.ID}); err != nil {
		return err
	}
	row, err := store.PublicLabelOf(ctx, tx, l.ID)
	if err != nil {
		return err
	}
	leaf, err := s.leafOf(tx, e.leaf, *l)
	if err != nil {
		return err
	}
	leaf.Reason = e.ground
	row.State, row.Since, row.Ground, row.Reason, row.ReasonSalt, row.LastLeafID = l.State, l.Since, e.ground, l.Reason, "", leaf.ID
	row.Version++
	if l.Reason != "" {
		salt, err := ledger.NewSalt(s.Rand)
		if err != nil {
			return err
		}
		text, err := ledger.Canonical(l.Reason)
		if err != nil {
			return err
		}
		leaf.Commitments = map[string]string{"reason": ledger.Commit(salt, "reason", string(text))}
		row.ReasonSalt = salt.String()
	}
	if err := store.PutPublicLabel(ctx, tx, row); err != nil {
		return err
	}
	return store.AppendLeaf(ctx, tx, leaf)
}

// mine loads a label of the actor's organisation for an action at a version.
func (s *Service) mine(ctx context.Context, tx *store.Tx, actor policy.Actor, action scheme.LabelAction, id string, version int64) (scheme.Label, error) {
	l, err := store.Label(ctx, tx, id, tenant(actor))
	if err != nil {
		return l, err
	}
	if err := policy.Require(actor, policy.Action("label."+string(action)), policy.Resource{OrganisationID: l.OrganisationID}); err != nil {
		return l, err
	}
	return l, current(l.Version, version)
}

// WithdrawLabel ends a label at its holder's wish (自主取下げ); not while a revocation is open.
func (s *Service) WithdrawLabel(ctx context.Context, actor policy.Actor, labelID string, version int64, once Once) (scheme.Label, error) {
	return do(ctx, s, "WithdrawLabel", actor, once, func(tx *store.Tx) (scheme.Label, error) {
		l, err := s.mine(ctx, tx, actor, scheme.LabelWithdraw, labelID, version)
		if err != nil {
			return l, err
		}
		return l, s.end(ctx, tx, actor, &l, ending{action: scheme.LabelWithdraw, leaf: ledger.LabelWithdrawn})
	})
}

// ReportChange receives a change report (変更届) on a change that affects the
// evaluation. The label lapses on receipt (report 3.7). What changed is not published.
func (s *Service) ReportChange(ctx context.Context, actor policy.Actor, labelID string, version int64, what string, once Once) (scheme.Label, error) {
	return do(ctx, s, "ReportChange", actor, once, func(tx *store.Tx) (scheme.Label, error) {
		l, err := s.mine(ctx, tx, actor, scheme.LabelReportChange, labelID, version)
		if err != nil {
			return l, err
		}
		if err := shapeText("what", &what); err != nil {
			return l, err
		}
		id, err := s.newID()
		if err != nil {
			return l, err
		}
		e := ending{action: scheme.LabelReportChange, leaf: ledger.LabelLapsed, ground: "change-report", reason: what}
		if err := s.end(ctx, tx, actor, &l, e); err != nil {
			return l, err
		}
		return l, store.InsertChangeReport(ctx, tx, scheme.ChangeReport{ID: id, LabelID: l.ID, What: what, By: actor.PersonID, At: tx.At})
	})
}

// ExpireDue ends, as the system, the labels whose inclusive last day is over; it
// returns how many. Each label is its own transaction.
func (s *Service) ExpireDue(ctx context.Context) (int, error) {
	const batch = 500
	done := 0
	for {
		var due []scheme.Label
		err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
			due, err = store.LabelsPast(ctx, tx, s.today(tx), batch)
			return err
		})
		if err != nil {
			return done, err
		}
		for _, d := range due {
			_, err := do(ctx, s, "ExpireDue", policy.SystemActor, "", func(tx *store.Tx) (scheme.Label, error) {
				l, err := store.Label(ctx, tx, d.ID, store.Everyone)
				if err != nil {
					return l, err
				}
				return l, s.end(ctx, tx, policy.SystemActor, &l, ending{action: scheme.LabelExpire, leaf: ledger.LabelExpired})
			})
			switch {
			case err == nil:
				done++
			case !fault.Is(err, fault.Conflict): // another process, or another end, was first
				return done, err
			}
		}
		if len(due) < batch {
			return done, nil
		}
	}
}
