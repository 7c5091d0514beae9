package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/scheme"
)

// Log is the database side of the sequencer.
type Log struct{ db *DB }

// Log returns the database side of the sequencer.
func (db *DB) Log() *Log { return &Log{db} }

var _ sequence.Store = (*Log)(nil)

// State implements sequence.Store.
func (l *Log) State(ctx context.Context) (sequence.State, error) {
	var st sequence.State
	err := l.db.View(ctx, func(tx *Tx) error {
		var signed, published string
		if err := tx.one(ctx, "store.LogState", "SELECT indexed, signed, published FROM log_state WHERE id = 1", nil, &st.Indexed, &signed, &published); err != nil {
			return err
		}
		var err error
		if st.Signed, err = note(signed); err != nil {
			return err
		}
		st.Published, err = note(published)
		return err
	})
	return st, err
}

// note reads a note as the column holds it; nil for none.
func note(column string) ([]byte, error) {
	if column == "" {
		return nil, nil
	}
	return base64.StdEncoding.DecodeString(column)
}

func noteColumn(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// Assign implements sequence.Store. The first statement holds the row of the log
// until the end, so that places are given by one transaction at a time.
func (l *Log) Assign(ctx context.Context, from int64, limit int) (int, error) {
	const op = "store.Assign"
	var given int64
	err := l.db.Update(ctx, func(tx *Tx) error {
		n, err := tx.exec(ctx, op, "UPDATE log_state SET indexed = indexed WHERE id = 1 AND indexed = $1", from)
		if err != nil {
			return err
		}
		if n == 0 {
			return sequence.ErrMoved
		}
		given, err = tx.exec(ctx, op, `WITH waiting AS (
			SELECT id, ROW_NUMBER() OVER (ORDER BY n) - 1 AS k FROM (SELECT id, n FROM leaf WHERE seq IS NULL ORDER BY n LIMIT $2) AS first)
			UPDATE leaf SET seq = $1 + waiting.k FROM waiting WHERE leaf.id = waiting.id`, from, limit)
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, op, "UPDATE log_state SET indexed = $1 WHERE id = 1", from+given)
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(given), nil
}

// Leaves implements sequence.Store.
func (l *Log) Leaves(ctx context.Context, lo, hi int64) ([][]byte, error) {
	const op = "store.Leaves"
	var out [][]byte
	err := l.db.View(ctx, func(tx *Tx) error {
		out = nil
		return tx.all(ctx, op, "SELECT seq, body FROM leaf WHERE seq >= $1 AND seq < $2 ORDER BY seq", []any{lo, hi}, func(row *sql.Rows) error {
			var seq int64
			var body string
			if err := row.Scan(&seq, &body); err != nil {
				return err
			}
			if seq != lo+int64(len(out)) {
				return fault.Wrap(fault.Internal, op, fmt.Errorf("place %d holds no leaf", lo+int64(len(out))), "ledger.state.bad")
			}
			out = append(out, []byte(body))
			return nil
		})
	})
	if err == nil && int64(len(out)) != hi-lo {
		err = fault.Wrap(fault.Internal, op, fmt.Errorf("places %d to %d hold %d leaves", lo, hi-1, len(out)), "ledger.state.bad")
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SaveSigned implements sequence.Store.
func (l *Log) SaveSigned(ctx context.Context, old, next []byte) error {
	return l.db.Update(ctx, func(tx *Tx) error {
		n, err := tx.exec(ctx, "store.SaveSigned", "UPDATE log_state SET signed = $1 WHERE id = 1 AND signed = $2", noteColumn(next), noteColumn(old))
		return moved(n, err)
	})
}

// SavePublished implements sequence.Store.
func (l *Log) SavePublished(ctx context.Context, old, next []byte, size int64) error {
	return l.db.Update(ctx, func(tx *Tx) error {
		n, err := tx.exec(ctx, "store.SavePublished", "UPDATE log_state SET published = $1, size = $2 WHERE id = 1 AND published = $3",
			noteColumn(next), size, noteColumn(old))
		return moved(n, err)
	})
}

func moved(n int64, err error) error {
	if err == nil && n == 0 {
		return sequence.ErrMoved
	}
	return err
}

// LogSize returns how many leaves are public.
func LogSize(ctx context.Context, tx *Tx) (int64, error) {
	var size int64
	err := tx.one(ctx, "store.LogSize", "SELECT size FROM log_state WHERE id = 1", nil, &size)
	return size, err
}

// Lease takes or prolongs a lease for the holder and reports whether it holds it.
func (db *DB) Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error) {
	var got bool
	err := db.Update(ctx, func(tx *Tx) error {
		n, err := tx.exec(ctx, "store.Lease", `INSERT INTO lease (name, holder, until_at) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at
			WHERE lease.holder = excluded.holder OR lease.until_at < $4`, name, holder, Time{tx.At.Add(d)}, Time{tx.At})
		got = n == 1
		return err
	})
	return got, err
}

// Release gives a lease back.
func (db *DB) Release(ctx context.Context, name, holder string) error {
	return db.Update(ctx, func(tx *Tx) error {
		_, err := tx.exec(ctx, "store.Release", "DELETE FROM lease WHERE name = $1 AND holder = $2", name, holder)
		return err
	})
}

// StatusList is a signed status list as it is kept.
type StatusList struct {
	LeafID string
	At     time.Time
	Tree   int64 // the list reflects every leaf below
	JWS    string
}

// keepLists is how many status lists are kept; the log keeps the hash of each.
const keepLists = 50

// SaveStatusList keeps a list beside the leaf that holds its hash.
func SaveStatusList(ctx context.Context, tx *Tx, s StatusList) error {
	const op = "store.SaveStatusList"
	if _, err := tx.exec(ctx, op, "INSERT INTO status_list (leaf_id, at, tree, jws) VALUES ($1, $2, $3, $4)", s.LeafID, Time{s.At}, s.Tree, s.JWS); err != nil {
		return err
	}
	_, err := tx.exec(ctx, op, "DELETE FROM status_list WHERE leaf_id NOT IN (SELECT leaf_id FROM status_list ORDER BY at DESC LIMIT $1)", keepLists)
	return err
}

// NewestStatusList returns the newest list whose leaf is public, or NotFound. With
// waiting, one whose leaf is not public yet counts too.
func NewestStatusList(ctx context.Context, tx *Tx, waiting bool) (StatusList, error) {
	var s StatusList
	var at Time
	query := `SELECT s.leaf_id, s.at, s.tree, s.jws FROM status_list s JOIN leaf l ON l.id = s.leaf_id
		WHERE l.seq < (SELECT size FROM log_state WHERE id = 1) ORDER BY s.at DESC LIMIT 1`
	if waiting {
		query = "SELECT leaf_id, at, tree, jws FROM status_list ORDER BY at DESC LIMIT 1"
	}
	err := tx.one(ctx, "store.NewestStatusList", query, nil, &s.LeafID, &at, &s.Tree, &s.JWS)
	s.At = at.Time
	return s, err
}

// LabelRow is a label as its columns say it and as its document says it. The two
// differ only when somebody changed one of them behind the program's back.
type LabelRow struct {
	Columns scheme.Label // id, serial, registration, application, organisation, level, days, state
	Doc     scheme.Label
	Sealed  []byte // label.Statement with the fields kept back
}

// EachLabelRow calls fn for every label, in the order of serials.
func EachLabelRow(ctx context.Context, tx *Tx, fn func(LabelRow) error) error {
	return tx.all(ctx, "store.EachLabelRow", `SELECT id, serial, registration, application_id, organisation_id, level, issued, last_day, state, doc, sealed
		FROM label ORDER BY serial`, nil, func(row *sql.Rows) error {
		var r LabelRow
		var issued, last, sealed string
		c := &r.Columns
		err := row.Scan(&c.ID, &c.Serial, &c.Registration, &c.ApplicationID, &c.OrganisationID, &c.Level, &issued, &last, &c.State, doc{&r.Doc}, &sealed)
		if err != nil {
			return err
		}
		if c.Issued, err = scheme.ParseDay(issued); err != nil {
			return err
		}
		if c.LastDay, err = scheme.ParseDay(last); err != nil {
			return err
		}
		r.Sealed = []byte(sealed)
		return fn(r)
	})
}
