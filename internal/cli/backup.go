package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/app"
	"hoshi/internal/backup"
	"hoshi/internal/fault"
)

func newBackupCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var file string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: l.T("backup.cmd"),
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, os.ErrExist) {
				return fault.Wrap(fault.Conflict, "cli.backup", err, "backup.exists", "file", args[0])
			}
			if err != nil {
				return fault.Wrap(fault.Invalid, "cli.backup", err, "backup.open", "file", args[0])
			}
			var m backup.Manifest
			err = withPlace(c.Context(), file, env, func(p backup.Place) (err error) {
				m, err = backup.Write(c.Context(), p, f)
				return err
			})
			if err == nil {
				err = f.Sync()
			}
			if err = errors.Join(err, f.Close()); err != nil {
				return errors.Join(err, os.Remove(args[0])) // half a backup is none
			}
			_, err = fmt.Fprintln(env.Stdout, l.T("backup.done", "file", args[0], "leaves", m.Leaves))
			return err
		},
	}
	c.Flags().StringVar(&file, "config", "hoshi.yaml", l.T("config.flag"))
	return c
}

func newRestoreCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var file string
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: l.T("backup.restore.cmd"),
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fault.Wrap(fault.Invalid, "cli.restore", err, "backup.open", "file", args[0])
			}
			defer f.Close()
			var m backup.Manifest
			err = withPlace(c.Context(), file, env, func(p backup.Place) (err error) {
				m, err = backup.Restore(c.Context(), p, f)
				return err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(env.Stdout, l.T("backup.restored", "file", args[0], "leaves", m.Leaves))
			return err
		},
	}
	c.Flags().StringVar(&file, "config", "hoshi.yaml", l.T("config.flag"))
	return c
}

// withPlace opens what hoshi.yaml names.
func withPlace(ctx context.Context, file string, env *Env, fn func(backup.Place) error) error {
	cfg, set, err := loadConfig(file, env)
	if err != nil {
		return err
	}
	db, err := app.OpenDB(ctx, cfg, env.Getenv, time.Now)
	if err != nil {
		return err
	}
	return errors.Join(fn(backup.Place{DB: db, Blobs: cfg.Blobs(), Public: cfg.Public, Scheme: set.ID}), db.Close())
}
