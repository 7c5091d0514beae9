package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/app"
	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/registry"
)

func newLedgerCmd(env *Env) *cobra.Command {
	c := &cobra.Command{Use: "ledger", Short: env.Lang().T("ledger.check.cmd"), Args: cobra.NoArgs}
	c.AddCommand(newLedgerCheckCmd(env))
	return c
}

// newLedgerCheckCmd compares the database with the log; exit code 1 when they disagree.
func newLedgerCheckCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var file, keys string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: l.T("ledger.check.short.cmd"),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			cfg, _, err := loadConfig(file, env)
			if err != nil {
				return err
			}
			if keys == "" {
				keys = filepath.Join(cfg.Public, "keys.json")
			}
			b, err := os.ReadFile(keys)
			if err != nil {
				return fault.Wrap(fault.Invalid, "cli.ledger", err, "config.missing-file", "path", keys)
			}
			manifest, err := ledger.DecodeKeys(b)
			if err != nil {
				return err
			}
			db, err := app.OpenDB(c.Context(), cfg, env.Getenv, time.Now)
			if err != nil {
				return err
			}
			defer func() {
				if cerr := db.Close(); err == nil {
					err = cerr
				}
			}()
			files, err := sequence.NewDir(cfg.Public)
			if err != nil {
				return err
			}
			r, err := registry.Check(c.Context(), db, manifest, files)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(env.Stdout).Encode(r); err != nil {
					return err
				}
			} else {
				sayCheck(env, r)
			}
			if len(r.Findings) > 0 {
				return No{}
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "hoshi.yaml", l.T("config.flag"))
	c.Flags().StringVar(&keys, "keys", "", l.T("ledger.check.flag.keys"))
	c.Flags().BoolVar(&asJSON, "json", false, l.T("ledger.check.flag.json"))
	return c
}

func sayCheck(env *Env, r registry.CheckResult) {
	l := env.Lang()
	for _, f := range r.Findings {
		s := l.Format(f.Key, f.Args)
		if f.Label != "" {
			s = l.T("ledger.check.of", "label", f.Label, "sentence", s)
		}
		fmt.Fprintln(env.Stdout, s)
	}
	key := "ledger.check.good"
	if len(r.Findings) > 0 {
		key = "ledger.check.bad"
	}
	fmt.Fprintln(env.Stdout, l.T(key, "n", len(r.Findings), "leaves", r.Leaves, "waiting", r.Waiting, "labels", r.Labels))
}
