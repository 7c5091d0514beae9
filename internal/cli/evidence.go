package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

func newEvidenceCmd(env *Env) *cobra.Command {
	l := env.Lang()
	c := &cobra.Command{Use: "evidence", Short: l.T("evidence.cmd")}
	c.AddCommand(newEvidenceShowCmd(env), newEvidenceReplayCmd(env), newEvidenceDiffCmd(env), newEvidenceMinutesCmd(env), newEvidenceImportCmd(env), newEvidenceReportCmd(env), newEvidenceKeyCmd(env))
	return c
}

func openBundle(name string) (*evidence.Bundle, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "cli.evidence", err, "assess.file", "file", name)
	}
	defer f.Close()
	limits := evidence.DefaultLimits()
	limits.AllowUnsigned = true
	return evidence.Open(f, limits)
}

// signature says who sealed a bundle; with a public key it proves it.
func signature(b *evidence.Bundle, l i18n.Lang, keyFile string) (string, error) {
	by := b.SignedBy()
	if keyFile != "" {
		src, err := readFile(keyFile, 16<<10)
		if err != nil {
			return "", err
		}
		pub, err := evidence.ParsePublic(src)
		if err != nil {
			return "", err
		}
		if err := b.Verify(pub); err != nil {
			return "", err
		}
		return l.T("evidence.signed-proved", "key", evidence.KeyID(pub)), nil
	}
	if len(by) == 0 {
		return l.T("evidence.signed-none"), nil
	}
	return l.T("evidence.signed-named", "key", strings.Join(by, ", ")), nil
}

// printForeignRules says so when the verdicts come from rules that only the file
// itself holds: whoever made the file may have made the rules too.
func printForeignRules(w io.Writer, l i18n.Lang, e *criteria.Edition, b *evidence.Bundle) {
	if b.ForeignRules(e) {
		fmt.Fprintln(w, l.T("evidence.foreign-rules", "edition", e.ID))
	}
}

func newEvidenceShowCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var asJSON bool
	var key string
	c := &cobra.Command{
		Use: "show FILE", Short: l.T("evidence.cmd.show"), Args: oneArg("evidence.need-file"),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := openBundle(args[0])
			if err != nil {
				return err
			}
			signed, err := signature(b, l, key)
			if err != nil {
				return err
			}
			e, err := criteria.Parse(evidence.EditionFile, b.Edition)
			if err != nil {
				return err
			}
			// Whatever the file tells, shown is what follows from its records.
			facts, verdicts, err := evidence.Replay(b)
			if err != nil {
				return err
			}
			status, err := b.Told(facts, verdicts)
			if err != nil {
				return err
			}
			b.Facts, b.Verdicts = facts, verdicts
			if asJSON {
				return writeJSON(env.Stdout, map[string]any{"digest": b.Digest, "notice": e.Notice(), "run": b.Info, "signedBy": b.SignedBy(),
					"status": status, "foreignRules": b.ForeignRules(e), "facts": facts, "verdicts": verdicts})
			}
			w := visible{env.Stdout}
			p, err := evidence.ParseProduct(evidence.ProductFile, b.Product)
			if err != nil {
				return err
			}
			fmt.Fprintln(w, l.T("evidence.show.product", "name", p.Product.Name.In(l), "models", strings.Join(p.Product.Models, ", "), "firmware", p.Product.Firmware))
			fmt.Fprintln(w, l.T("evidence.show.run", "target", b.Info.Target, "tool", b.Info.Tool, "started", b.Info.Started.UTC().Format("2006-01-02 15:04:05Z"), "finished", b.Info.Finished.UTC().Format("2006-01-02 15:04:05Z")))
			fmt.Fprintln(w, l.T("evidence.show.digest", "digest", b.Digest))
			fmt.Fprintln(w, signed)
			for _, n := range slices.Sorted(maps.Keys(b.Transcripts)) {
				fmt.Fprintln(w, l.T("evidence.show.transcript", "name", n, "n", len(b.Transcripts[n])))
			}
			printVerdicts(w, l, e, verdicts, b.Info.HostMixed)
			if status == evidence.Different {
				fmt.Fprintln(w, l.T("evidence.replay.different"))
			}
			printForeignRules(w, l, e, b)
			printBeside(w, l, b.Run)
			costs, err := b.Costs()
			if err != nil {
				return err
			}
			if machine, person := evidence.Took(costs); machine+person > 0 {
				printMinutes(w, l, []string{l.T("evidence.minutes.this")}, [][]evidence.Cost{costs})
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, l.T("evidence.flag.json"))
	c.Flags().StringVar(&key, "public-key", "", l.T("evidence.flag.public-key"))
	return c
}

func newEvidenceReplayCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var asJSON bool
	var edition string
	c := &cobra.Command{
		Use: "replay FILE", Short: l.T("evidence.cmd.replay"), Long: l.T("evidence.cmd.replay.long"), Args: oneArg("evidence.need-file"),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := openBundle(args[0])
			if err != nil {
				return err
			}
			facts, verdicts, err := evidence.Replay(b)
			if err != nil {
				return err
			}
			e, err := criteria.Parse(evidence.EditionFile, b.Edition)
			if err != nil {
				return err
			}
			told := verdicts
			if edition != "" {
				if e, err = findEdition(edition); err != nil {
					return err
				}
				verdicts, told = e.Judge(facts), nil
			}
			status, err := b.Told(facts, told)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(env.Stdout, map[string]any{"status": status, "notice": e.Notice(), "foreignRules": edition == "" && b.ForeignRules(e), "facts": facts, "verdicts": verdicts})
			} else {
				printVerdicts(env.Stdout, l, e, verdicts, b.Info.HostMixed)
				if edition == "" {
					printForeignRules(visible{env.Stdout}, l, e, b)
				}
				_, err = fmt.Fprintln(env.Stdout, l.T("evidence.replay."+status))
			}
			if err == nil && status == evidence.Different {
				return No{}
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, l.T("evidence.flag.json"))
	c.Flags().StringVar(&edition, "edition", "", l.T("evidence.flag.edition"))
	return c
}

func newEvidenceKeyCmd(env *Env) *cobra.Command {
	l := env.Lang()
	c := &cobra.Command{Use: "key", Short: l.T("evidence.cmd.key")}
	c.AddCommand(&cobra.Command{
		Use: "new FILE", Short: l.T("evidence.cmd.key.new"), Args: oneArg("evidence.need-key"),
		RunE: func(_ *cobra.Command, args []string) error {
			key, private, err := evidence.NewKey(rand.Reader)
			if err != nil {
				return fault.Wrap(fault.Internal, "cli.evidence", err, "")
			}
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, os.ErrExist) {
				return fault.Wrap(fault.Conflict, "cli.evidence", err, "evidence.key-exists", "file", args[0])
			}
			if err != nil {
				return fault.Wrap(fault.Invalid, "cli.evidence", err, "assess.out", "file", args[0])
			}
			if _, err := f.Write(private); err != nil {
				_ = f.Close()
				return fault.Wrap(fault.Unavailable, "cli.evidence", err, "evidence.unwritable")
			}
			if err := f.Close(); err != nil {
				return fault.Wrap(fault.Unavailable, "cli.evidence", err, "evidence.unwritable")
			}
			return printPublic(env, key)
		},
	}, &cobra.Command{
		Use: "show FILE", Short: l.T("evidence.cmd.key.show"), Args: oneArg("evidence.need-key"),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := readFile(args[0], 16<<10)
			if err != nil {
				return err
			}
			key, err := evidence.ParseKey(b)
			if err != nil {
				return err
			}
			return printPublic(env, key)
		},
	})
	return c
}

// printPublic prints what an organisation enrols: only PEM on stdout, so that it
// can be redirected to a file; the rest on stderr.
func printPublic(env *Env, key ed25519.PrivateKey) error {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return fault.New(fault.Internal, "cli.evidence", "")
	}
	pem, err := evidence.PublicPEM(pub)
	if err != nil {
		return fault.Wrap(fault.Internal, "cli.evidence", err, "")
	}
	fmt.Fprintln(env.Stderr, env.Lang().T("evidence.key.id", "id", evidence.KeyID(pub)))
	_, err = env.Stdout.Write(pem)
	return err
}
