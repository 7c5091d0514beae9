package cli

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/evidence/imported"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
	htmlreport "hoshi/internal/report"
)

// Tool is how a bundle names this program.
const Tool = "hoshi " + Version

type assessFlags struct {
	product, out, report, key, edition, consent, pace, resume string
	json, yes, public, template, fast                         bool
	imports                                                   files
}

func newAssessCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var f assessFlags
	c := &cobra.Command{
		Use:   "assess [ADDRESS]",
		Short: l.T("assess.cmd"),
		Long:  l.T("assess.cmd.long"),
		Args: func(c *cobra.Command, args []string) error {
			if f.template || f.resume != "" || len(args) == 0 && newDialog(env) != nil {
				return cobra.NoArgs(c, args)
			}
			return oneArg("assess.need-address")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.template:
				_, err := io.WriteString(env.Stdout, evidence.ProductTemplate(l))
				return err
			case f.resume != "":
				return inJSON(env, f, resumeAssess(c, env, f))
			case len(args) == 0:
				return firstAssess(c, env, f)
			}
			return inJSON(env, f, runAssess(c.Context(), env, args[0], f, newDialog(env), nil))
		},
	}
	assessFlagsOf(c, &f, l)
	c.Flags().StringVar(&f.resume, "resume", "", l.T("assess.flag.resume"))
	c.Flags().BoolVar(&f.template, "template", false, l.T("assess.flag.template"))
	c.AddCommand(newAssessBenchCmd(env, &f))
	return c
}

// files is a flag that may be given several times.
type files []string

func (f *files) String() string     { return strings.Join(*f, ",") }
func (f *files) Set(s string) error { *f = append(*f, s); return nil }
func (f *files) Type() string       { return "string" }

// assessFlagsOf declares what every way to begin a test takes.
func assessFlagsOf(c *cobra.Command, f *assessFlags, l i18n.Lang) {
	c.Flags().StringVar(&f.product, "product", "", l.T("assess.flag.product"))
	c.Flags().StringVarP(&f.out, "out", "o", "run.hoshi", l.T("assess.flag.out"))
	c.Flags().StringVar(&f.report, "report", "", l.T("assess.flag.report"))
	c.Flags().StringVar(&f.key, "key", "", l.T("assess.flag.key"))
	c.Flags().Var(&f.imports, "import", l.T("assess.flag.import"))
	c.Flags().StringVar(&f.edition, "edition", assess.DefaultEdition, l.T("assess.flag.edition"))
	c.Flags().StringVar(&f.consent, "consent", "", l.T("assess.flag.consent"))
	c.Flags().BoolVar(&f.fast, "fast", false, l.T("assess.flag.fast"))
	c.Flags().StringVar(&f.pace, "pace", "careful", l.T("assess.flag.pace"))
	_ = c.Flags().MarkHidden("pace") // the former way to say --fast
	c.Flags().BoolVar(&f.json, "json", false, l.T("assess.flag.json"))
	c.Flags().BoolVar(&f.yes, "yes", false, l.T("assess.flag.yes"))
	c.Flags().BoolVar(&f.public, "allow-public", false, l.T("assess.flag.public"))
}

// oneArg asks for exactly one argument, with a sentence that says which.
func oneArg(key string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fault.New(fault.Invalid, "cli", key)
		}
		return nil
	}
}

// resumeAssess goes on with a stopped run. Its journal knows what it was started
// with; what the command line says besides must not contradict it.
func resumeAssess(c *cobra.Command, env *Env, f assessFlags) error {
	h, err := takeUp(c, &f)
	if err != nil {
		return err
	}
	if h.Routed() {
		return fault.New(fault.Invalid, "cli.assess", "assess.bench.resume", "out", f.out)
	}
	return runAssess(c.Context(), env, h.Target, f, newDialog(env), nil)
}

