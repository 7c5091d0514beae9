package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Leaf is one public act that waits for, or has, its place in the log.
type Leaf struct {
	ID   string
	At   time.Time
	Body json.RawMessage // canonical JSON, exactly what is hashed
}

// AppendLeaf adds a leaf without a place; the sequencer gives it one, in the order
// of insertion. Others who add a leaf wait until the transaction ends, so add it late.
func AppendLeaf(ctx context.Context, tx *Tx, l Leaf) error {
	n, err := NextNumber(ctx, tx, "leaf")
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "store.AppendLeaf", `INSERT INTO leaf (id, at, body, seq, n) VALUES ($1, $2, $3, NULL, $4)`,
		l.ID, Time{l.At}, string(l.Body), n)
	return err
}

// EachLeaf calls fn for every leaf, sequenced or not, in the order of insertion.
func EachLeaf(ctx context.Context, tx *Tx, fn func(Leaf) error) error {
	return tx.all(ctx, "store.EachLeaf", `SELECT id, at, body FROM leaf ORDER BY n`, nil, func(row *sql.Rows) error {
		var l Leaf
		var at Time
		var body string
		if err := row.Scan(&l.ID, &at, &body); err != nil {
			return err
		}
		l.At, l.Body = at.Time, json.RawMessage(body)
		return fn(l)
	})
}
