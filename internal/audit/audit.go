// Package audit writes the trail of who did what. A line commits with the act; it
// is never changed, and no public page shows it. What is to be proven to
// outsiders is a leaf of the log (package ledger), not a line of this trail.
package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"hoshi/internal/policy"
	"hoshi/internal/store"
)

// Event is one act.
type Event struct {
	ID      string // unique, made by the caller
	Action  policy.Action
	Kind    string // of the subject: "application"
	Subject string // its id
	Detail  any    // what else a reader of the trail needs; JSON, without secrets
}

// Write adds the event at the transaction's instant in the actor's name.
func Write(ctx context.Context, tx *store.Tx, actor policy.Actor, e Event) error {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("audit.Write: %w", err)
	}
	return store.InsertAudit(ctx, tx, store.AuditRow{
		ID: e.ID, PersonID: actor.PersonID, AccountID: actor.AccountID, OrganisationID: actor.OrganisationID,
		Role: string(actor.Role), Action: string(e.Action), Kind: e.Kind, Subject: e.Subject, Detail: detail,
	})
}
