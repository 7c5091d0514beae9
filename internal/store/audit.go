package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// AuditRow is one line of the audit trail. Rows are only ever added.
type AuditRow struct {
	ID             string
	At             time.Time
	PersonID       string
	AccountID      string
	OrganisationID string
	Role           string
	Action         string // as in the policy table
	Kind           string // of the subject: "application"
	Subject        string // its id
	Detail         json.RawMessage
}

// InsertAudit adds a line at the transaction's instant.
func InsertAudit(ctx context.Context, tx *Tx, a AuditRow) error {
	return tx.later(ctx, "store.InsertAudit", false, `INSERT INTO audit
		(id, at, person_id, account_id, organisation_id, role, action, kind, subject, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		a.ID, Time{tx.At}, a.PersonID, a.AccountID, a.OrganisationID, a.Role, a.Action, a.Kind, a.Subject, string(a.Detail))
}

// Audit returns what happened to a thing, the first first.
func Audit(ctx context.Context, tx *Tx, kind, subject string) ([]AuditRow, error) {
	var out []AuditRow
	err := tx.all(ctx, "store.Audit", `SELECT id, at, person_id, account_id, organisation_id, role, action, kind, subject, doc
		FROM audit WHERE kind = $1 AND subject = $2 ORDER BY at, id`, []any{kind, subject}, func(row *sql.Rows) error {
		var a AuditRow
		var at Time
		var detail string
		err := row.Scan(&a.ID, &at, &a.PersonID, &a.AccountID, &a.OrganisationID, &a.Role, &a.Action, &a.Kind, &a.Subject, &detail)
		a.At, a.Detail = at.Time, json.RawMessage(detail)
		out = append(out, a)
		return err
	})
	return out, err
}
