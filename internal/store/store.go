// Package store is all the SQL of Hoshi: one portable text for SQLite and
// PostgreSQL, one file per noun. It decides nothing; use cases (package
// casework) own the transactions and hand a [Tx] to the functions here.
//
// What keeps the SQL portable: $n placeholders numbered by first appearance;
// ids, days, times and JSON are TEXT; times are UTC with a fixed width (see
// [Time]); counters are BIGINT; no engine functions, no now(). What differs
// between engines is in store/sqlite and store/postgres, behind [Engine].
//
// A function that returns one thing locks its row when the transaction writes:
// whoever loaded it first decides on it first. Load in the order revocation,
// label, application, evaluation, product, organisation.
package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"hoshi/internal/fault"
)

// Engine is what differs between databases.
type Engine interface {
	// Name is "sqlite" or "postgres".
	Name() string
	// Open returns a pool for writing and one for reading; they may be the same.
	// A commit that returned must survive the loss of power.
	Open(ctx context.Context) (write, read *sql.DB, err error)
	// Unique reports whether err says that a unique key exists already.
	Unique(err error) bool
	// Retry reports whether err says that the transaction lost a race and may be tried again.
	Retry(err error) bool
	// SkipLocked is the clause that lets a claim pass over rows that others hold; may be empty.
	SkipLocked() string
	// Lock is the clause that makes a writing transaction wait for the one that
	// holds the row; may be empty where there is one writer.
	Lock() string
	// Dialect names the engine to the migration library.
	Dialect() goose.Dialect
}

// DB is a database of Hoshi.
type DB struct {
	engine      Engine
	write, read *sql.DB
	now         func() time.Time
}

// Open connects; it does not migrate. now is the clock that transactions freeze.
func Open(ctx context.Context, e Engine, now func() time.Time) (*DB, error) {
	w, r, err := e.Open(ctx)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "store.Open", err, "store.open", "engine", e.Name())
	}
	return &DB{engine: e, write: w, read: r, now: now}, nil
}

// Close closes both pools.
func (db *DB) Close() error {
	err := db.write.Close()
	if db.read != db.write {
		if e := db.read.Close(); err == nil {
			err = e
		}
	}
	return err
}

// Now reads the clock that transactions freeze.
func (db *DB) Now() time.Time { return db.now() }

// Engine returns the engine, for what only the operator's commands need.
func (db *DB) Engine() Engine { return db.engine }

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema to this program's version. Several processes may
// call it at once.
func (db *DB) Migrate(ctx context.Context) error {
	const op = "store.Migrate"
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	p, err := goose.NewProvider(db.engine.Dialect(), db.write, dir, providerOptions(db.engine)...)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err, "store.migrate")
	}
	if _, err := p.Up(ctx); err != nil {
		return fault.Wrap(fault.Internal, op, err, "store.migrate")
	}
	return nil
}

// locking is implemented by engines whose migrations need a lock across processes.
type locking interface {
	ProviderOptions() []goose.ProviderOption
}

func providerOptions(e Engine) []goose.ProviderOption {
	if l, ok := e.(locking); ok {
		return l.ProviderOptions()
	}
	return nil
}

// Tx is one transaction with one frozen instant.
type Tx struct {
	tx     *sql.Tx
	engine Engine
	writes bool
	batch  func(ctx context.Context, list []Statement) ([]int64, error) // nil = the engine has no batches
	wait   []Statement                                                  // see later
	// At is the instant of the transaction, UTC, whole milliseconds.
	At time.Time
}

// attempts bounds how often a transaction that lost a race is run again.
const attempts = 8

// Update runs fn in a writing transaction and commits when it returns nil. fn may
// run more than once and must not act outside the transaction.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	var err error
	for range attempts {
		err = db.run(ctx, db.write, nil, fn)
		if err == nil || !db.engine.Retry(err) || ctx.Err() != nil {
			return err
		}
	}
	return fault.Wrap(fault.Unavailable, "store.Update", err, "fault.unavailable")
}

// View runs fn in a reading transaction, all of which sees one moment.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	return db.run(ctx, db.read, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}, fn)
}

func (db *DB) run(ctx context.Context, pool *sql.DB, opts *sql.TxOptions, fn func(*Tx) error) (err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fault.Wrap(fault.Unavailable, "store.Begin", err, "fault.unavailable")
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return fault.Wrap(fault.Unavailable, "store.Begin", err, "fault.unavailable")
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // err is what the caller needs to know
		}
	}()
	t := &Tx{tx: tx, engine: db.engine, writes: opts == nil, At: db.now().UTC().Truncate(time.Millisecond)}
	if b, ok := db.engine.(batching); ok && t.writes {
		t.batch = func(ctx context.Context, list []Statement) ([]int64, error) { return b.Batch(ctx, conn, list) }
	}
	if err = fn(t); err != nil {
		return err
	}
	if _, err = t.flush(ctx); err != nil {
		return err
	}
	return tx.Commit()
}
