package store

import "context"

// ClaimOnce takes a key for this transaction. When another took it before, it
// returns that one's result and taken; while the other still runs, it waits.
func ClaimOnce(ctx context.Context, tx *Tx, key string) (result string, taken bool, err error) {
	n, err := tx.exec(ctx, "store.ClaimOnce",
		`INSERT INTO once (key, at, result) VALUES ($1, $2, '') ON CONFLICT (key) DO NOTHING`, key, Time{tx.At})
	if err != nil || n == 1 {
		return "", false, err
	}
	err = tx.one(ctx, "store.ClaimOnce", `SELECT result FROM once WHERE key = $1`, []any{key}, &result)
	return result, true, err
}

// SetOnce records what the claimed act gave.
func SetOnce(ctx context.Context, tx *Tx, key, result string) error {
	return tx.later(ctx, "store.SetOnce", true, `UPDATE once SET result = $1 WHERE key = $2`, result, key)
}

// ForgetOnce drops keys that were claimed before an instant; a form older than that is late, not double.
func ForgetOnce(ctx context.Context, tx *Tx, before Time) (int64, error) {
	return tx.exec(ctx, "store.ForgetOnce", `DELETE FROM once WHERE at < $1`, before)
}
