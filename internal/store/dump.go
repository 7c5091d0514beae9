package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"hoshi/internal/fault"
)

// table is one table of a dump and the columns that give its rows an order.
type table struct{ name, order string }

// tables are all tables that a backup holds, each after those that it refers to.
// Sessions, forms kept for them and leases are left out: after a restore people
// sign in again.
var tables = []table{
	{"organisation", "id"}, {"person", "id"}, {"account", "id"}, {"membership", "id"}, {"signing_key", "id"},
	{"product", "id"}, {"evaluation", "id"}, {"bundle", "evaluation_id, digest"}, {"application", "id"}, {"snapshot", "digest"},
	{"series", "name"}, {"label", "id"}, {"revocation", "id"}, {"change_report", "id"}, {"public_label", "label_id"},
	{"leaf", "n"}, {"log_state", "id"}, {"status_list", "leaf_id"},
	{"audit", "at, id"}, {"once", "key"}, {"job", "id"}, {"periodic", "name"},
}

// leftOut are the tables that no backup holds.
var leftOut = []string{"session", "parked_form", "lease"}

// Tables names the tables of a dump in their order.
func Tables() []string {
	var out []string
	for _, t := range tables {
		out = append(out, t.name)
	}
	return out
}

// Dump writes every table as it is at one moment: open is called for each and
// gives where its lines go. A line is a JSON object of one row, its columns in
// alphabetical order; the same data gives the same bytes on either engine.
func (db *DB) Dump(ctx context.Context, open func(table string) (io.Writer, error)) error {
	return db.View(ctx, func(tx *Tx) error {
		for _, t := range tables {
			w, err := open(t.name)
			if err != nil {
				return err
			}
			if err := tx.dump(ctx, t, w); err != nil {
				return err
			}
		}
		return nil
	})
}

func (tx *Tx) dump(ctx context.Context, t table, w io.Writer) error {
	const op = "store.Dump"
	// Nothing here comes from outside the program: names are from the list above.
	return tx.all(ctx, op, "SELECT * FROM "+t.name+" ORDER BY "+t.order, nil, func(row *sql.Rows) error {
		cols, err := row.Columns()
		if err != nil {
			return err
		}
		vals, dest := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			dest[i] = &vals[i]
		}
		if err := row.Scan(dest...); err != nil {
			return err
		}
		m := make(map[string]any, len(cols))
		for i, c := range cols {
			switch v := vals[i].(type) {
			case nil, string, int64:
				m[c] = v
			default:
				return fmt.Errorf("%s.%s is %T", t.name, c, v)
			}
		}
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		_, err = w.Write(append(b, '\n'))
		return err
	})
}

// Empty reports whether nothing has been stored yet.
func (db *DB) Empty(ctx context.Context) (bool, error) {
	empty := true
	err := db.View(ctx, func(tx *Tx) error {
		for _, t := range tables {
			var n int64
			if err := tx.one(ctx, "store.Empty", "SELECT COUNT(*) FROM "+t.name, nil, &n); err != nil {
				return err
			}
			if t.name == "log_state" { // has one row from the start
				if err := tx.one(ctx, "store.Empty", "SELECT COUNT(*) FROM log_state WHERE indexed > 0 OR signed <> ''", nil, &n); err != nil {
					return err
				}
			}
			empty = empty && n == 0
		}
		return nil
	})
	return empty, err
}

// Load fills an empty, migrated database from what Dump wrote, in one transaction.
// next gives one table after the other and io.EOF at the end; a table or column
// that this program does not know is refused (fault.Invalid).
func (db *DB) Load(ctx context.Context, next func() (table string, rows io.Reader, err error)) error {
	const op = "store.Load"
	empty, err := db.Empty(ctx)
	if err != nil {
		return err
	}
	if !empty {
		return fault.New(fault.Conflict, op, "backup.not-empty")
	}
	// next cannot be read twice, so a race that asks for a second run fails here.
	ran := false
	return db.Update(ctx, func(tx *Tx) error {
		if ran {
			return fault.New(fault.Unavailable, op, "fault.unavailable")
		}
		ran = true
		if _, err := tx.exec(ctx, op, "DELETE FROM log_state"); err != nil {
			return err
		}
		for i := 0; ; i++ {
			name, rows, err := next()
			if errors.Is(err, io.EOF) {
				if i != len(tables) {
					return fault.New(fault.Invalid, op, "backup.damaged", "why", "tables are missing")
				}
				return nil
			}
			if err != nil {
				return err
			}
			if i >= len(tables) || tables[i].name != name {
				return fault.New(fault.Invalid, op, "backup.damaged", "why", "unexpected table "+name)
			}
			if err := tx.load1(ctx, name, rows); err != nil {
				return err
			}
		}
	})
}

func (tx *Tx) load1(ctx context.Context, name string, rows io.Reader) error {
	const op = "store.Load"
	known, err := tx.columns(ctx, name)
	if err != nil {
		return err
	}
	d := json.NewDecoder(rows)
	d.UseNumber()
	for line := 1; ; line++ {
		var m map[string]any
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.Wrap(fault.Invalid, op, err, "backup.damaged", "why", fmt.Sprintf("%s, line %d", name, line))
		}
		if len(m) != len(known) {
			return fault.New(fault.Invalid, op, "backup.version", "table", name)
		}
		var cols, marks []string
		var args []any
		for _, c := range known {
			v, ok := m[c]
			if !ok {
				return fault.New(fault.Invalid, op, "backup.version", "table", name)
			}
			if n, ok := v.(json.Number); ok {
				if v, err = n.Int64(); err != nil {
					return fault.Wrap(fault.Invalid, op, err, "backup.damaged", "why", fmt.Sprintf("%s, line %d", name, line))
				}
			}
			cols, args = append(cols, c), append(args, v)
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
		if _, err := tx.exec(ctx, op, "INSERT INTO "+name+" ("+strings.Join(cols, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...); err != nil {
			return err
		}
	}
}

// columns are the columns that this program's schema gives a table.
func (tx *Tx) columns(ctx context.Context, name string) ([]string, error) {
	rows, err := tx.tx.QueryContext(ctx, "SELECT * FROM "+name+" LIMIT 0")
	if err != nil {
		return nil, fmt.Errorf("store.Load: %w", err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	return cols, errors.Join(err, rows.Err())
}

// LeftOut names the tables that no dump holds.
func LeftOut() []string { return leftOut }
