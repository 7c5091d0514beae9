package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/app"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// newMemberCmd gives and ends memberships: nobody can sign up in the portal as an
// officer or an evaluator.
func newMemberCmd(env *Env) *cobra.Command {
	l := env.Lang()
	c := &cobra.Command{Use: "member", Short: l.T("member.cmd"), Args: cobra.NoArgs}
	add := memberVerb(env, "add", func(ctx context.Context, db *store.DB, set *scheme.Settings, m app.Member) error {
		return app.AddMember(ctx, db, set, time.Now, rand.Reader, m)
	})
	end := memberVerb(env, "end", func(ctx context.Context, db *store.DB, set *scheme.Settings, m app.Member) error {
		return app.EndMember(ctx, db, set, rand.Reader, m)
	})
	c.AddCommand(add, end)
	return c
}

func memberVerb(env *Env, verb string, do func(context.Context, *store.DB, *scheme.Settings, app.Member) error) *cobra.Command {
	l := env.Lang()
	var file, role, number string
	var classes []string
	var m app.Member
	c := &cobra.Command{
		Use:   verb,
		Short: l.T("member." + verb),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := requiredFlags("login", m.Login, "role", role); err != nil {
				return err
			}
			m.Role, m.Organisation.CorporateNumber = scheme.Role(role), scheme.CorporateNumber(number)
			for _, x := range classes {
				m.Organisation.Classes = append(m.Organisation.Classes, scheme.EvaluatorClass(x))
			}
			cfg, set, err := loadConfig(file, env)
			if err != nil {
				return err
			}
			if verb == "add" {
				line, err := bufio.NewReader(io.LimitReader(env.Stdin, 4096)).ReadString('\n')
				if err != nil && !errors.Is(err, io.EOF) {
					return err
				}
				m.Password = strings.TrimRight(line, "\r\n")
			}
			db, err := app.OpenDB(c.Context(), cfg, env.Getenv, time.Now)
			if err != nil {
				return err
			}
			err = do(c.Context(), db, set, m)
			if cerr := db.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(env.Stdout, l.T("member."+verb+".done", "login", m.Login, "role", l.T("member.role."+role)))
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&file, "config", "hoshi.yaml", l.T("config.flag"))
	f.StringVar(&m.Login, "login", "", l.T("member.flag.login"))
	f.StringVar(&role, "role", "", l.T("member.flag.role"))
	f.StringVar(&number, "corporate-number", "", l.T("member.flag.number"))
	if verb == "add" {
		f.StringVar(&m.Name, "name", "", l.T("member.flag.name"))
		f.BoolVar(&m.Existing, "existing", false, l.T("member.flag.existing"))
		f.StringVar(&m.SamePersonAs, "same-person-as", "", l.T("member.flag.same"))
		f.StringVar(&m.Organisation.Name, "organisation", "", l.T("member.flag.organisation"))
		f.StringSliceVar(&classes, "class", nil, l.T("member.flag.class"))
	}
	return c
}
