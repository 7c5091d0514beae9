package store

import (
	"context"
	"encoding/json"

	"hoshi/internal/scheme"
)

const evaluationVisible = ` AND ($2 = '*' OR organisation_id = $2 OR evaluator_org_id = $2)`

// InsertEvaluation adds an evaluation.
func InsertEvaluation(ctx context.Context, tx *Tx, e scheme.Evaluation) error {
	_, err := tx.exec(ctx, "store.InsertEvaluation", `INSERT INTO evaluation
		(id, organisation_id, product_id, evaluator_org_id, edition_id, version, updated, doc) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.ID, e.OrganisationID, e.ProductID, e.EvaluatorOrgID, e.EditionID, e.Version, Time{tx.At}, doc{e})
	return err
}

// Evaluation returns an evaluation that the tenant owns or was given; NotFound else.
func Evaluation(ctx context.Context, tx *Tx, id string, by Tenant) (e scheme.Evaluation, err error) {
	err = tx.load(ctx, "store.Evaluation", `SELECT doc FROM evaluation WHERE id = $1`+evaluationVisible, []any{id, by.arg()}, doc{&e})
	return e, err
}

// Evaluations returns what the tenant owns or was given, the last changed first.
func Evaluations(ctx context.Context, tx *Tx, by Tenant) ([]scheme.Evaluation, error) {
	return docs[scheme.Evaluation](ctx, tx, "store.Evaluations",
		`SELECT doc FROM evaluation WHERE ($1 = '*' OR organisation_id = $1 OR evaluator_org_id = $1) ORDER BY updated DESC, id`, by.arg())
}

// UpdateEvaluation saves e over version e.Version, which it then raises.
func UpdateEvaluation(ctx context.Context, tx *Tx, e *scheme.Evaluation) error {
	const op = "store.UpdateEvaluation"
	old := e.Version
	e.Version++
	n, err := tx.exec(ctx, op, `UPDATE evaluation SET evaluator_org_id = $1, version = $2, updated = $3, doc = $4
		WHERE id = $5 AND organisation_id = $6 AND version = $7`,
		e.EvaluatorOrgID, e.Version, Time{tx.At}, doc{e}, e.ID, e.OrganisationID, old)
	return changed(op, n, err)
}

// PutBundleResult keeps what the rules made of a bundle of an evaluation.
func PutBundleResult(ctx context.Context, tx *Tx, evaluationID, digest string, result json.RawMessage) error {
	_, err := tx.exec(ctx, "store.PutBundleResult", `INSERT INTO bundle (evaluation_id, digest, doc) VALUES ($1, $2, $3)
		ON CONFLICT (evaluation_id, digest) DO UPDATE SET doc = excluded.doc`, evaluationID, digest, string(result))
	return err
}

// BundleResult returns what PutBundleResult kept.
func BundleResult(ctx context.Context, tx *Tx, evaluationID, digest string) (json.RawMessage, error) {
	var s string
	err := tx.one(ctx, "store.BundleResult", `SELECT doc FROM bundle WHERE evaluation_id = $1 AND digest = $2`,
		[]any{evaluationID, digest}, &s)
	return json.RawMessage(s), err
}

// DeleteBundleResult forgets a bundle of an evaluation.
func DeleteBundleResult(ctx context.Context, tx *Tx, evaluationID, digest string) error {
	_, err := tx.exec(ctx, "store.DeleteBundleResult",
		`DELETE FROM bundle WHERE evaluation_id = $1 AND digest = $2`, evaluationID, digest)
	return err
}

// BundleInUse reports whether any evaluation has a bundle of the digest.
func BundleInUse(ctx context.Context, tx *Tx, digest string) (bool, error) {
	var n int64
	err := tx.one(ctx, "store.BundleInUse", `SELECT COUNT(*) FROM bundle WHERE digest = $1`, []any{digest}, &n)
	return n > 0, err
}
