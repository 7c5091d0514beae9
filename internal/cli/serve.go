package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/app"
)

func newServeCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: l.T("app.serve"),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, set, err := loadConfig(file, env)
			if err != nil {
				return err
			}
			a, err := app.New(c.Context(), app.Options{Config: cfg, Settings: set, Getenv: env.Getenv, Now: time.Now, Rand: rand.Reader,
				Log: slog.New(slog.NewJSONHandler(env.Stderr, nil))})
			if err != nil {
				return err
			}
			err = a.Run(c.Context(), func(net.Addr) {
				fmt.Fprintln(env.Stdout, l.T("app.serve.ready", "url", cfg.URL))
			})
			return errors.Join(err, a.Close())
		},
	}
	cmd.Flags().StringVar(&file, "config", "hoshi.yaml", l.T("config.flag"))
	return cmd
}
