package store

import (
	"context"

	"hoshi/internal/scheme"
)

// InsertOrganisation adds an organisation; Conflict when its corporate number stands already.
func InsertOrganisation(ctx context.Context, tx *Tx, o scheme.Organisation) error {
	_, err := tx.exec(ctx, "store.InsertOrganisation",
		`INSERT INTO organisation (id, kind, corporate_number, name, version, doc) VALUES ($1, $2, $3, $4, $5, $6)`,
		o.ID, string(o.Kind), orNull(string(o.CorporateNumber)), o.Name, o.Version, doc{o})
	return err
}

// Organisation returns the organisation of an id.
func Organisation(ctx context.Context, tx *Tx, id string) (o scheme.Organisation, err error) {
	err = tx.load(ctx, "store.Organisation", `SELECT doc FROM organisation WHERE id = $1`, []any{id}, doc{&o})
	return o, err
}

// Organisations returns all of a kind, by name.
func Organisations(ctx context.Context, tx *Tx, kind scheme.OrganisationKind) ([]scheme.Organisation, error) {
	return docs[scheme.Organisation](ctx, tx, "store.Organisations",
		`SELECT doc FROM organisation WHERE kind = $1 ORDER BY name, id`, string(kind))
}

// UpdateOrganisation saves o over version o.Version, which it then raises.
func UpdateOrganisation(ctx context.Context, tx *Tx, o *scheme.Organisation) error {
	const op = "store.UpdateOrganisation"
	old := o.Version
	o.Version++
	n, err := tx.exec(ctx, op, `UPDATE organisation SET kind = $1, corporate_number = $2, name = $3, version = $4, doc = $5
		WHERE id = $6 AND version = $7`,
		string(o.Kind), orNull(string(o.CorporateNumber)), o.Name, o.Version, doc{o}, o.ID, old)
	return changed(op, n, err)
}
