package cli

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
)

// Tool is how a bundle names this program.
const Tool = "hoshi " + Version

type assessFlags struct {
	product, out, key, edition, consent, pace string
	json, yes, public, template               bool
}

func newAssessCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var f assessFlags
	c := &cobra.Command{
		Use:   "assess ADDRESS",
		Short: l.T("assess.cmd"),
		Long:  l.T("assess.cmd.long"),
		Args: func(c *cobra.Command, args []string) error {
			if f.template {
				return cobra.NoArgs(c, args)
			}
			return oneArg("assess.need-address")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if f.template {
				_, err := io.WriteString(env.Stdout, evidence.ProductTemplate(l))
				return err
			}
			return runAssess(c.Context(), env, args[0], f)
		},
	}
	c.Flags().StringVar(&f.product, "product", "", l.T("assess.flag.product"))
	c.Flags().StringVarP(&f.out, "out", "o", "run.hoshi", l.T("assess.flag.out"))
	c.Flags().StringVar(&f.key, "key", "", l.T("assess.flag.key"))
	c.Flags().StringVar(&f.edition, "edition", assess.DefaultEdition, l.T("assess.flag.edition"))
	c.Flags().StringVar(&f.consent, "consent", "", l.T("assess.flag.consent"))
	c.Flags().StringVar(&f.pace, "pace", "careful", l.T("assess.flag.pace"))
	c.Flags().BoolVar(&f.json, "json", false, l.T("assess.flag.json"))
	c.Flags().BoolVar(&f.yes, "yes", false, l.T("assess.flag.yes"))
	c.Flags().BoolVar(&f.public, "allow-public", false, l.T("assess.flag.public"))
	c.Flags().BoolVar(&f.template, "template", false, l.T("assess.flag.template"))
	return c
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