// takeUp reads what the run of --resume was started with.
func takeUp(c *cobra.Command, f *assessFlags) (assess.Header, error) {
	f.out = f.resume
	past, err := assess.ReadJournal(assess.JournalFile(f.out))
	if err != nil {
		return assess.Header{}, err
	}
	h := past.Header
	if !c.Flags().Changed("product") {
		f.product = h.ProductFile
	}
	if !c.Flags().Changed("edition") {
		f.edition = h.EditionID
	}
	if !c.Flags().Changed("pace") && !f.fast {
		f.pace = h.Pace()
	}
	if !c.Flags().Changed("consent") {
		f.consent = join(h.Consents())
	}
	f.public = f.public || h.Parameters["allowPublic"] == true
	f.yes = true // the questions before the start were answered then
	return h, nil
}

// started is what the first-time path knows that the command line does not.
type started struct {
	senders probe.Senders
	again   string // the command that goes on, up to its --resume; "" = hoshi assess
	asked   time.Duration
	allowed bool   // the person said that the device may be tested
	made    string // the declaration that was written from the person's answers
	// password asks for the value of the account, after sign-ins were agreed to, and
	// notes in the declaration where later runs find it; nil = nothing to ask.
	password func(context.Context, *assess.Options) error
}

// inJSON says in JSON, where that was asked for, why there is no result.
func inJSON(env *Env, f assessFlags, err error) error {
	if err == nil || !f.json || errors.As(err, &No{}) {
		return err
	}
	newProgress(env, env.Lang(), true).failed(err)
	return Told{err}
}

// silent is for programs: they read JSON on standard error and no sentences.
func silent(env *Env) *Env {
	quiet := *env
	quiet.Stderr = io.Discard
	return &quiet
}

// runAssess tests one device. With --json all that it says on standard error is
// JSON, a line each.
func runAssess(ctx context.Context, env *Env, address string, f assessFlags, d *dialog, first *started) error {
	show := newProgress(env, env.Lang(), f.json)
	if f.json {
		env, d = silent(env), nil
	}
	err := assessDevice(ctx, env, address, f, d, first, show)
	if errors.As(err, &Left{}) && first != nil && first.made != "" {
		err = Left{fault.Wrap(fault.Invalid, "cli.assess", err, "assess.stopped.kept", "file", first.made)}
	}
	return err
}

