package store

import (
	"context"

	"hoshi/internal/scheme"
)

// Acting is a membership with the natural person behind its account.
type Acting struct {
	scheme.Membership
	Person scheme.Person
}

// ActingAs returns a membership as it is now, ended or not; NotFound when there is none.
func ActingAs(ctx context.Context, tx *Tx, membershipID string) (a Acting, err error) {
	var from, until Time
	err = tx.one(ctx, "store.ActingAs", `SELECT m.id, m.account_id, m.organisation_id, m.role, m.from_at, m.until_at, p.id, p.name
		FROM membership m JOIN account a ON a.id = m.account_id JOIN person p ON p.id = a.person_id WHERE m.id = $1`,
		[]any{membershipID}, &a.ID, &a.AccountID, &a.OrganisationID, &a.Role, &from, &until, &a.Person.ID, &a.Person.Name)
	a.From, a.Until = from.Time, until.Time
	return a, err
}

// AccountPerson returns the natural person behind an account.
func AccountPerson(ctx context.Context, tx *Tx, accountID string) (p scheme.Person, err error) {
	err = tx.one(ctx, "store.AccountPerson",
		`SELECT p.id, p.name FROM account a JOIN person p ON p.id = a.person_id WHERE a.id = $1`, []any{accountID}, &p.ID, &p.Name)
	return p, err
}

// InsertMembership lets an account act for an organisation.
func InsertMembership(ctx context.Context, tx *Tx, m scheme.Membership) error {
	_, err := tx.exec(ctx, "store.InsertMembership",
		`INSERT INTO membership (id, account_id, organisation_id, role, from_at, until_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		m.ID, m.AccountID, m.OrganisationID, string(m.Role), Time{m.From}, Time{m.Until})
	return err
}

// EndMembership ends a membership at the transaction's instant; one that has ended stays as it was.
func EndMembership(ctx context.Context, tx *Tx, id string) error {
	_, err := tx.exec(ctx, "store.EndMembership",
		`UPDATE membership SET until_at = $1 WHERE id = $2 AND (until_at = '' OR until_at > $1)`, Time{tx.At}, id)
	return err
}

// PersonActsFor reports whether a natural person may act for an organisation at the
// transaction's instant, with any account and in any role.
func PersonActsFor(ctx context.Context, tx *Tx, personID, organisationID string) (bool, error) {
	var n int64
	err := tx.one(ctx, "store.PersonActsFor", `SELECT COUNT(*) FROM membership m JOIN account a ON a.id = m.account_id
		WHERE a.person_id = $1 AND m.organisation_id = $2 AND m.from_at <= $3 AND (m.until_at = '' OR m.until_at > $3)`,
		[]any{personID, organisationID, Time{tx.At}}, &n)
	return n > 0, err
}

// HasMembership reports whether the account may act for any organisation at the transaction's instant.
func HasMembership(ctx context.Context, tx *Tx, accountID string) (bool, error) {
	var n int64
	err := tx.one(ctx, "store.HasMembership",
		`SELECT COUNT(*) FROM membership WHERE account_id = $1 AND from_at <= $2 AND (until_at = '' OR until_at > $2)`,
		[]any{accountID, Time{tx.At}}, &n)
	return n > 0, err
}

// SetAccountPerson says whose account it is.
func SetAccountPerson(ctx context.Context, tx *Tx, accountID, personID string) error {
	n, err := tx.exec(ctx, "store.SetAccountPerson", `UPDATE account SET person_id = $1 WHERE id = $2`, personID, accountID)
	return changed("store.SetAccountPerson", n, err)
}
