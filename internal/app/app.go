// Package app puts the parts together and keeps them running: database, use cases,
// portal, public site, publisher, signer process. It decides nothing itself.
//
// Start at [New] for the wiring and at [App.Run] for what runs at the same time and
// how it ends.
package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hoshi/internal/auth"
	"hoshi/internal/blob"
	"hoshi/internal/casework"
	"hoshi/internal/config"
	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/store/postgres"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/web"
)

// Options are what an App takes from outside.
type Options struct {
	Config   *config.Config // checked
	Settings *scheme.Settings
	Getenv   func(string) string
	Now      func() time.Time
	Rand     io.Reader
	Log      *slog.Logger
	// Demo makes one-click sign-in work for these people. Only the demo sets it;
	// no configuration leads here.
	Demo []web.DemoPerson
	// Site is where label pages are read; "" = https and the scheme's host.
	Site string
	// Witnesses in this process, beside the configured ones; the demo has one.
	Witnesses []Witness
}

// Witness is a witness with its verifier key text.
type Witness struct {
	Key string
	sequence.Witness
}

// App is a server that has not started yet.
type App struct {
	Options
	DB       *store.DB
	Casework *casework.Service
	Auth     *auth.Service
	blobs    *blob.Disk
	site     *registry.Site
	handler  http.Handler
	log      *logKeeper
}

// Engine returns the configured database engine.
func Engine(c *config.Config, getenv func(string) string) (store.Engine, error) {
	if c.Database.SQLite != "" {
		if err := os.MkdirAll(filepath.Dir(c.Database.SQLite), 0o700); err != nil {
			return nil, fault.Wrap(fault.Invalid, "app.Engine", err, "config.missing-file", "path", filepath.Dir(c.Database.SQLite))
		}
		return sqlite.Engine{Path: c.Database.SQLite}, nil
	}
	u, err := c.PostgresURL(getenv)
	return postgres.Engine{URL: u}, err
}

// OpenDB opens the configured database and brings its schema up to date.
func OpenDB(ctx context.Context, c *config.Config, getenv func(string) string, now func() time.Time) (*store.DB, error) {
	e, err := Engine(c, getenv)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, e, now)
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// New wires a server. It opens and migrates the database and starts nothing.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{Options: o}
	if a.Site == "" {
		a.Site = "https://" + o.Settings.Host
	}
	if err := registry.CheckArtwork(o.Settings, a.Site); err != nil {
		return nil, err
	}
	if a.DB, err = OpenDB(ctx, o.Config, o.Getenv, o.Now); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.DB.Close())
		}
	}()
	if a.blobs, err = blob.Open(o.Config.Blobs(), o.Now()); err != nil {
		return nil, err
	}
	editions, err := Editions(o.Config.Editions)
	if err != nil {
		return nil, err
	}
	if err := signedOff(o.Settings, editions); err != nil {
		return nil, err
	}
	a.Casework = &casework.Service{DB: a.DB, Settings: o.Settings, Editions: editions, Blobs: a.blobs, OpenBundle: OpenBundle,
		Fold: registry.Fold, StatusListURL: a.Site + "/status-list", Rand: o.Rand}
	ao := auth.Options{DB: a.DB, Now: o.Now, Rand: o.Rand, Issuer: o.Settings.Name.JA, Secure: strings.HasPrefix(o.Config.URL, "https://")}
	a.Auth = auth.New(ao)
	if o.Demo != nil {
		a.Auth = auth.NewDemo(ao)
	}
	a.site = &registry.Site{DB: a.DB, Settings: o.Settings, Dir: o.Config.Public, Now: o.Now, Log: o.Log}
	a.handler, err = web.New(web.Options{Casework: a.Casework, Auth: a.Auth, Settings: o.Settings, Now: o.Now, Rand: o.Rand, Log: o.Log,
		Demo: o.Demo, Public: a.site.Handler()})
	if err != nil {
		return nil, err
	}
	files, err := sequence.NewDir(o.Config.Public)
	if err != nil {
		return nil, err
	}
	a.log = newLogKeeper(a, files, editions)
	a.site.Forked = a.log.forked
	return a, nil
}

// Handler is the portal and the public site.
func (a *App) Handler() http.Handler { return a.handler }

// Close closes the database.
func (a *App) Close() error { return a.DB.Close() }

// Editions knows the editions of the program and those in a folder, each in a
// folder of its own; dir may be empty. A faulty edition is refused now, not when a
// vendor opens it.
func Editions(dir string) (func(id string) (*criteria.Edition, error), error) {
	own := map[string]*criteria.Edition{}
	if dir != "" {
		files, err := filepath.Glob(filepath.Join(dir, "*", "edition.yaml"))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			e, err := criteria.Load(os.DirFS(dir), filepath.Base(filepath.Dir(f)))
			if err != nil {
				return nil, err
			}
			own[e.ID] = e
		}
	}
	return func(id string) (*criteria.Edition, error) {
		if e, ok := own[id]; ok {
			return e, nil
		}
		return criteria.Builtin(id)
	}, nil
}

// signedOff refuses a scheme that grants under an edition which is not there.
func signedOff(s *scheme.Settings, editions func(string) (*criteria.Edition, error)) error {
	for _, l := range s.Levels {
		for _, id := range l.Editions {
			if _, err := editions(id); err != nil {
				return fault.Wrap(fault.Invalid, "app.New", err, "app.edition", "level", l.ID, "edition", id)
			}
		}
	}
	return nil
}