func assessDevice(ctx context.Context, env *Env, address string, f assessFlags, d *dialog, first *started, show *progress) error {
	l := env.Lang()
	if f.product == "" {
		return fault.New(fault.Invalid, "cli.assess", "assess.need-product")
	}
	src, err := readFile(f.product, evidence.MaxProduct+1)
	if err != nil {
		return err
	}
	edition, err := findEdition(f.edition)
	if err != nil {
		return err
	}
	others, err := readImports(f.imports)
	if err != nil {
		return err
	}
	o := assess.Options{Address: address, ProductFile: f.product, Product: src, Edition: edition, Tool: Tool, AllowPublic: f.public,
		Now: time.Now, Rand: rand.Reader}
	if o.Pace, err = pace(f); err != nil {
		return err
	}
	if o.Consents, err = consents(f.consent); err != nil {
		return err
	}
	if err := place(ctx, l, d, &f); err != nil {
		return err
	}
	o.Journal = assess.JournalFile(f.out)
	o.Again = "hoshi assess --resume " + f.out
	if d != nil {
		o.Secret = askedSecret(ctx, l, d)
	}
	if first != nil {
		o.Asked, o.Senders = first.asked, first.senders
		if first.again != "" {
			o.Again = first.again + " --resume " + f.out
		}
	}
	key, err := readKey(f.key)
	if err != nil {
		return err
	}
	loose := o // what can be refused is refused before any question
	loose.Consents = nil
	plan, err := assess.Prepare(ctx, loose)
	if err != nil {
		return err
	}
	// The files are made before anything is asked: minutes of work must not fail at the end.
	out, made, err := create(f.out)
	if err != nil {
		return err
	}
	defer func() {
		_ = out.Close()
		_, gone := os.Stat(o.Journal)
		if is, err := os.Stat(f.out); made && gone != nil && err == nil && is.Size() == 0 {
			_ = os.Remove(f.out) // no test goes on to fill it
		}
	}()
	if f.report != "" {
		r, made, err := create(f.report)
		if err != nil {
			return err
		}
		_ = r.Close()
		if made {
			_ = os.Remove(f.report) // it can be written
		}
	}
	if d != nil {
		o.Person = show.person(d)
	}
	if err := goOn(ctx, env, d, f, plan, &o, show); err != nil {
		return err
	}
	if plan, err = assess.Prepare(ctx, o); err != nil { // asks for what the consents given need
		return err
	}
	if err := ask(ctx, env, d, plan, f, &o, first); err != nil {
		return err
	}
	if d != nil {
		o.Asked += d.spent
	}
	o.Progress = show.event
	show.begin(assess.Estimate(plan, o))
	run, err := assess.Run(ctx, o)
	show.end()
	if err != nil {
		if e, ok := errors.AsType[*fault.Error](err); ok && e.Key == "assess.interrupted" {
			return Stopped{err}
		}
		return err
	}
	for _, b := range others {
		if _, err := run.Import(b); err != nil {
			return err
		}
	}
	if err := out.Truncate(0); err != nil {
		return fault.Wrap(fault.Unavailable, "cli.assess", err, "evidence.unwritable")
	}
	if err := evidence.Seal(out, *run, key); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return fault.Wrap(fault.Unavailable, "cli.assess", err, "evidence.unwritable")
	}
	_ = os.Remove(o.Journal) // the evidence holds all of it
	if f.report != "" {
		b, err := openBundle(f.out)
		if err != nil {
			return err
		}
		if err := writeReport(f.report, b, l); err != nil {
			return err
		}
	}
	return report(env, l, edition, run, f, key)
}

// place sees to it that the evidence of an earlier test is not written over.
func place(ctx context.Context, l i18n.Lang, d *dialog, f *assessFlags) error {
	for {
		was, err := os.Stat(f.out)
		if err != nil || was.Size() == 0 {
			return nil
		}
		if _, err := os.Stat(assess.JournalFile(f.out)); err == nil {
			return nil // of a test that goes on
		}
		if d == nil || f.yes {
			return fault.New(fault.Conflict, "cli.assess", "assess.exists", "file", f.out, "free", free(f.out))
		}
		if f.out, err = d.line(ctx, l.T("assess.exists.ask", "file", f.out), free(f.out)); err != nil {
			return left(err)
		}
	}
}

// create opens a file for writing without touching what is in it; made: it is new.
func create(name string) (f *os.File, made bool, err error) {
	_, absent := os.Stat(name)
	f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, fault.Wrap(fault.Invalid, "cli.assess", err, "assess.out", "file", name)
	}
	return f, absent != nil, nil
}

// readImports reads the output of other tools, and refuses what cannot be imported
// before the test.
func readImports(files []string) (out [][]byte, err error) {
	for _, file := range files {
		b, err := readFile(file, imported.MaxFile+1)
		if err == nil {
			err = evidence.CheckImport(b)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func pace(f assessFlags) (probe.Pace, error) {
	switch {
	case f.fast, f.pace == "fast":
		return probe.Fast(), nil
	case f.pace == "careful":
		return probe.Careful(), nil
	}
	return probe.Pace{}, fault.New(fault.Invalid, "cli.assess", "assess.pace", "pace", f.pace)
}

func consents(text string) ([]probe.Consent, error) {
	var out []probe.Consent
	for w := range strings.SplitSeq(text, ",") {
		c := probe.Consent(strings.TrimSpace(w))
		switch {
		case c == "":
		case !slices.Contains(probe.Consents, c):
			return nil, fault.New(fault.Invalid, "cli.assess", "assess.consent-word", "word", string(c), "known", join(probe.Consents))
		case !slices.Contains(out, c):
			out = append(out, c)
		}
	}
	return out, nil
}

func join(cs []probe.Consent) string {
	var out []string
	for _, c := range cs {
		out = append(out, string(c))
	}
	return strings.Join(out, ",")
}

// askedSecret reads a secret from where the declaration points, and asks for it
// where nothing is there.
func askedSecret(ctx context.Context, l i18n.Lang, d *dialog) func(evidence.Secret) (string, error) {
	asked := map[evidence.Secret]string{}
	return func(s evidence.Secret) (string, error) {
		if v, err := assess.ReadSecret(s); err == nil && v != "" {
			return v, nil
		}
		if v := asked[s]; v != "" {
			return v, nil
		}
		v, err := d.secret(ctx, l.T("assess.ask-secret", "place", s.Env+s.File))
		asked[s] = v
		return v, err
	}
}

func readFile(name string, limit int64) ([]byte, error) {
	r, err := os.Open(name)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "cli", err, "assess.file", "file", name)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "cli", err, "assess.file", "file", name)
	}
	return b, nil
}

