package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hoshi/internal/app"
	"hoshi/internal/app/apptest"
	"hoshi/internal/config"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// freeAddress gives a script an address for its server ($ADDR).
func freeAddress(e *testscript.Env) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.Setenv("ADDR", l.Addr().String())
	return l.Close()
}

// open opens what a script's hoshi.yaml names.
func open(ts *testscript.TestScript) (*store.DB, *config.Config, *scheme.Settings) {
	// The configuration names files relative to itself, and $ADDR is filled in.
	cfg, err := config.Load(ts.MkAbs("hoshi.yaml"))
	ts.Check(err)
	b, err := os.ReadFile(cfg.Scheme)
	ts.Check(err)
	set, err := scheme.LoadSettings(cfg.Scheme, b)
	ts.Check(err)
	db, err := app.OpenDB(context.Background(), cfg, os.Getenv, time.Now)
	ts.Check(err)
	return db, cfg, set
}

// grant LEVEL grants a label at the level in the database of hoshi.yaml, through
// every step from the vendor's draft to the second officer. It prints the label as
// "registration issued last-day" to the file "granted" and its id to "id".
func grant(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: grant LEVEL")
		}
		db, cfg, set := open(ts)
		defer db.Close()
		s, err := apptest.Service(db, set, cfg.Editions, cfg.Blobs())
		ts.Check(err)
		l, err := apptest.Grant(context.Background(), s, apptest.Seed(t, db), args[0])
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs("granted"), fmt.Appendf(nil, "%s %s %s\n", l.Registration, l.Issued, l.LastDay), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs("id"), []byte(l.ID+"\n"), 0o600))
		ts.Setenv("ID", l.ID)
	}
}

// settled waits until everything that was granted is public.
func settled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: settled")
	}
	db, cfg, _ := open(ts)
	defer db.Close()
	ctx := context.Background()
	wait(ts, "the log to settle", func() bool {
		var size, all int64
		var ids []string
		err := db.View(ctx, func(tx *store.Tx) (err error) {
			if size, err = store.LogSize(ctx, tx); err != nil {
				return err
			}
			if err := store.EachLabelRow(ctx, tx, func(r store.LabelRow) error { ids = append(ids, r.Columns.ID); return nil }); err != nil {
				return err
			}
			return store.EachLeaf(ctx, tx, func([]byte) error { all++; return nil })
		})
		if err != nil || size == 0 || size != all {
			return false
		}
		for _, id := range ids {
			if _, err := os.Stat(filepath.Join(cfg.Public, "L", id+".svg")); err != nil {
				return false
			}
		}
		_, err = os.Stat(filepath.Join(cfg.Public, "status-list"))
		return err == nil
	})
}

// health FIELD VALUE waits until the server's health check says so.
func health(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: health FIELD VALUE")
	}
	wait(ts, args[0]+" = "+args[1], func() bool {
		r, err := http.Get("http://" + ts.Getenv("ADDR") + "/healthz")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		var h map[string]any
		return json.NewDecoder(r.Body).Decode(&h) == nil && fmt.Sprint(h[args[0]]) == args[1]
	})
}

// answers waits until the server answers an address with a status code.
func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: answers PATH STATUS")
	}
	wait(ts, args[0]+" answers "+args[1], func() bool {
		r, err := http.Get("http://" + ts.Getenv("ADDR") + args[0])
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return fmt.Sprint(r.StatusCode) == args[1]
	})
}

// wait looks again and again for what another process does.
func wait(ts *testscript.TestScript, what string, done func() bool) {
	end := time.After(60 * time.Second)
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-end:
			ts.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
