package cli

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/app"
)

// newOfficerCmd makes officers: nobody can sign up as one in the portal.
func newOfficerCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var file string
	var o app.Officer
	c := &cobra.Command{Use: "officer", Short: l.T("officer.cmd"), Args: cobra.NoArgs}
	add := &cobra.Command{
		Use:   "add",
		Short: l.T("officer.add"),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := requiredFlags("login", o.Login); err != nil {
				return err
			}
			cfg, set, err := loadConfig(file, env)
			if err != nil {
				return err
			}
			line, err := bufio.NewReader(io.LimitReader(env.Stdin, 4096)).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			o.Password = strings.TrimRight(line, "\r\n")
			db, err := app.OpenDB(c.Context(), cfg, env.Getenv, time.Now)
			if err != nil {
				return err
			}
			err = app.AddOfficer(c.Context(), db, set, time.Now, rand.Reader, o)
			if cerr := db.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(env.Stdout, l.T("officer.added", "login", o.Login, "owner", set.Owner))
			return err
		},
	}
	add.Flags().StringVar(&file, "config", "hoshi.yaml", l.T("config.flag"))
	add.Flags().StringVar(&o.Login, "login", "", l.T("officer.flag.login"))
	add.Flags().StringVar(&o.Name, "name", "", l.T("officer.flag.name"))
	c.AddCommand(add)
	return c
}
