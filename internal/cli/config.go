package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"hoshi/internal/config"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

func newConfigCmd(env *Env) *cobra.Command {
	l := env.Lang()
	cmd := &cobra.Command{Use: "config", Short: l.T("config.cmd"), Args: cobra.NoArgs}
	var file string
	check := &cobra.Command{
		Use:   "check",
		Short: l.T("config.check"),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, s, err := loadConfig(file, env)
			if err != nil {
				return err
			}
			engine := "SQLite"
			if c.Database.SQLite == "" {
				engine = "PostgreSQL"
			}
			_, err = fmt.Fprintln(env.Stdout, l.T("config.check.ok", "file", file, "engine", engine, "scheme", s.Name))
			return err
		},
	}
	check.Flags().StringVar(&file, "config", "hoshi.yaml", l.T("config.flag"))
	cmd.AddCommand(check)
	return cmd
}

// loadConfig reads and checks hoshi.yaml and the scheme that it names.
func loadConfig(file string, env *Env) (*config.Config, *scheme.Settings, error) {
	c, err := config.Load(file)
	if err != nil {
		return nil, nil, err
	}
	if err := c.Check(env.Getenv); err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(c.Scheme)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, "cli.config", err, "config.open", "file", c.Scheme)
	}
	s, err := scheme.LoadSettings(c.Scheme, b)
	if err != nil {
		return nil, nil, err
	}
	return c, s, nil
}
