package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/signer"
)

func newSignerCmd(env *Env) *cobra.Command {
	var key, state, socket string
	var group bool
	t := env.Lang().T
	c := &cobra.Command{
		Use:   "signer",
		Short: t("signer.short"),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := requiredFlags("key", key, "state", state, "socket", socket); err != nil {
				return err
			}
			core, err := signer.Open(key, state, time.Now)
			if err != nil {
				return err
			}
			defer core.Close()
			last, err := core.Last(c.Context())
			if err != nil {
				return err
			}
			mode := signer.OwnerOnly
			if group {
				mode = signer.OwnerAndGroup
			}
			l, err := signer.Listen(socket, mode)
			if err != nil {
				return err
			}
			origin, _, _ := strings.Cut(core.LogVKey(), "+")
			fmt.Fprintln(env.Stdout, env.Lang().T("ledger.signer.ready", "path", socket, "origin", origin, "size", last.Size))
			return signer.Serve(c.Context(), l, signer.Handler(core, slog.New(slog.NewJSONHandler(env.Stderr, nil))))
		},
	}
	keyFileFlags(c, env, &key, &state)
	c.Flags().StringVar(&socket, "socket", "", t("signer.flag.socket"))
	c.Flags().BoolVar(&group, "group", false, t("signer.flag.group"))
	c.AddCommand(newSignerInitCmd(env))
	return c
}

func keyFileFlags(c *cobra.Command, env *Env, key, state *string) {
	c.Flags().StringVar(key, "key", "", env.Lang().T("signer.flag.key"))
	c.Flags().StringVar(state, "state", "", env.Lang().T("signer.flag.state"))
}

// requiredFlags takes flag, value pairs and refuses the first empty one.
func requiredFlags(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return fault.New(fault.Invalid, "cli", "signer.missing", "flag", pairs[i])
		}
	}
	return nil
}

// logName holds names of logs and witnesses to what a signed note can carry.
func logName(name string) error {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, "+ \t\r\n\u3000") {
		return fault.New(fault.Invalid, "cli", "signer.origin", "origin", name)
	}
	return nil
}

func newSignerInitCmd(env *Env) *cobra.Command {
	var key, state, origin, scheme string
	c := &cobra.Command{
		Use:   "init",
		Short: env.Lang().T("signer.init.short"),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := requiredFlags("key", key, "state", state, "origin", origin, "scheme", scheme); err != nil {
				return err
			}
			if err := logName(origin); err != nil {
				return err
			}
			keys, err := signer.Init(key, state, origin, rand.Reader)
			if err != nil {
				return err
			}
			public := func(use string) ed25519.PublicKey { return keys[use].Public().(ed25519.PublicKey) }
			b, err := ledger.Keys{V: 1, Scheme: scheme, Origin: origin, Log: ledger.LogVKey(origin, public("log")),
				Status: ledger.StatusKey(public("status")), Witnesses: []string{}}.Encode()
			if err != nil {
				return err
			}
			_, err = env.Stdout.Write(b)
			return err
		},
	}
	keyFileFlags(c, env, &key, &state)
	c.Flags().StringVar(&origin, "origin", "", env.Lang().T("signer.flag.origin"))
	c.Flags().StringVar(&scheme, "scheme", "", env.Lang().T("signer.flag.scheme"))
	return c
}
