package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hoshi/internal/evidence"
	"hoshi/internal/fact"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// someFiles asks for a number of files.
func someFiles(least, most int, key string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fault.New(fault.Invalid, "cli", key)
		}
		return nil
	}
}

func openBundles(files []string) ([]*evidence.Bundle, error) {
	var out []*evidence.Bundle
	for _, f := range files {
		b, err := openBundle(f)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func newEvidenceDiffCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var asJSON bool
	c := &cobra.Command{
		Use: "diff A B", Short: l.T("evidence.cmd.diff"), Long: l.T("evidence.cmd.diff.long"), Args: someFiles(2, 2, "evidence.need-two"),
		RunE: func(_ *cobra.Command, args []string) error {
			bs, err := openBundles(args)
			if err != nil {
				return err
			}
			found, err := evidence.Compare(bs[0], bs[1])
			if err != nil {
				return err
			}
			if asJSON {
				if err := writeJSON(env.Stdout, found); err != nil {
					return err
				}
			} else {
				w := visible{env.Stdout}
				for i, b := range bs {
					p, err := evidence.ParseProduct(evidence.ProductFile, b.Product)
					if err != nil {
						return err
					}
					fmt.Fprintln(w, l.T("evidence.diff.side", "side", string('A'+rune(i)), "file", args[i], "models", strings.Join(p.Product.Models, ", "), "firmware", p.Product.Firmware,
						"target", b.Info.Target, "started", b.Info.Started.UTC().Format("2006-01-02 15:04:05Z")))
				}
				fmt.Fprintln(w)
				printDiff(w, l, found)
			}
			if len(found.Differences) > 0 {
				return No{}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, l.T("evidence.flag.json"))
	return c
}

func printDiff(w io.Writer, l i18n.Lang, found evidence.Comparison) {
	say := func(kind, s string) string {
		switch {
		case s == "":
			return l.T("evidence.diff.absent")
		case kind == "verdict":
			outcome, rule, _ := strings.Cut(s, " ")
			return l.T("evidence.outcome."+outcome) + " (" + rule + ")"
		}
		return s
	}
	told := map[string]bool{}
	for _, d := range found.Differences {
		head := strings.TrimSpace(l.T("evidence.diff."+d.Kind) + " " + withOrigin(l, d.ID))
		switch {
		case d.Words != nil:
			head += ": " + d.Words.What.In(l)
			d.A, d.B = d.Words.A.In(l), d.Words.B.In(l)
		case d.Kind == "fact":
			if doc := meaning(l, d.ID); !told[doc] {
				told[doc] = true
				head += ": " + doc
			}
		}
		fmt.Fprintf(w, "%s\n  A: %s\n  B: %s\n", head, say(d.Kind, d.A), say(d.Kind, d.B))
		var because []string
		for _, id := range d.Because {
			because = append(because, withOrigin(l, id))
		}
		if len(because) > 0 {
			fmt.Fprintf(w, "  %s\n", l.T("evidence.diff.because", "list", strings.Join(because, ", ")))
		}
	}
	if len(found.Differences) == 0 {
		fmt.Fprintln(w, l.T("evidence.diff.none"))
	}
	for i, id := range found.Unit {
		found.Unit[i] = withOrigin(l, id)
	}
	if len(found.Unit) > 0 {
		fmt.Fprintln(w, l.T("evidence.diff.unit", "list", strings.Join(found.Unit, ", ")))
	}
}

// withOrigin says in words where a fact comes from: "observed tcp.open[tcp/23]". Other
// ids stay as they are.
func withOrigin(l i18n.Lang, id string) string {
	if origin, rest, ok := strings.Cut(id, " "); ok && i18n.Has("report.origin."+origin) {
		return l.T("report.origin."+origin) + " " + rest
	}
	return id
}

// meaning is what a fact says about the device, by the vocabulary.
func meaning(l i18n.Lang, id string) string {
	_, name, _ := strings.Cut(id, " ")
	name, _, _ = strings.Cut(name, "[")
	if i := slices.IndexFunc(fact.Vocabulary, func(e fact.Entry) bool { return e.Name == name }); i >= 0 {
		return fact.Vocabulary[i].Doc.In(l)
	}
	return ""
}

func newEvidenceMinutesCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var asJSON bool
	c := &cobra.Command{
		Use: "minutes FIRST [SECOND]", Short: l.T("evidence.cmd.minutes"), Long: l.T("evidence.cmd.minutes.long"), Args: someFiles(1, 2, "evidence.need-file"),
		RunE: func(_ *cobra.Command, args []string) error {
			bs, err := openBundles(args)
			if err != nil {
				return err
			}
			var all [][]evidence.Cost
			for _, b := range bs {
				costs, err := b.Costs()
				if err != nil {
					return err
				}
				all = append(all, costs)
			}
			if asJSON {
				return writeJSON(env.Stdout, all)
			}
			titles := []string{l.T("evidence.minutes.this")}
			if len(bs) == 2 {
				titles = []string{l.T("evidence.minutes.first"), l.T("evidence.minutes.second")}
			}
			printMinutes(visible{env.Stdout}, l, titles, all)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, l.T("evidence.flag.json"))
	return c
}

// printMinutes is a table: a line for each criterion that took time, and the sum.
func printMinutes(w io.Writer, l i18n.Lang, titles []string, all [][]evidence.Cost) {
	fmt.Fprintf(w, "\n%s\n", l.T("evidence.minutes.head"))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, pairs [][2]int64) {
		fmt.Fprintf(t, "%s\t", name)
		for _, p := range pairs {
			fmt.Fprintf(t, "%s\t%s\t", minutes(p[0]), minutes(p[1]))
		}
		fmt.Fprintln(t)
	}
	fmt.Fprint(t, "\t")
	for _, title := range titles {
		fmt.Fprintf(t, "%s\t%s\t", l.T("evidence.minutes.machine", "run", title), l.T("evidence.minutes.person", "run", title))
	}
	fmt.Fprintln(t)
	byCriterion := map[string][][2]int64{}
	var order []string
	sum := make([][2]int64, len(all))
	for i, costs := range all {
		for _, c := range costs {
			if byCriterion[c.Criterion] == nil {
				byCriterion[c.Criterion] = make([][2]int64, len(all))
				order = append(order, c.Criterion)
			}
			byCriterion[c.Criterion][i] = [2]int64{c.Machine, c.Person}
			sum[i][0], sum[i][1] = sum[i][0]+c.Machine, sum[i][1]+c.Person
		}
	}
	for _, id := range order {
		spent := int64(0)
		for _, p := range byCriterion[id] {
			spent += p[0] + p[1]
		}
		if spent == 0 {
			continue
		}
		name := id
		if id == "" {
			name = l.T("evidence.minutes.other")
		}
		row(name, byCriterion[id])
	}
	row(l.T("evidence.minutes.sum"), sum)
	_ = t.Flush()
}

// minutes renders milliseconds as minutes and seconds.
func minutes(ms int64) string { return fmt.Sprintf("%d:%04.1f", ms/60000, float64(ms%60000)/1000) }
