package casework

import (
	"context"
	"fmt"

	"hoshi/internal/fault"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Grant decides for a label (交付), on another natural person's proposal and on
// exactly the submission that was proposed. In one transaction: the 登録番号 and
// the place in the status list, both without gaps; the label and its statement;
// the leaf of the public log with commitments to every field; the public row;
// the audit row; the job that publishes. What is published comes from the
// statement alone.
func (s *Service) Grant(ctx context.Context, actor policy.Actor, id string, version int64, once Once) (scheme.Label, error) {
	return do(ctx, s, "grant "+id, actor, once, func(tx *store.Tx) (scheme.Label, error) {
		var none scheme.Label
		reason := ""
		a, err := s.application(ctx, tx, actor, scheme.ApplicationGrant, id, version, &reason)
		if err != nil {
			return none, err
		}
		snap, err := s.submitted(ctx, tx, a)
		if err != nil {
			return none, err
		}
		level, ok := s.Settings.Level(a.Level)
		if !ok {
			return none, fault.New(fault.Conflict, "casework.Grant", "casework.level", "level", a.Level)
		}
		ed, err := s.Editions(a.EditionID)
		if err != nil {
			return none, err
		}
		if ed.Digest() != snap.EditionHash {
			return none, fault.New(fault.Conflict, "casework.Grant", "casework.edition-changed", "edition", ed.ID)
		}
		if m := snap.Form.Months; m < 1 || m > s.Settings.Validity.MaxMonths {
			return none, fault.New(fault.Conflict, "casework.Grant", "casework.months", "limit", s.Settings.Validity.MaxMonths)
		}
		lid, err := label.NewID(s.Rand)
		if err != nil {
			return none, fmt.Errorf("casework.Grant: %w", err)
		}
		issued := s.today(tx)
		l := scheme.Label{ID: string(lid), ApplicationID: a.ID, OrganisationID: a.OrganisationID, Level: a.Level, EditionID: a.EditionID,
			Issued: issued, LastDay: issued.LastDay(snap.Form.Months), State: scheme.LabelValid, Since: tx.At, Version: 1, Snapshot: a.Snapshot}

		a.LabelID = l.ID
		a.Decision = &scheme.Decision{Granted: true, Reason: a.Proposal.Reason, By: actor.PersonID, ByName: actor.PersonName, At: tx.At}
		if err := store.UpdateApplication(ctx, tx, &a); err != nil {
			return none, err
		}

		if err := s.enqueue(ctx, tx, JobPublish, l.ID, map[string]string{"label": l.ID}); err != nil {
			return none, err
		}

		// From here on other grants wait.
		p := s.Settings.Numbers[scheme.RegistrationNumber]
		series := s.series(tx, scheme.RegistrationNumber, level)
		n, place, err := store.NextNumbers(ctx, tx, string(scheme.RegistrationNumber)+" "+series, "status-list")
		if err != nil {
			return none, err
		}
		l.Registration, l.Serial = p.Number(series, n), place-1
		if err := s.record(ctx, tx, l, snap, ed, level); err != nil {
			return none, err
		}
		detail := map[string]string{"label": l.ID, "registration": l.Registration, "snapshot": a.Snapshot, "proposer": a.Proposal.By}
		if err := s.audit(ctx, tx, actor, applicationAction(scheme.ApplicationGrant), "application", a.ID, detail); err != nil {
			return none, err
		}
		return l, s.audit(ctx, tx, actor, applicationAction(scheme.ApplicationGrant), "label", l.ID, detail)
	})
}

// submitted returns what the application was submitted with last.
func (s *Service) submitted(ctx context.Context, tx *store.Tx, a scheme.Application) (*scheme.Snapshot, error) {
	list, err := store.Snapshots(ctx, tx, a.ID)
	if err != nil {
		return nil, err
	}
	for _, snap := range list {
		if snap.Digest == a.Snapshot {
			return openSnapshot(snap)
		}
	}
	return nil, fault.Wrap(fault.Internal, "casework.submitted", fmt.Errorf("submission %q is gone", a.Snapshot), "fault.internal")
}

// leafOf begins a leaf about a label.
func (s *Service) leafOf(tx *store.Tx, t ledger.Type, l scheme.Label) (ledger.Leaf, error) {
	id, err := s.newID()
	serial := l.Serial
	return ledger.Leaf{V: 1, Type: t, ID: string(t) + "-" + id, At: ledger.Seconds(tx.At), Scheme: s.Settings.ID,
		Subject: ledger.Subject{Label: l.ID, Serial: &serial}}, err
}
