package store

import "context"

// NextNumber takes the next value of a series, from 1 without gaps: a
// transaction that does not commit gives its value back. Others who want a value
// of the same series wait until it ends, so take numbers late.
func NextNumber(ctx context.Context, tx *Tx, series string) (n int64, err error) {
	err = tx.one(ctx, "store.NextNumber", `INSERT INTO series (name, next) VALUES ($1, 2)
		ON CONFLICT (name) DO UPDATE SET next = series.next + 1 RETURNING next - 1`, []any{series}, &n)
	return n, err
}
