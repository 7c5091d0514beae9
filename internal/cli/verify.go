package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
)

// verifyArgs are the flags of "hoshi verify".
type verifyArgs struct {
	keys, status, lang, at string
	json                   bool
}

func newVerifyCmd(env *Env) *cobra.Command {
	var a verifyArgs
	t := env.Lang().T
	c := &cobra.Command{
		Use:   "verify FILE|URL...",
		Short: t("verify.short"),
		Long:  t("verify.long"),
		Args:  atLeastOne,
		RunE: func(c *cobra.Command, args []string) error {
			return runVerify(c.Context(), env, a, args)
		},
	}
	c.Flags().StringVar(&a.keys, "keys", "", t("verify.flag.keys"))
	c.Flags().StringVar(&a.status, "status", "", t("verify.flag.status"))
	c.Flags().StringVar(&a.lang, "lang", "", t("verify.flag.lang"))
	c.Flags().StringVar(&a.at, "at", "", t("verify.flag.at"))
	c.Flags().BoolVar(&a.json, "json", false, t("verify.flag.json"))
	return c
}

func atLeastOne(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fault.New(fault.Invalid, "cli", "cli.flag", "why", "FILE|URL")
	}
	return nil
}

// exhibits are the documents that a verification works from.
type exhibits struct {
	keys      []byte
	siteKeys  bool // the keys came from the site that is being verified
	statement []byte
	proof     []byte
	status    []byte
	foreign   string // address of a status list on another site, not contacted
}

func runVerify(ctx context.Context, env *Env, a verifyArgs, args []string) error {
	lang, now := env.Lang(), time.Now()
	if a.lang != "" {
		lang = i18n.Parse(a.lang)
	}
	if a.at != "" {
		at, err := time.Parse(time.RFC3339, a.at)
		if err != nil {
			return fault.Wrap(fault.Invalid, "cli.verify", err, "verify.time", "at", a.at)
		}
		now = at
	}
	x, err := collectExhibits(ctx, a, args)
	if err != nil {
		return err
	}
	if x.keys == nil {
		return fault.New(fault.Invalid, "cli.verify", "verify.keys.need")
	}
	keys, err := ledger.DecodeKeys(x.keys)
	if err != nil {
		return err
	}
	var s *label.Statement
	var r ledger.Report
	result := "verify.result.unknown"
	switch {
	case x.statement != nil:
		st, report, err := label.Verify(label.VerifyInput{Keys: keys, Statement: x.statement, Proof: x.proof, StatusList: x.status, Now: now})
		if err != nil {
			return err
		}
		r = report
		if r.Authentic {
			s = &st
		}
		if r.Holds {
			result = "verify.result.holds"
		}
	case x.proof != nil:
		if r, err = ledger.VerifyProof(keys, x.proof, now); err != nil {
			return err
		}
	default:
		if r, err = ledger.VerifyStatusList(keys, x.status, now); err != nil {
			return err
		}
		if r.Holds {
			result = "verify.result.list"
		}
	}
	if r.Refuted() {
		result = "verify.result.no"
	}
	if x.siteKeys {
		r.Add(ledger.NotProved, "verify.not.keys")
	}
	if x.foreign != "" {
		r.Add(ledger.NotProved, "verify.url.list", "url", x.foreign)
	}
	if err := printVerification(env.Stdout, lang, r, s, result, a.json); err != nil {
		return err
	}
	if !r.Holds {
		return No{}
	}
	return nil
}

// collectExhibits reads every file and address that was named.
func collectExhibits(ctx context.Context, a verifyArgs, args []string) (*exhibits, error) {
	x := new(exhibits)
	var err error
	if a.keys != "" {
		if x.keys, err = readBounded(a.keys, 64<<10); err != nil {
			return nil, err
		}
	}
	if a.status != "" {
		if x.status, err = readBounded(a.status, ledger.MaxStatusFile); err != nil {
			return nil, err
		}
		if exhibitKind(x.status) != kindStatus {
			return nil, fault.New(fault.Invalid, "cli.verify", "verify.kind", "path", a.status)
		}
	}
	for _, arg := range args {
		if strings.Contains(arg, "://") {
			if err := x.fetch(ctx, arg); err != nil {
				return nil, err
			}
			continue
		}
		b, err := readBounded(arg, ledger.MaxStatusFile)
		if err != nil {
			return nil, err
		}
		into := map[exhibit]*[]byte{kindStatement: &x.statement, kindProof: &x.proof, kindStatus: &x.status}[exhibitKind(b)]
		if into == nil {
			return nil, fault.New(fault.Invalid, "cli.verify", "verify.kind", "path", arg)
		}
		if *into != nil {
			return nil, fault.New(fault.Invalid, "cli.verify", "verify.twice", "path", arg)
		}
		*into = b
	}
	return x, nil
}

type exhibit int

const (
	kindUnknown exhibit = iota
	kindStatement
	kindProof
	kindStatus
)

// exhibitKind tells documents apart by their first bytes, whatever their names.
func exhibitKind(b []byte) exhibit {
	switch {
	case bytes.HasPrefix(b, []byte("c2sp.org/tlog-proof@")):
		return kindProof
	case bytes.HasPrefix(b, []byte("{")):
		return kindStatement
	case bytes.HasPrefix(b, []byte("eyJ")):
		return kindStatus
	}
	return kindUnknown
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, "cli.verify", err, "verify.file", "path", path)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "cli.verify", err, "verify.file", "path", path)
	}
	if int64(len(b)) > limit {
		return nil, fault.New(fault.TooLarge, "cli.verify", "verify.file.large", "path", path, "limit", limit)
	}
	return b, nil
}

// spoken is one line of the report in words, for --json.
type spoken struct {
	ledger.Line
	Text string `json:"text"`
}

func printVerification(w io.Writer, lang i18n.Lang, r ledger.Report, s *label.Statement, result string, asJSON bool) error {
	last := lang.T(result, "at", r.At.In(ledger.JST).Format("2006-01-02 15:04"))
	if asJSON {
		out := struct {
			Result string `json:"result"`
			Text   string `json:"text"`
			ledger.Report
			Lines []spoken `json:"lines"`
		}{strings.TrimPrefix(result, "verify.result."), last, r, nil}
		for _, l := range r.Lines {
			out.Lines = append(out.Lines, spoken{l, lang.Format(l.Key, l.Args)})
		}
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	var b strings.Builder
	if s != nil {
		fmt.Fprintf(&b, "%s  %s  %s\n%s (%s)\n\n", s.Label.ID.Grouped(), s.Label.Registration, s.Label.LevelName.In(lang),
			named(s.Product.Name, s.Product.NameEN, lang), named(s.Label.Applicant, s.Label.ApplicantEN, lang))
	}
	for _, m := range []ledger.Mark{ledger.Refuted, ledger.Proved, ledger.NotProved} {
		head := lang.T("verify.head." + string(m))
		for _, l := range r.Lines {
			if l.Mark != m {
				continue
			}
			if head != "" {
				b.WriteString(head + "\n")
				head = ""
			}
			b.WriteString("  - " + lang.Format(l.Key, l.Args) + "\n")
		}
	}
	b.WriteString("\n" + last + "\n")
	_, err := io.WriteString(visible{w}, b.String())
	return err
}

// named is a name in the language, in Japanese where there is no English one.
func named(ja, en string, lang i18n.Lang) string {
	if lang == i18n.EN && en != "" {
		return en
	}
	return ja
}
