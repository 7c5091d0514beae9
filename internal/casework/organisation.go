package casework

import (
	"context"

	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// RegisterOrganisation registers the vendor that an account without any
// membership acts for, and gives the account an applicant's membership in it. A
// corporate number that is registered already is fault.Conflict: its people must
// be added by that organisation.
func (s *Service) RegisterOrganisation(ctx context.Context, actor policy.Actor, o scheme.Organisation, once Once) (scheme.Organisation, error) {
	return do(ctx, s, "RegisterOrganisation", actor, once, func(tx *store.Tx) (scheme.Organisation, error) {
		var none scheme.Organisation
		if err := policy.Require(actor, policy.OrganisationRegister, policy.Resource{}); err != nil {
			return none, err
		}
		has, err := store.HasMembership(ctx, tx, actor.AccountID)
		if err != nil {
			return none, err
		}
		if has {
			return none, fault.New(fault.Conflict, "casework.RegisterOrganisation", "casework.organisation.have")
		}
		if err := shapeOrganisation(&o); err != nil {
			return none, err
		}
		if o.ID, err = s.newID(); err != nil {
			return none, err
		}
		o.Kind, o.Classes, o.Registered, o.Version = scheme.Vendor, nil, tx.At, 1
		if err := store.InsertOrganisation(ctx, tx, o); err != nil {
			return none, taken(err)
		}
		id, err := s.newID()
		if err != nil {
			return none, err
		}
		err = store.InsertMembership(ctx, tx, scheme.Membership{
			ID: id, AccountID: actor.AccountID, OrganisationID: o.ID, Role: scheme.Applicant, From: tx.At,
		})
		if err != nil {
			return none, err
		}
		return o, s.audit(ctx, tx, actor, policy.OrganisationRegister, "organisation", o.ID, map[string]string{"name": o.Name})
	})
}

// taken says of a unique key that it is the corporate number.
func taken(err error) error {
	if fault.Is(err, fault.Conflict) {
		return &fault.Error{Kind: fault.Conflict, Op: "casework.organisation", Key: "casework.organisation.number-taken", Err: err,
			Places: []fault.Place{{Field: "organisation.corporate", Key: "casework.organisation.number-taken"}}}
	}
	return err
}

// Organisation returns an organisation.
func (s *Service) Organisation(ctx context.Context, actor policy.Actor, id string) (scheme.Organisation, error) {
	return see(ctx, s, actor, func(tx *store.Tx) (scheme.Organisation, error) {
		if err := policy.Require(actor, policy.OrganisationView, policy.Resource{OrganisationID: id}); err != nil {
			return scheme.Organisation{}, err
		}
		return store.Organisation(ctx, tx, id)
	})
}

// SaveOrganisation saves what an organisation may change of itself: its names,
// numbers and country.
func (s *Service) SaveOrganisation(ctx context.Context, actor policy.Actor, in scheme.Organisation) (scheme.Organisation, error) {
	return do(ctx, s, "SaveOrganisation", actor, "", func(tx *store.Tx) (scheme.Organisation, error) {
		if err := policy.Require(actor, policy.OrganisationEdit, policy.Resource{OrganisationID: in.ID}); err != nil {
			return scheme.Organisation{}, err
		}
		if err := shapeOrganisation(&in); err != nil {
			return scheme.Organisation{}, err
		}
		o, err := store.Organisation(ctx, tx, in.ID)
		if err != nil {
			return o, err
		}
		if err := current(o.Version, in.Version); err != nil {
			return o, err
		}
		o.Name, o.NameEN, o.CorporateNumber, o.Country, o.Proof = in.Name, in.NameEN, in.CorporateNumber, in.Country, in.Proof
		if err := store.UpdateOrganisation(ctx, tx, &o); err != nil {
			return o, taken(err)
		}
		return o, s.audit(ctx, tx, actor, policy.OrganisationEdit, "organisation", o.ID, nil)
	})
}

// Evaluators returns the organisations that an evaluation can be given to: their
// ids, names and classes.
func (s *Service) Evaluators(ctx context.Context, actor policy.Actor) ([]scheme.Organisation, error) {
	return see(ctx, s, actor, func(tx *store.Tx) ([]scheme.Organisation, error) {
		if err := policy.Require(actor, policy.EvaluationCreate, policy.Resource{OrganisationID: actor.OrganisationID}); err != nil {
			return nil, err
		}
		all, err := store.Organisations(ctx, tx, scheme.Evaluating)
		for i, o := range all {
			all[i] = scheme.Organisation{ID: o.ID, Kind: o.Kind, Name: o.Name, NameEN: o.NameEN, Classes: o.Classes}
		}
		return all, err
	})
}
