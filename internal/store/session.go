package store

import (
	"context"
	"time"
)

// SessionRow is a session of the portal.
type SessionRow struct {
	TokenHash string // SHA-256 of the cookie's token, hexadecimal
	AccountID string // "" = nobody has signed in yet
	Created   time.Time
	Seen      time.Time
	Ended     time.Time // zero = open
	Doc       string
}

// Session reads a session, open or ended; NotFound when there is none.
func Session(ctx context.Context, tx *Tx, tokenHash string) (SessionRow, error) {
	r := SessionRow{TokenHash: tokenHash}
	var created, seen, ended Time
	err := tx.one(ctx, "store.Session",
		`SELECT account_id, created, seen, ended, doc FROM session WHERE token_hash = $1`, []any{tokenHash},
		&r.AccountID, &created, &seen, &ended, &r.Doc)
	r.Created, r.Seen, r.Ended = created.Time, seen.Time, ended.Time
	return r, err
}

// SaveSession adds a session or replaces its account and content.
func SaveSession(ctx context.Context, tx *Tx, r SessionRow) error {
	n, err := tx.exec(ctx, "store.SaveSession",
		`UPDATE session SET account_id = $1, seen = $2, doc = $3 WHERE token_hash = $4 AND ended = ''`,
		r.AccountID, Time{r.Seen}, r.Doc, r.TokenHash)
	if err != nil || n == 1 {
		return err
	}
	_, err = tx.exec(ctx, "store.SaveSession",
		`INSERT INTO session (token_hash, account_id, created, seen, ended, doc) VALUES ($1, $2, $3, $4, '', $5)`,
		r.TokenHash, r.AccountID, Time{r.Created}, Time{r.Seen}, r.Doc)
	return err
}

// TouchSession notes that the session was used.
func TouchSession(ctx context.Context, tx *Tx, tokenHash string, at time.Time) error {
	_, err := tx.exec(ctx, "store.TouchSession",
		`UPDATE session SET seen = $1 WHERE token_hash = $2 AND ended = ''`, Time{at}, tokenHash)
	return err
}

// EndSession ends one session.
func EndSession(ctx context.Context, tx *Tx, tokenHash string, at time.Time) error {
	_, err := tx.exec(ctx, "store.EndSession",
		`UPDATE session SET ended = $1, doc = '' WHERE token_hash = $2 AND ended = ''`, Time{at}, tokenHash)
	return err
}

// EndSessionsOf ends every session of an account.
func EndSessionsOf(ctx context.Context, tx *Tx, accountID string, at time.Time) error {
	_, err := tx.exec(ctx, "store.EndSessionsOf",
		`UPDATE session SET ended = $1, doc = '' WHERE account_id = $2 AND ended = ''`, Time{at}, accountID)
	return err
}

// ForgetSessions removes sessions not used since an instant and forms parked before it.
func ForgetSessions(ctx context.Context, tx *Tx, before time.Time) error {
	if _, err := tx.exec(ctx, "store.ForgetSessions", `DELETE FROM session WHERE seen < $1`, Time{before}); err != nil {
		return err
	}
	_, err := tx.exec(ctx, "store.ForgetSessions", `DELETE FROM parked_form WHERE at < $1`, Time{before})
	return err
}

// ParkedForm is what a person sent when their sign-in had run out.
type ParkedForm struct {
	TokenHash string
	AccountID string
	At        time.Time
	Page      string // path of the form
	Body      string // application/x-www-form-urlencoded
}

// ParkForm keeps a form; of the account's older ones only the newest keep stay.
func ParkForm(ctx context.Context, tx *Tx, f ParkedForm, keep int) error {
	_, err := tx.exec(ctx, "store.ParkForm",
		`INSERT INTO parked_form (token_hash, account_id, at, page, body) VALUES ($1, $2, $3, $4, $5)`,
		f.TokenHash, f.AccountID, Time{f.At}, f.Page, f.Body)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "store.ParkForm",
		`DELETE FROM parked_form WHERE account_id = $1 AND token_hash NOT IN
		 (SELECT token_hash FROM parked_form WHERE account_id = $2 ORDER BY at DESC, token_hash LIMIT $3)`,
		f.AccountID, f.AccountID, keep)
	return err
}

// Parked reads a kept form; NotFound when there is none for the account.
func Parked(ctx context.Context, tx *Tx, tokenHash, accountID string) (ParkedForm, error) {
	f := ParkedForm{TokenHash: tokenHash, AccountID: accountID}
	var at Time
	err := tx.one(ctx, "store.Parked",
		`SELECT at, page, body FROM parked_form WHERE token_hash = $1 AND account_id = $2`,
		[]any{tokenHash, accountID}, &at, &f.Page, &f.Body)
	f.At = at.Time
	return f, err
}

// DropParked removes a kept form.
func DropParked(ctx context.Context, tx *Tx, tokenHash, accountID string) error {
	_, err := tx.exec(ctx, "store.DropParked",
		`DELETE FROM parked_form WHERE token_hash = $1 AND account_id = $2`, tokenHash, accountID)
	return err
}
