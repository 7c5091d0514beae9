package store

import (
	"context"
	"database/sql"
	"fmt"
)

// NextNumber takes the next value of a series, from 1 without gaps: a
// transaction that does not commit gives its value back. Others who want a value
// of the same series wait until it ends, so take numbers late.
func NextNumber(ctx context.Context, tx *Tx, series string) (n int64, err error) {
	err = tx.one(ctx, "store.NextNumber", `INSERT INTO series (name, next) VALUES ($1, 2)
		ON CONFLICT (name) DO UPDATE SET next = series.next + 1 RETURNING next - 1`, []any{series}, &n)
	return n, err
}

// NextNumbers takes the next value of two different series at once, as
// [NextNumber] does of one; everybody names them in the same order.
func NextNumbers(ctx context.Context, tx *Tx, first, second string) (a, b int64, err error) {
	const op = "store.NextNumbers"
	taken := map[string]int64{}
	err = tx.all(ctx, op, `INSERT INTO series (name, next) VALUES ($1, 2), ($2, 2)
		ON CONFLICT (name) DO UPDATE SET next = series.next + 1 RETURNING name, next - 1`, []any{first, second}, func(row *sql.Rows) error {
		var name string
		var n int64
		err := row.Scan(&name, &n)
		taken[name] = n
		return err
	})
	if err == nil && len(taken) != 2 {
		err = fmt.Errorf("%s: %q and %q gave %d values", op, first, second, len(taken))
	}
	return taken[first], taken[second], err
}
