package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"hoshi/internal/ledger/ledgertest/labeltest"
)

// labelScripts gives scripts a granted label: its documents in sample/, a site that
// serves them ($SITE), and a site whose label names a status list elsewhere ($ASTRAY).
func labelScripts(t *testing.T) func(*testscript.Env) error {
	site := httptest.NewServer(nil)
	t.Cleanup(site.Close) // the scripts run after the test function has returned
	here := labeltest.New(t, site.URL)
	site.Config.Handler = serveLabel(t, here)
	astray := httptest.NewServer(serveLabel(t, labeltest.New(t, "https://elsewhere.example.test")))
	t.Cleanup(astray.Close)
	return func(e *testscript.Env) error {
		e.Setenv("SITE", site.URL)
		e.Setenv("ASTRAY", astray.URL)
		e.Setenv("LABEL", string(labeltest.ID(t)))
		if err := os.MkdirAll(filepath.Join(e.WorkDir, "sample"), 0o755); err != nil {
			return err
		}
		for name, b := range map[string][]byte{
			"keys.json": here.Keys, "label.json": here.Statement, "label.proof": here.Proof, "status.jws": here.Fresh, "revoked.jws": here.Revoked,
		} {
			if err := os.WriteFile(filepath.Join(e.WorkDir, "sample", name), b, 0o644); err != nil {
				return err
			}
		}
		return nil
	}
}

func serveLabel(t *testing.T, s *labeltest.Sample) http.Handler {
	mux := http.NewServeMux()
	id := string(labeltest.ID(t))
	for path, b := range map[string][]byte{"/keys.json": s.Keys, "/status.jws": s.Fresh, "/L/" + id + ".json": s.Statement, "/L/" + id + ".proof": s.Proof} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { w.Write(b) })
	}
	return mux
}

// flip FROM TO TEXT OTHER copies a file with one text replaced by another of the
// same length, as somebody with an editor would.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 || len(args[2]) != len(args[3]) {
		ts.Fatalf("usage: flip FROM TO TEXT OTHER, the texts of one length")
	}
	b := []byte(ts.ReadFile(args[0]))
	i := bytes.Index(b, []byte(args[2]))
	if i < 0 {
		ts.Fatalf("%s holds no %q", args[0], args[2])
	}
	copy(b[i:], args[3])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o644))
}

// exits CODE PROGRAM ARGS... runs a program and wants its exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		status, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = strconv.Itoa(status.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}
