package cli

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/demo"
	"hoshi/internal/fault"
)

// demoListen is where the demo answers unless told otherwise.
const demoListen = "127.0.0.1:8480"

func newDemoCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var dir, listen string
	var fresh bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: l.T("demo.cmd"),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				d, err := dataDir(env)
				if err != nil {
					return err
				}
				dir = filepath.Join(d, "hoshi-demo")
			}
			abs, err := filepath.Abs(dir)
			if err != nil {
				return fault.Wrap(fault.Invalid, "cli.demo", err, "demo.folder", "dir", dir)
			}
			show := newProgress(env, l, false)
			err = demo.Run(c.Context(), demo.Options{Dir: abs, Listen: listen, Fresh: fresh, Tool: Tool, Getenv: env.Getenv, Now: time.Now, Rand: rand.Reader,
				Log:      slog.New(slog.NewTextHandler(env.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
				Progress: show.event,
				Say: func(key string, args ...any) {
					show.end()
					fmt.Fprintln(env.Stdout, l.T(key, args...))
				}})
			show.end()
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", l.T("demo.flag.dir"))
	cmd.Flags().StringVar(&listen, "listen", demoListen, l.T("demo.flag.listen"))
	cmd.Flags().BoolVar(&fresh, "fresh", false, l.T("demo.flag.fresh"))
	return cmd
}

// dataDir is the folder in which programs keep a person's data.
func dataDir(env *Env) (string, error) {
	if d := env.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return d, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.Wrap(fault.Invalid, "cli.demo", err, "demo.home")
	}
	return filepath.Join(home, ".local", "share"), nil
}
