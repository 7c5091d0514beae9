package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"hoshi/internal/fault"
)

// Statement is one statement that changes rows, on its way to the engine.
type Statement struct {
	Query string
	Args  []any // int64, string, … as drivers take them

	op   string
	must bool // no row changed = somebody else was first
}

// batching is implemented by engines that a network lies before: they send
// several statements at once. Batch runs them in order in the transaction that
// is open on the connection and returns how many rows each changed; the count
// ends at the first that failed, with its error.
type batching interface {
	Batch(ctx context.Context, conn *sql.Conn, list []Statement) ([]int64, error)
}

// later runs a statement before the transaction's next read or its commit, in
// order, together with others; where there are no batches, at once. For statements
// whose caller only needs to know that they succeed: an error ends the transaction
// either way, but its caller may have returned by then. must: an error (Conflict)
// when no row changed.
func (tx *Tx) later(ctx context.Context, op string, must bool, query string, args ...any) error {
	if tx.batch == nil {
		n, err := tx.exec(ctx, op, query, args...)
		if err == nil && must {
			return changed(op, n, nil)
		}
		return err
	}
	st, err := statement(op, must, query, args)
	if err == nil {
		tx.wait = append(tx.wait, st)
	}
	return err
}

// statement takes the arguments' values now: what they point at may change.
func statement(op string, must bool, query string, args []any) (Statement, error) {
	st := Statement{Query: query, Args: make([]any, len(args)), op: op, must: must}
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return st, fmt.Errorf("%s: %w", op, err)
		}
		st.Args[i] = v
	}
	return st, nil
}

// flush sends what waits, with more after it, and returns how many rows the last
// one changed.
func (tx *Tx) flush(ctx context.Context, more ...Statement) (int64, error) {
	list := append(tx.wait, more...)
	tx.wait = nil
	if len(list) == 0 {
		return 0, nil
	}
	counts, err := tx.batch(ctx, list)
	for i, n := range counts {
		if list[i].must && n == 0 {
			return 0, fault.New(fault.Conflict, list[i].op, "fault.conflict")
		}
	}
	if err != nil {
		return 0, tx.refused(list[min(len(counts), len(list)-1)].op, err)
	}
	return counts[len(counts)-1], nil
}

// refused maps a unique key to Conflict.
func (tx *Tx) refused(op string, err error) error {
	if tx.engine.Unique(err) {
		return fault.Wrap(fault.Conflict, op, err, "fault.conflict")
	}
	return fmt.Errorf("%s: %w", op, err)
}
