package store

import (
	"context"

	"hoshi/internal/scheme"
)

// InsertLabel adds a granted label and its sealed statement, private fields
// included; Conflict when its number, place or application has one already.
func InsertLabel(ctx context.Context, tx *Tx, l scheme.Label, sealed []byte) error {
	return tx.later(ctx, "store.InsertLabel", false, `INSERT INTO label
		(id, serial, registration, application_id, organisation_id, level, issued, last_day, state, version, doc, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		l.ID, l.Serial, l.Registration, l.ApplicationID, l.OrganisationID, l.Level, l.Issued.String(), l.LastDay.String(),
		string(l.State), l.Version, doc{l}, string(sealed))
}

// Label returns a label that the tenant may see; NotFound else.
func Label(ctx context.Context, tx *Tx, id string, by Tenant) (l scheme.Label, err error) {
	err = tx.load(ctx, "store.Label", `SELECT doc FROM label WHERE id = $1 AND ($2 = '*' OR organisation_id = $2)`,
		[]any{id, by.arg()}, doc{&l})
	return l, err
}

// SealedStatement returns the statement of a label with the fields that the vendor keeps back.
func SealedStatement(ctx context.Context, tx *Tx, id string) ([]byte, error) {
	var s string
	err := tx.one(ctx, "store.SealedStatement", `SELECT sealed FROM label WHERE id = $1`, []any{id}, &s)
	return []byte(s), err
}

// Labels returns the labels that the tenant may see, the newest first.
func Labels(ctx context.Context, tx *Tx, by Tenant) ([]scheme.Label, error) {
	return docs[scheme.Label](ctx, tx, "store.Labels",
		`SELECT doc FROM label WHERE ($1 = '*' OR organisation_id = $1) ORDER BY serial DESC`, by.arg())
}

// LabelsPast returns up to limit labels that are recorded as valid and whose last
// day lies before the day.
func LabelsPast(ctx context.Context, tx *Tx, day scheme.Day, limit int) ([]scheme.Label, error) {
	return docs[scheme.Label](ctx, tx, "store.LabelsPast",
		`SELECT doc FROM label WHERE state = 'valid' AND last_day < $1 ORDER BY last_day, serial LIMIT $2`, day.String(), limit)
}

// UpdateLabel saves l over version l.Version, which it then raises. The numbers and days of a label never change.
func UpdateLabel(ctx context.Context, tx *Tx, l *scheme.Label) error {
	old := l.Version
	l.Version++
	return tx.later(ctx, "store.UpdateLabel", true, `UPDATE label SET state = $1, version = $2, doc = $3 WHERE id = $4 AND version = $5`,
		string(l.State), l.Version, doc{l}, l.ID, old)
}
