// Package sqlite opens a SQLite file for package store. One connection writes;
// several read. Nothing above it knows which engine it is.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"hoshi/internal/store"
)

// Engine is a SQLite file.
type Engine struct {
	Path string // of the database file; its folder must exist
}

var _ store.Engine = Engine{}

// Name returns "sqlite".
func (Engine) Name() string { return "sqlite" }

// Dialect names SQLite to the migration library.
func (Engine) Dialect() goose.Dialect { return goose.DialectSQLite3 }

// SkipLocked is empty: there is one writer.
func (Engine) SkipLocked() string { return "" }

// Lock is empty: there is one writer.
func (Engine) Lock() string { return "" }

// Open returns a pool of one writer and a pool of readers. synchronous is FULL,
// because NORMAL in WAL mode may forget a commit when the power fails. A new file is
// its owner's alone, and SQLite gives its side files the same mode.
func (e Engine) Open(ctx context.Context) (write, read *sql.DB, err error) {
	f, err := os.OpenFile(e.Path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	write, err = sql.Open("sqlite", e.dsn("rwc", "&_txlock=immediate"))
	if err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if err = write.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	var mode string
	if err = write.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		return nil, nil, errors.Join(fmt.Errorf("journal mode is %q, not wal", mode), err, write.Close())
	}
	read, err = sql.Open("sqlite", e.dsn("rw", ""))
	if err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	return write, read, nil
}

func (e Engine) dsn(mode, more string) string {
	p := url.PathEscape(e.Path)
	return "file:" + p + "?mode=" + mode +
		"&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)" + more
}

// Unique reports a violated unique or primary key.
func (Engine) Unique(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// Retry reports that another process held the file.
func (Engine) Retry(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == lib.SQLITE_BUSY)
}
