package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// defaultEdition is shown when no --edition is given.
const defaultEdition = "star1-2024r1-reconstructed"

func newCriteriaCmd(env *Env) *cobra.Command {
	l := env.Lang()
	c := &cobra.Command{Use: "criteria", Short: l.T("criteria.cmd")}
	var lang string
	c.PersistentFlags().StringVar(&lang, "lang", string(l), l.T("criteria.flag.lang"))
	speak := func() (i18n.Lang, error) {
		if lang != string(i18n.JA) && lang != string(i18n.EN) {
			return l, fault.New(fault.Invalid, "cli.criteria", "cli.flag", "why", "--lang "+lang)
		}
		return i18n.Lang(lang), nil
	}
	c.AddCommand(newCriteriaShowCmd(env, speak), newCriteriaLintCmd(env, speak), newCriteriaDiffCmd(env, speak))
	return c
}

func newCriteriaShowCmd(env *Env, speak func() (i18n.Lang, error)) *cobra.Command {
	var edition string
	var asJSON bool
	l := env.Lang()
	c := &cobra.Command{
		Use:   "show [ID]",
		Short: l.T("criteria.cmd.show"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := speak()
			if err != nil {
				return err
			}
			e, err := findEdition(edition)
			if err != nil {
				return err
			}
			var one *criteria.Criterion
			if len(args) == 1 {
				cr, ok := e.Criterion(args[0])
				if !ok {
					return fault.New(fault.NotFound, "cli.criteria", "criteria.no-criterion", "edition", e.ID, "id", args[0])
				}
				one = &cr
			}
			switch {
			case asJSON && one != nil:
				return writeJSON(env.Stdout, map[string]any{"edition": e.ID, "digest": e.Digest(), "notice": e.Notice(), "criterion": one})
			case asJSON:
				_, err = env.Stdout.Write(e.Source())
				return err
			}
			p := &page{l: l, e: e}
			p.notice()
			if one != nil {
				p.criterion(*one)
			} else {
				p.edition()
			}
			_, err = io.WriteString(env.Stdout, p.String())
			return err
		},
	}
	c.Flags().StringVar(&edition, "edition", defaultEdition, l.T("criteria.flag.edition"))
	c.Flags().BoolVar(&asJSON, "json", false, l.T("criteria.flag.json"))
	return c
}

func newCriteriaLintCmd(env *Env, speak func() (i18n.Lang, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "lint DIR",
		Short: env.Lang().T("criteria.cmd.lint"),
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := speak()
			if err != nil {
				return err
			}
			e, err := editionDir(args[0])
			if err != nil {
				if !fault.Is(err, fault.Invalid) {
					return err
				}
				sentence, places := l.Error(err)
				for _, p := range places {
					fmt.Fprintln(env.Stdout, p)
				}
				fmt.Fprintln(env.Stdout, sentence)
				return No{}
			}
			p := &page{l: l, e: e}
			p.notice()
			p.line("%s", l.T("criteria.lint.ok", "id", e.ID, "n", len(e.Criteria), "digest", e.Digest()))
			_, err = io.WriteString(env.Stdout, p.String())
			return err
		},
	}
}

func newCriteriaDiffCmd(env *Env, speak func() (i18n.Lang, error)) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff A B",
		Short: env.Lang().T("criteria.cmd.diff"),
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := speak()
			if err != nil {
				return err
			}
			a, err := findEdition(args[0])
			if err != nil {
				return err
			}
			b, err := findEdition(args[1])
			if err != nil {
				return err
			}
			changes := criteria.Diff(a, b)
			if asJSON {
				return writeJSON(env.Stdout, map[string]any{"from": a.ID, "to": b.ID, "notices": []i18n.Text{a.Notice(), b.Notice()}, "changes": changes})
			}
			p := &page{l: l, e: a}
			p.notice()
			if b.Notice() != a.Notice() {
				p.e = b
				p.notice()
			}
			p.line("%s → %s", a.ID, b.ID)
			p.changes(changes)
			_, err = io.WriteString(env.Stdout, p.String())
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, env.Lang().T("criteria.flag.json"))
	return c
}

// findEdition takes the id of a built-in edition, a file in the single-file form
// (as evidence bundles embed it), or a folder.
func findEdition(name string) (*criteria.Edition, error) {
	if st, err := os.Stat(name); err == nil && st.Mode().IsRegular() {
		f, err := os.Open(name)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "cli.criteria", err, "criteria.load.file-unreadable", "file", name)
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, criteria.MaxFile+1))
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "cli.criteria", err, "criteria.load.file-unreadable", "file", name)
		}
		return criteria.Parse(name, b)
	}
	if st, err := os.Stat(name); strings.ContainsRune(name, filepath.Separator) || (err == nil && st.IsDir()) {
		return editionDir(name)
	}
	return criteria.Builtin(name)
}

// editionDir loads an edition from a folder. The file names in faults are made
// relative to the folder as the person gave it.
func editionDir(dir string) (*criteria.Edition, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "cli.criteria", err, "criteria.load.file-missing", "file", dir)
	}
	root := filepath.VolumeName(abs) + string(filepath.Separator)
	rel := filepath.ToSlash(strings.TrimPrefix(abs, root))
	e, err := criteria.Load(os.DirFS(root), rel)
	if fe, ok := err.(*fault.Error); ok {
		for i, p := range fe.Places {
			shown, err := filepath.Rel(abs, filepath.Join(root, p.File))
			if err == nil {
				fe.Places[i].File = filepath.Join(dir, shown)
			}
		}
	}
	return e, err
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
