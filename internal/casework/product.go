package casework

import (
	"context"

	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Products returns the products of the actor's organisation, the last changed first.
func (s *Service) Products(ctx context.Context, actor policy.Actor) ([]scheme.Product, error) {
	return see(ctx, s, actor, func(tx *store.Tx) ([]scheme.Product, error) {
		if err := policy.Require(actor, policy.ProductView, policy.Resource{OrganisationID: actor.OrganisationID}); err != nil {
			return nil, err
		}
		return store.Products(ctx, tx, actor.OrganisationID)
	})
}

// Product returns a product that the actor's organisation owns or evaluates.
func (s *Service) Product(ctx context.Context, actor policy.Actor, id string) (scheme.Product, error) {
	return see(ctx, s, actor, func(tx *store.Tx) (scheme.Product, error) {
		p, err := store.Product(ctx, tx, id, tenant(actor))
		if err != nil {
			return p, err
		}
		r := policy.Resource{OrganisationID: p.OrganisationID}
		if actor.Role == scheme.Evaluator { // the store has shown it: an evaluation of it was given
			r.EvaluatorOrgID = actor.OrganisationID
		}
		return p, policy.Require(actor, policy.ProductView, r)
	})
}

// CreateProduct adds a product of the actor's organisation; it may be incomplete.
func (s *Service) CreateProduct(ctx context.Context, actor policy.Actor, p scheme.Product, once Once) (scheme.Product, error) {
	return do(ctx, s, "CreateProduct", actor, once, func(tx *store.Tx) (scheme.Product, error) {
		if err := policy.Require(actor, policy.ProductCreate, policy.Resource{}); err != nil {
			return p, err
		}
		if err := policy.Require(actor, policy.ProductEdit, policy.Resource{OrganisationID: actor.OrganisationID}); err != nil {
			return p, err // an account without an organisation
		}
		if err := shapeProduct(&p); err != nil {
			return p, err
		}
		var err error
		if p.ID, err = s.newID(); err != nil {
			return p, err
		}
		p.OrganisationID, p.Version = actor.OrganisationID, 1
		if err := store.InsertProduct(ctx, tx, p); err != nil {
			return p, err
		}
		return p, s.audit(ctx, tx, actor, policy.ProductCreate, "product", p.ID, nil)
	})
}

// SaveProduct saves a draft, complete or not, over the version that it was read
// at; an older one is fault.Conflict. What was submitted before stays as it was.
func (s *Service) SaveProduct(ctx context.Context, actor policy.Actor, in scheme.Product) (scheme.Product, error) {
	return do(ctx, s, "SaveProduct", actor, "", func(tx *store.Tx) (scheme.Product, error) {
		p, err := store.Product(ctx, tx, in.ID, tenant(actor))
		if err != nil {
			return in, err
		}
		if err := policy.Require(actor, policy.ProductEdit, policy.Resource{OrganisationID: p.OrganisationID}); err != nil {
			return in, err
		}
		if err := shapeProduct(&in); err != nil {
			return in, err
		}
		if err := current(p.Version, in.Version); err != nil {
			return in, err
		}
		in.OrganisationID = p.OrganisationID
		if err := store.UpdateProduct(ctx, tx, &in); err != nil {
			return in, err
		}
		return in, s.audit(ctx, tx, actor, policy.ProductEdit, "product", in.ID, nil)
	})
}