// readKey reads a signing key; no name gives no key.
func readKey(name string) (crypto.Signer, error) {
	if name == "" {
		return nil, nil
	}
	b, err := readFile(name, 16<<10)
	if err != nil {
		return nil, err
	}
	key, err := evidence.ParseKey(b)
	if err != nil {
		return nil, err
	}
	return key, nil
}

// report prints what follows from the run; the answer is no when a criterion is
// not met.
func report(env *Env, l i18n.Lang, e *criteria.Edition, run *evidence.Run, f assessFlags, key crypto.Signer) error {
	var answer error
	for _, v := range run.Verdicts {
		if v.Outcome == criteria.DoesNotConform {
			answer = No{}
		}
	}
	tcp, udp := coverage(run, "tcp"), coverage(run, "udp")
	if tcp != nil && answered(tcp)+answered(udp) == 0 {
		answer = fault.New(fault.Unavailable, "cli.assess", "assess.silent")
	}
	machine, person := assess.Minutes(run.Transcripts[assess.RunTranscript])
	findings := htmlreport.Findings(l, run.Facts, run.Transcripts)
	if f.json {
		if err := writeJSON(env.Stdout, map[string]any{"bundle": f.out, "notice": e.Notice(), "run": run.Info, "signed": key != nil, "verdicts": run.Verdicts, "findings": findings,
			"ports": map[string]any{"tcp": tcp, "udp": udp}, "machineSeconds": int(machine.Seconds()), "personSeconds": int(person.Seconds())}); err != nil {
			return err
		}
		return answer
	}
	w := io.Writer(fitted{env.Stdout, l})
	printVerdicts(env.Stdout, l, e, run.Verdicts, run.Info.HostMixed)
	for _, c := range []struct {
		name string
		n    map[string]int
	}{{"TCP", tcp}, {"UDP", udp}} {
		if c.n != nil {
			fmt.Fprintln(w, l.T("assess.ports", "protocol", c.name, "open", group(c.n["open"]), "closed", group(c.n["closed"]),
				"filtered", group(c.n["filtered"]), "undecided", group(c.n["undecided"])))
		}
	}
	printBeside(visible{env.Stdout}, l, *run)
	for i, x := range findings {
		if i == 0 {
			fmt.Fprintln(w, l.T("report.findings"))
		}
		fmt.Fprintf(visible{w}, "  %s (%s): %s\n", x.Name, x.Subject, x.Text)
	}
	fmt.Fprintln(w, l.T("assess.minutes", "machine", spell(l, machine), "person", spell(l, person)))
	fmt.Fprintln(w, l.T("assess.saved", "file", f.out))
	if f.report != "" {
		fmt.Fprintln(w, l.T("report.saved", "file", f.report))
	} else {
		fmt.Fprintln(w, l.T("report.hint", "file", f.out))
	}
	if key == nil {
		fmt.Fprintln(w, l.T("assess.unsigned"))
	}
	return answer
}

