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
	n, err := NextNumber(ctx, tx, "leaf")
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "store.AppendLeaf", `INSERT INTO leaf (id, n, at, body, seq) VALUES ($1, $2, $3, $4, NULL)`,
		l.ID, n, Time{tx.At}, string(body))
	return err
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
