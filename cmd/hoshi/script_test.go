package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"hoshi/internal/cli"
	"hoshi/internal/testkit/stranger"
)

var update = flag.Bool("update", false, "rewrite the golden files inside the scripts")

// TestMain makes "hoshi" a command that scripts run in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(stranger.Watch(m), map[string]func(){
		"hoshi": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			os.Exit(cli.Main(ctx, os.Args[1:], &cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
		},
	})
}

// TestScript runs testdata/script/*.txtar: the behaviour of the whole binary,
// readable as a manual. $CRITERIA is the folder of the editions' data.
func TestScript(t *testing.T) {
	criteria, err := filepath.Abs("../../criteria")
	if err != nil {
		t.Fatal(err)
	}
	label := labelScripts(t)
	// Servers refuse to keep data where a restart empties it, as /tmp may be.
	root, err := os.MkdirTemp("/var/tmp", "hoshi-script-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		WorkdirRoot:   root,
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CRITERIA", criteria)
			e.Setenv("HOSHI_LANG", "ja")
			e.Setenv(stranger.FolderEnv, os.Getenv(stranger.FolderEnv))
			if err := freeAddress(e); err != nil {
				return err
			}
			return label(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"flip": flip, "exits": exits, "grant": grant(t), "settled": settled, "health": health, "answers": answers},
	})
}
