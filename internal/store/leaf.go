package store

import (
	"context"
	"database/sql"

	"hoshi/internal/ledger"
)

// AppendLeaf commits one public act with the transaction; the sequencer gives it
// its place in the log later. From here to the end of the transaction other
// leaves wait, so that a grant always stands before what becomes of its label:
// append late.
func AppendLeaf(ctx context.Context, tx *Tx, l ledger.Leaf) error {
	body, err := l.Encode()
	if err != nil {
		return err
	}
	const op = "store.AppendLeaf"
	err = tx.later(ctx, op, true, `INSERT INTO series (name, next) VALUES ('leaf', 2)
		ON CONFLICT (name) DO UPDATE SET next = series.next + 1`)
	if err != nil {
		return err
	}
	return tx.later(ctx, op, true, `INSERT INTO leaf (id, n, at, body, seq)
		SELECT $1, series.next - 1, $2, $3, NULL FROM series WHERE series.name = 'leaf'`, l.ID, Time{tx.At}, string(body))
}

// EachLeaf calls fn with the canonical bytes of every leaf, sequenced or not, in
// the order in which they were appended.
func EachLeaf(ctx context.Context, tx *Tx, fn func(body []byte) error) error {
	return tx.all(ctx, "store.EachLeaf", `SELECT body FROM leaf ORDER BY n`, nil, func(row *sql.Rows) error {
		var body string
		if err := row.Scan(&body); err != nil {
			return err
		}
		return fn([]byte(body))
	})
}
