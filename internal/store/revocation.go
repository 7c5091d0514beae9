package store

import (
	"context"

	"hoshi/internal/scheme"
)

// InsertRevocation adds a proposal; Conflict when one is open for the label.
func InsertRevocation(ctx context.Context, tx *Tx, r scheme.Revocation) error {
	_, err := tx.exec(ctx, "store.InsertRevocation",
		`INSERT INTO revocation (id, label_id, state, version, doc) VALUES ($1, $2, $3, $4, $5)`,
		r.ID, r.LabelID, string(r.State), r.Version, doc{r})
	return err
}

// Revocation returns the revocation of an id.
func Revocation(ctx context.Context, tx *Tx, id string) (r scheme.Revocation, err error) {
	err = tx.load(ctx, "store.Revocation", `SELECT doc FROM revocation WHERE id = $1`, []any{id}, doc{&r})
	return r, err
}

// Revocations returns all that was proposed for a label, in no order.
func Revocations(ctx context.Context, tx *Tx, labelID string) ([]scheme.Revocation, error) {
	return docs[scheme.Revocation](ctx, tx, "store.Revocations", `SELECT doc FROM revocation WHERE label_id = $1 ORDER BY id`, labelID)
}

// UpdateRevocation saves r over version r.Version, which it then raises.
func UpdateRevocation(ctx context.Context, tx *Tx, r *scheme.Revocation) error {
	const op = "store.UpdateRevocation"
	old := r.Version
	r.Version++
	n, err := tx.exec(ctx, op, `UPDATE revocation SET state = $1, version = $2, doc = $3 WHERE id = $4 AND version = $5`,
		string(r.State), r.Version, doc{r}, r.ID, old)
	return changed(op, n, err)
}

// InsertChangeReport keeps a change report (変更届).
func InsertChangeReport(ctx context.Context, tx *Tx, c scheme.ChangeReport) error {
	_, err := tx.exec(ctx, "store.InsertChangeReport", `INSERT INTO change_report (id, label_id, at, doc) VALUES ($1, $2, $3, $4)`,
		c.ID, c.LabelID, Time{c.At}, doc{c})
	return err
}

// ChangeReports returns the change reports on a label, the first one first.
func ChangeReports(ctx context.Context, tx *Tx, labelID string) ([]scheme.ChangeReport, error) {
	return docs[scheme.ChangeReport](ctx, tx, "store.ChangeReports",
		`SELECT doc FROM change_report WHERE label_id = $1 ORDER BY at, id`, labelID)
}
