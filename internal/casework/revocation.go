package casework

import (
	"context"
	"slices"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// ProposeRevocation puts the revocation (取消し) of a label before another officer,
// with its ground and the words that the public will read. A label has one open
// proposal at most, and one that is revoked already gets none.
func (s *Service) ProposeRevocation(ctx context.Context, actor policy.Actor, labelID string, ground scheme.RevocationGround, publicReason string, once Once) (scheme.Revocation, error) {
	const op = "casework.ProposeRevocation"
	return do(ctx, s, "ProposeRevocation", actor, once, func(tx *store.Tx) (scheme.Revocation, error) {
		var none scheme.Revocation
		if err := policy.Require(actor, policy.RevocationPropose, policy.Resource{}); err != nil {
			return none, err
		}
		l, err := store.Label(ctx, tx, labelID, tenant(actor))
		if err != nil {
			return none, err
		}
		if _, ok := scheme.LabelTable.Find(l.State, scheme.LabelRevoke); !ok {
			return none, fault.New(fault.Conflict, op, "casework.not-now.label")
		}
		var c shape
		c.lines("publicReason", &publicReason)
		if publicReason == "" {
			c.bad("publicReason", "casework.guard.reason")
		}
		if !slices.Contains(scheme.RevocationGrounds, ground) {
			c.bad("ground", "casework.shape.word")
		}
		if err := c.err(op); err != nil {
			return none, err
		}
		r := scheme.Revocation{LabelID: l.ID, State: scheme.RevocationProposed, Ground: ground, PublicReason: publicReason,
			ProposedBy: actor.PersonID, ProposedName: actor.PersonName, ProposedAt: tx.At, Version: 1}
		if r.ID, err = s.newID(); err != nil {
			return none, err
		}
		if err := store.InsertRevocation(ctx, tx, r); err != nil {
			if fault.Is(err, fault.Conflict) {
				return none, fault.Wrap(fault.Conflict, op, err, "casework.revocation.open")
			}
			return none, err
		}
		return r, s.audit(ctx, tx, actor, policy.RevocationPropose, "label", l.ID, map[string]string{"revocation": r.ID, "ground": string(ground)})
	})
}

// ConfirmRevocation decides for a revocation, by another natural person than the
// proposer: the label is revoked for good, and the public reads why.
func (s *Service) ConfirmRevocation(ctx context.Context, actor policy.Actor, revocationID string, version int64, once Once) (scheme.Label, error) {
	return do(ctx, s, "ConfirmRevocation", actor, once, func(tx *store.Tx) (scheme.Label, error) {
		var none scheme.Label
		r, err := s.decideRevocation(ctx, tx, actor, revocationID, version, scheme.RevocationConfirm, "")
		if err != nil {
			return none, err
		}
		if err := policy.Require(actor, policy.Action("label."+string(scheme.LabelRevoke)), policy.Resource{}); err != nil {
			return none, err
		}
		l, err := store.Label(ctx, tx, r.LabelID, tenant(actor))
		if err != nil {
			return none, err
		}
		return l, s.end(ctx, tx, actor, &l, ending{action: scheme.LabelRevoke, leaf: ledger.LabelRevoked, ground: string(r.Ground),
			reason: r.PublicReason, confirmed: r.State == scheme.RevocationConfirmed})
	})
}

// DismissRevocation takes a proposal from the table: another officer refuses it, or
// the proposer takes it back. The label stands.
func (s *Service) DismissRevocation(ctx context.Context, actor policy.Actor, revocationID string, version int64, why string, once Once) (scheme.Revocation, error) {
	return do(ctx, s, "DismissRevocation", actor, once, func(tx *store.Tx) (scheme.Revocation, error) {
		return s.decideRevocation(ctx, tx, actor, revocationID, version, scheme.RevocationDismiss, why)
	})
}

func (s *Service) decideRevocation(ctx context.Context, tx *store.Tx, actor policy.Actor, id string, version int64, action scheme.RevocationAction, why string) (scheme.Revocation, error) {
	var none scheme.Revocation
	verb := policy.Action("revocation." + string(action))
	if err := policy.Require(actor, verb, policy.Resource{}); err != nil {
		return none, err
	}
	r, err := store.Revocation(ctx, tx, id)
	if err != nil {
		return none, err
	}
	if err := current(r.Version, version); err != nil {
		return none, err
	}
	tr, err := step(scheme.RevocationTable, "revocation", r.State, action, actor)
	if err != nil {
		return none, err
	}
	if err := shapeText("reason", &why); err != nil {
		return none, err
	}
	l, err := store.Label(ctx, tx, r.LabelID, tenant(actor))
	if err != nil {
		return none, err
	}
	st := standing{actor: actor, reason: why, proposer: r.ProposedBy, involved: involved(ctx, tx, actor, l.OrganisationID)}
	if err := st.check(tr.Guards); err != nil {
		return none, err
	}
	r.State, r.DecidedBy, r.DecidedAt, r.DecidedWhy = tr.To, actor.PersonID, tx.At, why
	if err := store.UpdateRevocation(ctx, tx, &r); err != nil {
		return none, err
	}
	return r, s.audit(ctx, tx, actor, verb, "label", r.LabelID, map[string]string{"revocation": r.ID, "why": why})
}
