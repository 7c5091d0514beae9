package store

import (
	"context"

	"hoshi/internal/scheme"
)

// InsertApplication adds an application; Conflict when its evaluation has an open one.
func InsertApplication(ctx context.Context, tx *Tx, a scheme.Application) error {
	_, err := tx.exec(ctx, "store.InsertApplication", `INSERT INTO application
		(id, organisation_id, product_id, evaluation_id, state, number, acceptance, submitted, version, updated, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		a.ID, a.OrganisationID, a.ProductID, a.EvaluationID, string(a.State), orNull(a.Number), orNull(a.Acceptance),
		Time{a.Submitted}, a.Version, Time{tx.At}, doc{a})
	return err
}

// Application returns an application that the tenant may see; NotFound else.
func Application(ctx context.Context, tx *Tx, id string, by Tenant) (a scheme.Application, err error) {
	err = tx.load(ctx, "store.Application", `SELECT doc FROM application WHERE id = $1 AND ($2 = '*' OR organisation_id = $2)`,
		[]any{id, by.arg()}, doc{&a})
	return a, err
}

// Applications returns the applications of an organisation, the last changed first.
func Applications(ctx context.Context, tx *Tx, organisationID string) ([]scheme.Application, error) {
	return docs[scheme.Application](ctx, tx, "store.Applications",
		`SELECT doc FROM application WHERE organisation_id = $1 ORDER BY updated DESC, id`, organisationID)
}

// Queue returns the submitted applications that are not over, the longest waiting first.
func Queue(ctx context.Context, tx *Tx) ([]scheme.Application, error) {
	return docs[scheme.Application](ctx, tx, "store.Queue", `SELECT doc FROM application
		WHERE state IN ('submitted', 'returned', 'accepted', 'proposed') ORDER BY submitted, id`)
}

// ApplicationOf returns the newest application that uses an evaluation; NotFound when none does.
func ApplicationOf(ctx context.Context, tx *Tx, evaluationID string) (a scheme.Application, err error) {
	err = tx.one(ctx, "store.ApplicationOf",
		`SELECT doc FROM application WHERE evaluation_id = $1 ORDER BY updated DESC, id DESC LIMIT 1`, []any{evaluationID}, doc{&a})
	return a, err
}

// EvaluationLocked reports whether an application that was handed in and not sent
// back, declined or withdrawn rests on the evaluation.
func EvaluationLocked(ctx context.Context, tx *Tx, evaluationID string) (bool, error) {
	var n int64
	err := tx.one(ctx, "store.EvaluationLocked", `SELECT COUNT(*) FROM application
		WHERE evaluation_id = $1 AND state IN ('submitted', 'accepted', 'proposed', 'granted')`, []any{evaluationID}, &n)
	return n > 0, err
}

// UpdateApplication saves a over version a.Version, which it then raises.
func UpdateApplication(ctx context.Context, tx *Tx, a *scheme.Application) error {
	old := a.Version
	a.Version++
	return tx.later(ctx, "store.UpdateApplication", true, `UPDATE application SET state = $1, number = $2, acceptance = $3, submitted = $4, version = $5,
		updated = $6, doc = $7 WHERE id = $8 AND version = $9`,
		string(a.State), orNull(a.Number), orNull(a.Acceptance), Time{a.Submitted}, a.Version, Time{tx.At}, doc{a}, a.ID, old)
}
