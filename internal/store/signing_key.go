package store

import (
	"context"

	"hoshi/internal/scheme"
)

// InsertKey adds a signing key; Conflict when some organisation enrolled it already.
func InsertKey(ctx context.Context, tx *Tx, k scheme.SigningKey) error {
	_, err := tx.exec(ctx, "store.InsertKey", `INSERT INTO signing_key (id, organisation_id, doc) VALUES ($1, $2, $3)`,
		k.ID, k.OrganisationID, doc{k})
	return err
}

// Keys returns the keys of an organisation, retired ones too, by id.
func Keys(ctx context.Context, tx *Tx, organisationID string) ([]scheme.SigningKey, error) {
	return docs[scheme.SigningKey](ctx, tx, "store.Keys",
		`SELECT doc FROM signing_key WHERE organisation_id = $1 ORDER BY id`, organisationID)
}

// UpdateKey saves what changed of a key of its organisation.
func UpdateKey(ctx context.Context, tx *Tx, k scheme.SigningKey) error {
	const op = "store.UpdateKey"
	n, err := tx.exec(ctx, op, `UPDATE signing_key SET doc = $1 WHERE id = $2 AND organisation_id = $3`,
		doc{k}, k.ID, k.OrganisationID)
	return changed(op, n, err)
}
