package casework

import (
	"context"

	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Queue returns the officers' work: submitted applications that are not over, the
// longest waiting first.
func (s *Service) Queue(ctx context.Context, actor policy.Actor) ([]QueueRow, error) {
	return see(ctx, s, actor, func(tx *store.Tx) ([]QueueRow, error) {
		if err := policy.Require(actor, policy.QueueView, policy.Resource{}); err != nil {
			return nil, err
		}
		list, err := store.Queue(ctx, tx)
		if err != nil {
			return nil, err
		}
		out := []QueueRow{}
		for _, a := range list {
			var v ApplicationView
			if err := s.submissions(ctx, tx, a, &v); err != nil {
				return nil, err
			}
			row := QueueRow{Application: forRole(actor.Role, a, v.Snapshot), ProductName: v.Snapshot.Product.Name,
				Organisation: v.Snapshot.Organisation.Name, Turn: turn(a.State), Since: a.Submitted}
			switch {
			case a.State == scheme.ApplicationProposed && a.Proposal != nil:
				row.Since = a.Proposal.At
				row.MayDecide = a.Proposal.By != actor.PersonID
			case a.State == scheme.ApplicationReturned:
				row.Turn = scheme.Applicant
				for _, c := range a.Comments {
					if c.Round == a.Round && c.Role == scheme.Officer {
						row.Since = c.At
					}
				}
			}
			row.Waiting = tx.At.Sub(row.Since)
			out = append(out, row)
		}
		return out, nil
	})
}

// Ask sends questions back to the applicant and opens the next comment round. Only
// Field and Text of the comments are read; at least one must have a text.
func (s *Service) Ask(ctx context.Context, actor policy.Actor, id string, version int64, questions []scheme.Comment, once Once) (scheme.Application, error) {
	reason := ""
	for _, q := range questions {
		reason = join(reason, q.Text)
	}
	return s.move(ctx, actor, id, version, once, scheme.ApplicationAsk, reason, func(tx *store.Tx, a *scheme.Application) (any, error) {
		ed, err := s.Editions(a.EditionID)
		if err != nil {
			return nil, err
		}
		a.Round++
		list, err := comments(actor, tx.At, a.Round, ed, questions)
		if err != nil {
			return nil, err
		}
		a.Comments, a.Proposal = append(a.Comments, list...), nil
		return map[string]int{"round": a.Round, "questions": len(list)}, nil
	})
}

// join is enough of all texts to know that one of them says something.
func join(a, b string) string {
	if a != "" || len(b) == 0 {
		return a
	}
	if r := []rune(b); len(r) > maxText {
		return string(r[:maxText])
	}
	return b
}

// AnswerComments adds the applicant's answers to the open round, in place of those
// that were written before; resubmission sends them.
func (s *Service) AnswerComments(ctx context.Context, actor policy.Actor, id string, version int64, answers []scheme.Comment) (scheme.Application, error) {
	return s.move(ctx, actor, id, version, "", scheme.ApplicationEdit, "", func(tx *store.Tx, a *scheme.Application) (any, error) {
		if a.State != scheme.ApplicationReturned {
			return nil, fault.New(fault.Conflict, "casework.AnswerComments", "casework.not-now.application")
		}
		ed, err := s.Editions(a.EditionID)
		if err != nil {
			return nil, err
		}
		list, err := comments(actor, tx.At, a.Round, ed, answers)
		if err != nil {
			return nil, err
		}
		kept := a.Comments[:0:0]
		for _, c := range a.Comments {
			if c.Round != a.Round || c.Role != scheme.Applicant {
				kept = append(kept, c)
			}
		}
		a.Comments = append(kept, list...)
		return map[string]int{"round": a.Round, "answers": len(list)}, nil
	})
}

// Accept accepts the application (受理) and issues the 受理番号.
func (s *Service) Accept(ctx context.Context, actor policy.Actor, id string, version int64, once Once) (scheme.Application, error) {
	return s.move(ctx, actor, id, version, once, scheme.ApplicationAccept, "", func(tx *store.Tx, a *scheme.Application) (any, error) {
		if a.Acceptance != "" { // accepted before questions were asked: the number stays
			return nil, nil
		}
		level, ok := s.Settings.Level(a.Level)
		if !ok {
			return nil, fault.New(fault.Conflict, "casework.Accept", "casework.level", "level", a.Level)
		}
		var err error
		a.Acceptance, err = s.takeNumber(ctx, tx, scheme.AcceptanceNumber, level)
		return map[string]string{"acceptance": a.Acceptance}, err
	})
}

// ProposeGrant puts a grant before another officer. The proposal is on what was submitted last.
func (s *Service) ProposeGrant(ctx context.Context, actor policy.Actor, id string, version int64, reason string, once Once) (scheme.Application, error) {
	return s.proposal(ctx, actor, id, version, scheme.ApplicationProposeGrant, reason, once)
}

// ProposeDecline puts a refusal before another officer; it needs a reason.
func (s *Service) ProposeDecline(ctx context.Context, actor policy.Actor, id string, version int64, reason string, once Once) (scheme.Application, error) {
	return s.proposal(ctx, actor, id, version, scheme.ApplicationProposeDecline, reason, once)
}

func (s *Service) proposal(ctx context.Context, actor policy.Actor, id string, version int64, action scheme.ApplicationAction, reason string, once Once) (scheme.Application, error) {
	return s.move(ctx, actor, id, version, once, action, reason, func(tx *store.Tx, a *scheme.Application) (any, error) {
		a.Proposal = &scheme.Proposal{Grant: action == scheme.ApplicationProposeGrant, Reason: reason, By: actor.PersonID,
			ByName: actor.PersonName, At: tx.At, Snapshot: a.Snapshot}
		return map[string]string{"reason": reason, "snapshot": a.Snapshot}, nil
	})
}

// SendBack takes the proposal from the table: another officer refuses it, or the
// proposer takes it back. The reason stands in the audit trail.
func (s *Service) SendBack(ctx context.Context, actor policy.Actor, id string, version int64, reason string, once Once) (scheme.Application, error) {
	return s.move(ctx, actor, id, version, once, scheme.ApplicationSendBack, reason, func(tx *store.Tx, a *scheme.Application) (any, error) {
		a.Proposal = nil
		return map[string]string{"reason": reason}, nil
	})
}

// Decline decides against a label (不交付), on another person's proposal.
func (s *Service) Decline(ctx context.Context, actor policy.Actor, id string, version int64, reason string, once Once) (scheme.Application, error) {
	return s.move(ctx, actor, id, version, once, scheme.ApplicationDecline, reason, func(tx *store.Tx, a *scheme.Application) (any, error) {
		a.Decision = &scheme.Decision{Reason: reason, By: actor.PersonID, ByName: actor.PersonName, At: tx.At}
		return map[string]string{"reason": reason, "snapshot": a.Snapshot}, nil
	})
}
