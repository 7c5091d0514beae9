package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hoshi/internal/fault"
)

// timeLayout has a fixed width, so that text order is time order.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is an instant as the database holds it: 24 characters UTC, or "" for none.
type Time struct{ time.Time }

// Value writes the instant.
func (t Time) Value() (driver.Value, error) {
	if t.IsZero() {
		return "", nil
	}
	return t.UTC().Format(timeLayout), nil
}

// Scan reads the instant.
func (t *Time) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("store: a time is %T", src)
	}
	if s == "" {
		t.Time = time.Time{}
		return nil
	}
	v, err := time.Parse(timeLayout, s)
	t.Time = v
	return err
}

// doc is a value kept as JSON in a TEXT column.
type doc struct{ v any }

// Value writes the JSON.
func (d doc) Value() (driver.Value, error) {
	b, err := json.Marshal(d.v)
	return string(b), err
}

// Scan reads the JSON into the pointer that doc holds.
func (d doc) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("store: a document is %T", src)
	}
	return json.Unmarshal([]byte(s), d.v)
}

// exec runs a statement and maps a unique key to Conflict.
func (tx *Tx) exec(ctx context.Context, op, query string, args ...any) (int64, error) {
	if len(tx.wait) > 0 {
		st, err := statement(op, false, query, args)
		if err != nil {
			return 0, err
		}
		return tx.flush(ctx, st)
	}
	res, err := tx.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, tx.refused(op, err)
	}
	return res.RowsAffected()
}

// one scans a single row; no row is NotFound.
func (tx *Tx) one(ctx context.Context, op, query string, args []any, dest ...any) error {
	if _, err := tx.flush(ctx); err != nil {
		return err
	}
	err := tx.tx.QueryRowContext(ctx, query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Wrap(fault.NotFound, op, err, "fault.not-found")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// load is one for a thing that the transaction may go on to change.
func (tx *Tx) load(ctx context.Context, op, query string, args []any, dest ...any) error {
	if tx.writes {
		query += tx.engine.Lock()
	}
	return tx.one(ctx, op, query, args, dest...)
}

// docs collects a query of one column of documents.
func docs[T any](ctx context.Context, tx *Tx, op, query string, args ...any) ([]T, error) {
	out := []T{}
	err := tx.all(ctx, op, query, args, func(row *sql.Rows) error {
		var v T
		if err := row.Scan(doc{&v}); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	})
	return out, err
}

// orNull writes "" as NULL, for columns that are unique when they hold something.
func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// Tenant limits a read to what one organisation may see. The zero value sees nothing.
type Tenant string

// Everyone lifts the limit: for officers and the system, whom the policy limits.
const Everyone Tenant = "*"

// arg is the tenant in SQL. "" would match columns that hold no organisation.
func (t Tenant) arg() string {
	if t == "" {
		return "!"
	}
	return string(t)
}

// all calls scan for each row.
func (tx *Tx) all(ctx context.Context, op, query string, args []any, scan func(row *sql.Rows) error) error {
	if _, err := tx.flush(ctx); err != nil {
		return err
	}
	rows, err := tx.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer rows.Close()
	for rows.Next() {
		err := scan(rows)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// changed turns "no row had that version" into Conflict.
func changed(op string, n int64, err error) error {
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.Conflict, op, "fault.conflict")
	}
	return nil
}
