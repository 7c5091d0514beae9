package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	htmlreport "hoshi/internal/report"
)

func newEvidenceReportCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var out, lang string
	c := &cobra.Command{
		Use: "report FILE", Short: l.T("report.cmd"), Long: l.T("report.cmd.long"), Args: oneArg("evidence.need-file"),
		RunE: func(_ *cobra.Command, args []string) error {
			in := l
			switch lang {
			case "":
			case string(i18n.JA), string(i18n.EN):
				in = i18n.Lang(lang)
			default:
				return fault.New(fault.Invalid, "cli.report", "report.lang", "lang", lang)
			}
			b, err := openBundle(args[0])
			if err != nil {
				return err
			}
			if err := writeReport(out, b, in); err != nil {
				return err
			}
			_, err = fmt.Fprintln(env.Stdout, l.T("report.saved", "file", out))
			return err
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "report.html", l.T("report.flag.out"))
	c.Flags().StringVar(&lang, "lang", "", l.T("report.flag.lang"))
	return c
}

// writeReport writes the HTML report of a bundle to a file of the owner's alone.
func writeReport(name string, b *evidence.Bundle, l i18n.Lang) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fault.Wrap(fault.Invalid, "cli.report", err, "assess.out", "file", name)
	}
	if err := htmlreport.Write(f, b, l); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fault.Wrap(fault.Unavailable, "cli.report", err, "evidence.unwritable")
	}
	return nil
}