// coverage is how complete a scan was, in numbers; nil when it was not made.
func coverage(run *evidence.Run, protocol string) map[string]int {
	f, ok := run.Facts.Get(protocol+".coverage", "")
	if !ok {
		return nil
	}
	out := map[string]int{}
	for _, k := range []string{"asked", "open", "closed", "filtered", "undecided"} {
		out[k] = int(probe.Int(f.Value, k))
	}
	return out
}

// answered counts the ports of which an answer told something.
func answered(n map[string]int) int { return n["open"] + n["closed"] + n["filtered"] }

// group writes a number with commas: 65,518.
func group(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// spell writes a time as people say it: "1 min 20 s".
func spell(l i18n.Lang, d time.Duration) string {
	d = d.Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0:
		return l.T("assess.time.hours", "hours", h, "minutes", m)
	case m > 0 && s > 0:
		return l.T("assess.time.minutes-seconds", "minutes", m, "seconds", s)
	case m > 0:
		return l.T("assess.time.minutes", "minutes", m)
	}
	return l.T("assess.time.seconds", "seconds", s)
}

// about writes an estimate, which is never known to the second.
func about(l i18n.Lang, d time.Duration) string {
	switch {
	case d >= 10*time.Minute:
		d = d.Round(time.Minute)
	case d >= time.Minute:
		d = d.Round(10 * time.Second)
	}
	return spell(l, d)
}

// printVerdicts lists verdicts, the ones to act on first, with what to do now.
func printVerdicts(w io.Writer, l i18n.Lang, e *criteria.Edition, vs []criteria.Verdict, mixed bool) {
	w = visible{fitted{w, l}}
	fmt.Fprintln(w, e.Title.In(l))
	if n := e.Notice().In(l); n != "" {
		fmt.Fprintln(w, n)
	}
	if mixed {
		fmt.Fprintln(w, l.T("assess.mixed"))
	}
	for _, o := range []criteria.Outcome{criteria.DoesNotConform, criteria.Undecided, criteria.PersonDecides, criteria.NotApplicable, criteria.Lifted, criteria.Conforms} {
		n := 0
		for _, v := range vs {
			if v.Outcome != o {
				continue
			}
			if n++; n == 1 {
				fmt.Fprintf(w, "\n%s\n", l.T("assess.outcome."+string(o)))
			}
			title, mark := "", ""
			if c, ok := e.Criterion(v.Criterion); ok {
				title = c.Title.Text().In(l)
			}
			if v.Status != "" {
				mark = " " + l.T("report.mark."+string(v.Status))
			}
			fmt.Fprintf(w, "  %s %s\n", v.Criterion, title)
			for _, s := range []string{l.T("assess.verdict.asked", "text", v.Asked), l.T("assess.verdict.seen", "text", v.Seen),
				l.T("assess.verdict.rule", "rule", v.Rule, "text", v.RuleText) + mark, l.T("assess.verdict.now", "text", v.Now)} {
				fmt.Fprintf(w, "    %s\n", s)
			}
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, l.T("assess.summary", "list", strings.Join(summary(l, vs), l.T("assess.live.and"))))
}

// summary counts the outcomes, and names the criteria on which somebody must act.
func summary(l i18n.Lang, vs []criteria.Verdict) []string {
	var out []string
	for _, o := range []criteria.Outcome{criteria.DoesNotConform, criteria.Undecided, criteria.PersonDecides, criteria.NotApplicable, criteria.Lifted, criteria.Conforms} {
		var ids []string
		for _, v := range vs {
			if v.Outcome == o {
				ids = append(ids, v.Criterion)
			}
		}
		s := fmt.Sprintf("%s %d", l.T("evidence.outcome."+string(o)), len(ids))
		if len(ids) > 0 && (o == criteria.DoesNotConform || o == criteria.Undecided) {
			s = l.T("assess.summary.which", "outcome", s, "list", strings.Join(ids, ", "))
		}
		if len(ids) > 0 {
			out = append(out, s)
		}
	}
	return out
}