func runAssess(ctx context.Context, env *Env, address string, f assessFlags) error {
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
	o := assess.Options{Address: address, ProductFile: f.product, Product: src, Edition: edition, Tool: Tool, AllowPublic: f.public,
		Now: time.Now, Rand: rand.Reader}
	switch f.pace {
	case "careful":
		o.Pace = probe.Careful()
	case "fast":
		o.Pace = probe.Fast()
	default:
		return fault.New(fault.Invalid, "cli.assess", "assess.pace", "pace", f.pace)
	}
	switch f.consent {
	case "signin":
		o.Consents = append(o.Consents, probe.ConsentSignIn)
	case "":
	default:
		return fault.New(fault.Invalid, "cli.assess", "assess.consent-word", "word", f.consent)
	}
	key, err := readKey(f.key)
	if err != nil {
		return err
	}
	plan, err := assess.Prepare(ctx, o) // every refusal comes before any question
	if err != nil {
		return err
	}
	if err := ask(env, plan, f, &o); err != nil {
		return err
	}
	o.Journal = assess.JournalFile(f.out)
	if err := goOn(env, &o); err != nil {
		return err
	}
	// The file is made before the test: minutes of work must not fail at the end.
	out, err := os.OpenFile(f.out, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fault.Wrap(fault.Invalid, "cli.assess", err, "assess.out", "file", f.out)
	}
	defer out.Close()
	show := newProgress(env, l)
	o.Progress = show.event
	run, err := assess.Run(ctx, o)
	show.end()
	if err != nil {
		return err
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
	return report(env, l, edition, run, f, key)
}

// goOn finds the journal of a run that was stopped and takes it up, or begins anew
// when the person at the terminal wants that.
func goOn(env *Env, o *assess.Options) error {
	past, err := assess.ReadJournal(o.Journal)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	l := env.Lang()
	done := "-"
	for _, r := range past.Records {
		if r.Probe == assess.RunTranscript && r.Event == "begin" {
			done = l.T("assess.probe." + r.Item)
		}
	}
	args := []any{"started", past.Header.Started.Local().Format("2006-01-02 15:04"), "done", done}
	o.Resume = true
	if !terminal(env.Stdin) || !terminal(env.Stderr) {
		fmt.Fprintln(env.Stderr, l.T("assess.resuming", args...))
		return nil
	}
	fmt.Fprint(env.Stderr, l.T("assess.ask-resume", args...)+" ")
	answer, _ := bufio.NewReader(env.Stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "n", "no", "いいえ":
		o.Resume = false
		if err := os.Remove(o.Journal); err != nil {
			return fault.Wrap(fault.Invalid, "cli.assess", err, "assess.out", "file", o.Journal)
		}
	}
	return nil
}

// ask tells what will be tested and asks for consent at a terminal.
func ask(env *Env, plan *assess.Plan, f assessFlags, o *assess.Options) error {
	l := env.Lang()
	say := func(key string, args ...any) { fmt.Fprintln(env.Stderr, l.T(key, args...)) }
	say("assess.target", "address", plan.Addr, "name", plan.Product.Product.Name.In(l), "models", strings.Join(plan.Product.Product.Models, ", "))
	if plan.Network == probe.ModeShared {
		say("assess.mixed")
	}
	in, out := env.Stdin, env.Stderr
	if !terminal(in) || !terminal(out) || f.yes {
		if !slices.Contains(o.Consents, probe.ConsentSignIn) {
			say("assess.no-consent")
		}
		return nil
	}
	lines := bufio.NewReader(in)
	question := func(key string) bool {
		fmt.Fprint(out, l.T(key)+" ")
		s, _ := lines.ReadString('\n')
		s = strings.ToLower(strings.TrimSpace(s))
		return s == "y" || s == "yes" || s == "はい"
	}
	if !question("assess.ask") {
		return fault.New(fault.Invalid, "cli.assess", "assess.stopped")
	}
	if !slices.Contains(o.Consents, probe.ConsentSignIn) && question("assess.ask-signin") {
		o.Consents = append(o.Consents, probe.ConsentSignIn)
	}
	return nil
}

func terminal(x any) bool {
	f, ok := x.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
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

// progress shows a run: one living line on a terminal, one line for each stage elsewhere.
type progress struct {
	w    io.Writer
	l    i18n.Lang
	live bool
	mu   sync.Mutex
	last time.Time
	open map[string]int
}

func newProgress(env *Env, l i18n.Lang) *progress {
	return &progress{w: env.Stderr, l: l, live: terminal(env.Stderr), open: map[string]int{}}
}

func (p *progress) event(e assess.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := p.l.T("assess.probe." + e.Probe)
	switch e.State {
	case "begin":
		if !p.live {
			fmt.Fprintln(p.w, p.l.T("assess.begin", "seconds", e.At/1000, "what", name))
		}
	case "progress":
		p.open[e.Probe]++
		switch {
		case e.Note == "down":
			p.line(p.l.T("assess.down"))
		case e.Note == "gave-up":
			p.line(p.l.T("assess.gave-up"))
		}
	}
	if !p.live || e.State == "progress" && time.Since(p.last) < 80*time.Millisecond {
		return
	}
	p.last = time.Now()
	count := fmt.Sprint(p.open[e.Probe])
	if e.Total > 0 {
		count = fmt.Sprintf("%d/%d", e.Done, e.Total)
	}
	fmt.Fprintf(p.w, "\r\x1b[K%3ds  %s  %s %s", e.At/1000, name, count, e.Port)
}

func (p *progress) line(s string) {
	if p.live {
		s = "\r\x1b[K" + s
	}
	fmt.Fprintln(p.w, s)
}

func (p *progress) end() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
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
	if f.json {
		if err := writeJSON(env.Stdout, map[string]any{"bundle": f.out, "notice": e.Notice(), "run": run.Info, "signed": key != nil, "verdicts": run.Verdicts}); err != nil {
			return err
		}
		return answer
	}
	w := env.Stdout
	printVerdicts(w, l, e, run.Verdicts, run.Info.HostMixed)
	fmt.Fprintln(w, l.T("assess.saved", "file", f.out))
	if key == nil {
		fmt.Fprintln(w, l.T("assess.unsigned"))
	}
	return answer
}

// printVerdicts lists verdicts, the ones to act on first, with what to do now.
func printVerdicts(w io.Writer, l i18n.Lang, e *criteria.Edition, vs []criteria.Verdict, mixed bool) {
	w = visible{w}
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
			title := ""
			if c, ok := e.Criterion(v.Criterion); ok {
				title = c.Title.Text().In(l)
			}
			fmt.Fprintf(w, "  %s %s (%s)\n    %s\n", v.Criterion, title, v.Rule, v.Reason.In(l))
		}
	}
	fmt.Fprintln(w)
}
