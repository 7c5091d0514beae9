package store

import (
	"context"
	"database/sql"
	"time"

	"hoshi/internal/scheme"
)

// Credentials is what an account proves itself with.
type Credentials struct {
	scheme.Account
	PersonName  string
	Password    string    // argon2id in PHC form; "" = no sign-in with a password
	TOTPSecret  string    // base32; "" = not set up yet
	TOTPLast    int64     // last time step that was accepted
	Failures    int64     // wrong tries since the last sign-in
	LockedUntil time.Time // zero = not locked
}

// InsertPerson adds a natural person.
func InsertPerson(ctx context.Context, tx *Tx, p scheme.Person) error {
	_, err := tx.exec(ctx, "store.InsertPerson", `INSERT INTO person (id, name) VALUES ($1, $2)`, p.ID, p.Name)
	return err
}

// InsertAccount adds a way in for a person; a login that exists is Conflict.
func InsertAccount(ctx context.Context, tx *Tx, c Credentials) error {
	_, err := tx.exec(ctx, "store.InsertAccount",
		`INSERT INTO account (id, person_id, login, password, totp_secret, totp_last, failures, locked_until)
		 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.ID, c.PersonID, c.Login, c.Password, c.TOTPSecret, c.TOTPLast, c.Failures, Time{c.LockedUntil})
	return err
}

const credentials = `SELECT a.id, a.person_id, a.login, p.name, a.password, a.totp_secret, a.totp_last, a.failures, a.locked_until
	FROM account a JOIN person p ON p.id = a.person_id `

func readCredentials(ctx context.Context, tx *Tx, op, where string, arg any) (Credentials, error) {
	var c Credentials
	var locked Time
	err := tx.one(ctx, op, credentials+where, []any{arg},
		&c.ID, &c.PersonID, &c.Login, &c.PersonName, &c.Password, &c.TOTPSecret, &c.TOTPLast, &c.Failures, &locked)
	c.LockedUntil = locked.Time
	return c, err
}

// CredentialsOf reads the account of an id; NotFound when there is none.
func CredentialsOf(ctx context.Context, tx *Tx, accountID string) (Credentials, error) {
	return readCredentials(ctx, tx, "store.CredentialsOf", `WHERE a.id = $1`, accountID)
}

// CredentialsByLogin reads the account of a login; NotFound when there is none.
func CredentialsByLogin(ctx context.Context, tx *Tx, login string) (Credentials, error) {
	return readCredentials(ctx, tx, "store.CredentialsByLogin", `WHERE a.login = $1`, login)
}

// SetPassword replaces the password.
func SetPassword(ctx context.Context, tx *Tx, accountID, phc string) error {
	_, err := tx.exec(ctx, "store.SetPassword", `UPDATE account SET password = $1 WHERE id = $2`, phc, accountID)
	return err
}

// SetTOTP sets the secret of the second step, with the step of the code that
// confirmed it. An account that has a secret keeps it: Conflict.
func SetTOTP(ctx context.Context, tx *Tx, accountID, secret string, step int64) error {
	n, err := tx.exec(ctx, "store.SetTOTP",
		`UPDATE account SET totp_secret = $1, totp_last = $2 WHERE id = $3 AND totp_secret = ''`, secret, step, accountID)
	return changed("store.SetTOTP", n, err)
}

// UseTOTPStep accepts a time step; one that is not later than the last is Conflict.
func UseTOTPStep(ctx context.Context, tx *Tx, accountID string, step int64) error {
	n, err := tx.exec(ctx, "store.UseTOTPStep",
		`UPDATE account SET totp_last = $1 WHERE id = $2 AND totp_last < $3`, step, accountID, step)
	return changed("store.UseTOTPStep", n, err)
}

// CountTry counts a try on an account before it is judged, and locks the account
// as lockFor says of the count. It returns the account as it is then; Conflict when
// the account is locked, and then nothing is counted.
func CountTry(ctx context.Context, tx *Tx, accountID string, lockFor func(failures int64) time.Duration) (Credentials, error) {
	const op = "store.CountTry"
	// The row's lock makes tries at the same time one after the other.
	n, err := tx.exec(ctx, op, `UPDATE account SET failures = failures + 1 WHERE id = $1 AND locked_until <= $2`, accountID, Time{tx.At})
	if err := changed(op, n, err); err != nil {
		return Credentials{}, err
	}
	c, err := CredentialsOf(ctx, tx, accountID)
	if err != nil {
		return c, err
	}
	c.LockedUntil = time.Time{}
	if d := lockFor(c.Failures); d > 0 {
		c.LockedUntil = tx.At.Add(d)
	}
	_, err = tx.exec(ctx, op, `UPDATE account SET locked_until = $1 WHERE id = $2`, Time{c.LockedUntil}, accountID)
	return c, err
}

// ForgiveTry takes back a try that was counted as the failures-th and was right. A
// lock goes with it unless other tries were counted meanwhile.
func ForgiveTry(ctx context.Context, tx *Tx, accountID string, failures int64) error {
	const op = "store.ForgiveTry"
	_, err := tx.exec(ctx, op, `UPDATE account SET failures = failures - 1,
		locked_until = CASE WHEN failures = $1 THEN '' ELSE locked_until END WHERE id = $2 AND failures > 0`, failures, accountID)
	return err
}

// ForgiveTries clears the count and the lock, after a sign-in.
func ForgiveTries(ctx context.Context, tx *Tx, accountID string) error {
	_, err := tx.exec(ctx, "store.ForgiveTries", `UPDATE account SET failures = 0, locked_until = '' WHERE id = $1`, accountID)
	return err
}

// AccountMembership is a membership with the organisation's name.
type AccountMembership struct {
	scheme.Membership
	OrganisationName string
}

// MembershipsOf returns the memberships of an account, the oldest first, ended ones too.
func MembershipsOf(ctx context.Context, tx *Tx, accountID string) ([]AccountMembership, error) {
	var out []AccountMembership
	err := tx.all(ctx, "store.MembershipsOf",
		`SELECT m.id, m.account_id, m.organisation_id, m.role, m.from_at, m.until_at, o.name
		 FROM membership m JOIN organisation o ON o.id = m.organisation_id
		 WHERE m.account_id = $1 ORDER BY m.from_at, m.id`, []any{accountID},
		func(row *sql.Rows) error {
			var m AccountMembership
			var from, until Time
			err := row.Scan(&m.ID, &m.AccountID, &m.OrganisationID, &m.Role, &from, &until, &m.OrganisationName)
			m.From, m.Until = from.Time, until.Time
			out = append(out, m)
			return err
		})
	return out, err
}
