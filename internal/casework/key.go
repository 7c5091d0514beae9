package casework

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"

	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// EnrolKey enrols a public key (Ed25519, PEM) with which the organisation seals
// evidence. A key belongs to one organisation; enrolling it again is fault.Conflict.
func (s *Service) EnrolKey(ctx context.Context, actor policy.Actor, name, publicPEM string) (scheme.SigningKey, error) {
	const op = "casework.EnrolKey"
	return do(ctx, s, "EnrolKey", actor, "", func(tx *store.Tx) (scheme.SigningKey, error) {
		var none scheme.SigningKey
		if err := policy.Require(actor, policy.KeyEnrol, policy.Resource{OrganisationID: actor.OrganisationID}); err != nil {
			return none, err
		}
		var c shape
		c.line("key.name", &name)
		if name == "" {
			c.bad("key.name", "casework.shape.required")
		}
		id, ok := keyID(publicPEM)
		if !ok {
			c.bad("key.pem", "casework.key.pem")
		}
		if err := c.err(op); err != nil {
			return none, err
		}
		k := scheme.SigningKey{ID: id, OrganisationID: actor.OrganisationID, PublicPEM: publicPEM, Name: name,
			Enrolled: tx.At, EnrolledBy: actor.AccountID}
		if err := store.InsertKey(ctx, tx, k); err != nil {
			if fault.Is(err, fault.Conflict) {
				return none, fault.Wrap(fault.Conflict, op, err, "casework.key.enrolled")
			}
			return none, err
		}
		return k, s.audit(ctx, tx, actor, policy.KeyEnrol, "key", k.ID, map[string]string{"name": name})
	})
}

// keyID names a public key as bundles do: hex SHA-256 of its SubjectPublicKeyInfo.
func keyID(publicPEM string) (string, bool) {
	if len(publicPEM) > 4096 {
		return "", false
	}
	block, _ := pem.Decode([]byte(publicPEM))
	if block == nil || block.Type != "PUBLIC KEY" {
		return "", false
	}
	k, err := x509.ParsePKIXPublicKey(block.Bytes)
	if _, ed := k.(ed25519.PublicKey); err != nil || !ed {
		return "", false
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), true
}

// Keys returns the keys of the actor's organisation, retired ones too.
func (s *Service) Keys(ctx context.Context, actor policy.Actor) ([]scheme.SigningKey, error) {
	return see(ctx, s, actor, func(tx *store.Tx) ([]scheme.SigningKey, error) {
		if err := policy.Require(actor, policy.KeyEnrol, policy.Resource{OrganisationID: actor.OrganisationID}); err != nil {
			return nil, err
		}
		return store.Keys(ctx, tx, actor.OrganisationID)
	})
}

// RetireKey takes a key out of use: no new bundle of it is accepted, and an
// application that rests on one cannot be submitted. It cannot be undone.
func (s *Service) RetireKey(ctx context.Context, actor policy.Actor, id string) error {
	_, err := do(ctx, s, "RetireKey", actor, "", func(tx *store.Tx) (struct{}, error) {
		var none struct{}
		if err := policy.Require(actor, policy.KeyEnrol, policy.Resource{OrganisationID: actor.OrganisationID}); err != nil {
			return none, err
		}
		keys, err := store.Keys(ctx, tx, actor.OrganisationID)
		if err != nil {
			return none, err
		}
		for _, k := range keys {
			if k.ID != id {
				continue
			}
			if !k.Retired.IsZero() {
				return none, nil
			}
			k.Retired = tx.At
			if err := store.UpdateKey(ctx, tx, k); err != nil {
				return none, err
			}
			return none, s.audit(ctx, tx, actor, policy.KeyEnrol, "key", k.ID, map[string]string{"retired": k.Name})
		}
		return none, fault.New(fault.NotFound, "casework.RetireKey", "fault.not-found")
	})
	return err
}
