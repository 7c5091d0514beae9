// Package postgres opens a PostgreSQL database for package store. Nothing above
// it knows which engine it is.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"hoshi/internal/store"
)

// Engine is a PostgreSQL database.
type Engine struct {
	URL string // postgres://user:password@host:port/database or key=value form
}

var _ store.Engine = Engine{}

// Name returns "postgres".
func (Engine) Name() string { return "postgres" }

// Dialect names PostgreSQL to the migration library.
func (Engine) Dialect() goose.Dialect { return goose.DialectPostgres }

// SkipLocked lets a claim pass over rows that others hold.
func (Engine) SkipLocked() string { return " FOR UPDATE SKIP LOCKED" }

// Lock holds the row against other writers, not against rows that refer to it.
func (Engine) Lock() string { return " FOR NO KEY UPDATE" }

// ProviderOptions lets several processes migrate at once.
func (Engine) ProviderOptions() []goose.ProviderOption {
	l, err := lock.NewPostgresSessionLocker()
	if err != nil {
		panic(err) // only wrong options make it fail, and there are none
	}
	return []goose.ProviderOption{goose.WithSessionLocker(l)}
}

// Open returns one pool for both. It refuses a server that loses acknowledged
// commits (fsync or full_page_writes off) and switches synchronous_commit on.
func (e Engine) Open(ctx context.Context) (write, read *sql.DB, err error) {
	db, err := sql.Open("pgx", e.URL)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(max(8, 4*runtime.NumCPU()))
	db.SetMaxIdleConns(8)
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var v string
		if err := db.QueryRowContext(ctx, "SHOW "+name).Scan(&v); err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
		if v == "off" {
			return nil, nil, errors.Join(fmt.Errorf("the server has %s = off and would lose acknowledged data", name), db.Close())
		}
	}
	return db, db, nil
}

// Batch sends the statements in one go and waits once. pgx prepares each text the
// first time a connection meets it.
func (Engine) Batch(ctx context.Context, conn *sql.Conn, list []store.Statement) (counts []int64, err error) {
	err = conn.Raw(func(c any) error {
		var b pgx.Batch
		for _, s := range list {
			b.Queue(s.Query, s.Args...)
		}
		results := c.(*stdlib.Conn).Conn().SendBatch(ctx, &b)
		for range list {
			tag, err := results.Exec()
			if err != nil {
				_ = results.Close() // the first error is the one that counts
				return err
			}
			counts = append(counts, tag.RowsAffected())
		}
		return results.Close()
	})
	return counts, err
}

// Unique reports a violated unique or primary key.
func (Engine) Unique(err error) bool { return code(err) == "23505" }

// Retry reports a serialization failure or a deadlock.
func (Engine) Retry(err error) bool {
	c := code(err)
	return c == "40001" || c == "40P01"
}

func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
