package cli

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hoshi/internal/evidence"
	"hoshi/internal/evidence/imported"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	htmlreport "hoshi/internal/report"
)

func newEvidenceImportCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var out, keyFile string
	c := &cobra.Command{
		Use: "import RUN FILE...", Short: l.T("evidence.cmd.import"), Long: l.T("evidence.cmd.import.long"), Args: someFiles(2, 20, "evidence.need-import"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return fault.New(fault.Invalid, "cli.evidence", "evidence.need-out")
			}
			b, err := openBundle(args[0])
			if err != nil {
				return err
			}
			key, err := readKey(keyFile)
			if err != nil {
				return err
			}
			run := b.Run
			for _, file := range args[1:] {
				src, err := readFile(file, imported.MaxFile+1)
				if err != nil {
					return err
				}
				name, err := run.Import(src)
				if err != nil {
					return err
				}
				fmt.Fprintln(visible{env.Stdout}, l.T("evidence.imported", "file", file, "name", name))
			}
			printBeside(visible{env.Stdout}, l, run)
			f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fault.Wrap(fault.Invalid, "cli.evidence", err, "assess.out", "file", out)
			}
			if err := evidence.Seal(f, run, key); err != nil {
				_ = f.Close()
				return err
			}
			if err := f.Close(); err != nil {
				return fault.Wrap(fault.Unavailable, "cli.evidence", err, "evidence.unwritable")
			}
			fmt.Fprintln(env.Stdout, l.T("assess.saved", "file", out))
			if key == nil {
				fmt.Fprintln(env.Stdout, l.T("assess.unsigned"))
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", l.T("assess.flag.out"))
	c.Flags().StringVar(&keyFile, "key", "", l.T("assess.flag.key"))
	return c
}

// printBeside shows what other tools state beside Hoshi's own facts; nothing when
// nothing was imported.
func printBeside(w io.Writer, l i18n.Lang, run evidence.Run) {
	if len(run.Imports) == 0 {
		return
	}
	head := "evidence.beside.head"
	if evidence.ImportsUsed(run.Verdicts) {
		head = "evidence.beside.head-used"
	}
	fmt.Fprintf(w, "\n%s\n", l.T(head))
	for _, f := range run.Facts.Named("import.file") {
		for _, s := range htmlreport.Imported(l, f, run.Info.Target) {
			fmt.Fprintln(w, "  "+s)
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\t%s\t%s\t%s\t%s\n", l.T("evidence.beside.fact"), l.T("evidence.beside.imported"), l.T("evidence.beside.own"), l.T("evidence.beside.from"))
	none := l.T("evidence.diff.absent")
	short := func(s string) string {
		if s == "" {
			return none
		}
		if r := []rune(s); len(r) > 60 {
			return string(r[:60]) + "…"
		}
		return s
	}
	for _, b := range evidence.SideBySide(run.Facts) {
		mark := l.T("evidence.beside.differs")
		if b.Same {
			mark = l.T("evidence.beside.same")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", mark, b.ID, short(b.Imported), short(b.Own), b.File)
	}
	_ = t.Flush()
}
