package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/signer"
	"hoshi/internal/ledger/witness"
)

func newWitnessCmd(env *Env) *cobra.Command {
	var key, state, name, listen string
	var logs []string
	t := env.Lang().T
	c := &cobra.Command{
		Use:   "witness",
		Short: t("witness.short"),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := requiredFlags("key", key, "state", state, "name", name, "listen", listen); err != nil {
				return err
			}
			if len(logs) == 0 {
				return requiredFlags("log-vkey", "")
			}
			keys, err := signer.ReadKeys(key, "witness")
			if err != nil {
				return err
			}
			core, err := witness.New(name, keys["witness"], state, logs, time.Now)
			if err != nil {
				return err
			}
			defer core.Close()
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return fault.Wrap(fault.Invalid, "cli.witness", err, "ledger.signer.socket", "path", listen)
			}
			fmt.Fprintln(env.Stdout, env.Lang().T("ledger.witness.ready", "addr", l.Addr().String()))
			return signer.Serve(c.Context(), l, witness.Handler(core, slog.New(slog.NewJSONHandler(env.Stderr, nil))))
		},
	}
	keyFileFlags(c, env, &key, &state)
	c.Flags().StringVar(&name, "name", "", t("witness.flag.name"))
	c.Flags().StringArrayVar(&logs, "log-vkey", nil, t("witness.flag.log"))
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", t("witness.flag.listen"))
	c.AddCommand(newWitnessInitCmd(env))
	return c
}

func newWitnessInitCmd(env *Env) *cobra.Command {
	var key, state, name string
	c := &cobra.Command{
		Use:   "init",
		Short: env.Lang().T("witness.init.short"),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := requiredFlags("key", key, "state", state, "name", name); err != nil {
				return err
			}
			if err := logName(name); err != nil {
				return err
			}
			if err := witness.CreateState(state); err != nil {
				return err
			}
			keys, err := signer.CreateKeys(key, rand.Reader, "witness")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(env.Stdout, ledger.CosignerVKey(name, keys["witness"].Public().(ed25519.PublicKey)))
			return err
		},
	}
	keyFileFlags(c, env, &key, &state)
	c.Flags().StringVar(&name, "name", "", env.Lang().T("witness.flag.name"))
	return c
}
