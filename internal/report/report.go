// Package report turns an evidence bundle into one HTML file that a person can
// read, print, and open with no network: verdicts with what to do now, and
// pictures of what the device did. It holds no script and refers to nothing
// outside itself.
//
// It shows what a replay of the bundle gives, never what somebody wrote into it,
// and adds no judgement of its own. Start with [Write].
package report

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fact"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
	"hoshi/internal/probe/outage"
)

//go:embed report.html report.css
var files embed.FS

// page is everything that the template shows. Texts are plain and escaped by the
// template; pictures are built from numbers and catalogue words only.
type page struct {
	Lang     i18n.Lang
	CSS      template.CSS
	Product  evidence.Identity
	Info     evidence.Info
	Title    string // of the edition
	Notice   string // that it is a reconstruction; "" when it is not
	Digest   string
	Signed   []string
	Foreign  bool // the rules are none that this program knows
	Counts   []count
	Groups   []group
	Maps     []*portMap
	Ports    []portRow
	Absent   []string // declared, but not seen open
	Pacing   *pacing
	Policies []criteria.Policy // that TLS and SSH are judged by
	TLS      []tlsRow
	SSH      []sshRow
	SignIns  *timeline
	Changes  []Finding // first uses and changed values
	Findings []Finding
	Minutes  []minutesRow
	Imports  []string // files of other tools, each with a warning where it is about another address
	Used     bool     // verdicts rest on them
	Facts    []factRow
}

// minutesRow is what one criterion took; the last row is the sum.
type minutesRow struct{ Name, Machine, Person string }

type count struct {
	Outcome criteria.Outcome
	N       int
}

type group struct {
	Outcome  criteria.Outcome
	Verdicts []verdictRow
}

type verdictRow struct {
	criteria.Verdict
	Title string
}

type factRow struct{ Name, Subject, Value, Origin, Source string }

// T returns a sentence of the catalogue in the page's language.
func (p *page) T(key string, args ...any) string { return p.Lang.T(key, args...) }

// Gap stands between two sentences; Japanese has none.
func (p *page) Gap() string {
	if p.Lang == i18n.JA {
		return ""
	}
	return " "
}

// Write renders the bundle in a language. Facts and verdicts are computed anew
// from the bundle's raw parts. The same bundle gives the same bytes.
func Write(w io.Writer, b *evidence.Bundle, l i18n.Lang) error {
	all, verdicts, err := evidence.Replay(b)
	if err != nil {
		return err
	}
	// What other tools say stands in the list of facts alone.
	facts := slices.DeleteFunc(slices.Clone(all), func(f fact.Fact) bool { return f.Origin == fact.Imported })
	e, err := criteria.Parse(evidence.EditionFile, b.Edition)
	if err != nil {
		return err
	}
	product, err := evidence.ParseProduct(evidence.ProductFile, b.Product)
	if err != nil {
		return err
	}
	css, err := files.ReadFile("report.css")
	if err != nil {
		return fault.Wrap(fault.Internal, "report.Write", err, "")
	}
	p := &page{Lang: l, CSS: template.CSS(css), Product: product.Product, Info: b.Info, Title: e.Title.In(l), Notice: e.Notice().In(l),
		Digest: b.Digest, Signed: b.SignedBy(), Foreign: b.ForeignRules(e)}
	p.verdicts(e, verdicts)
	p.ports(facts, b.Transcripts)
	p.Pacing = drawPacing(l, b.Transcripts)
	p.Policies = e.Policies
	p.tls(e, facts)
	p.ssh(e, facts)
	p.SignIns = drawTimeline(l, b.Transcripts["signin"], facts)
	p.changes(facts)
	p.Findings = Findings(l, facts, b.Transcripts)
	costs, err := b.Costs()
	if err != nil {
		return err
	}
	p.minutes(costs)
	p.Used = evidence.ImportsUsed(verdicts)
	for _, f := range all.Named("import.file") {
		p.Imports = append(p.Imports, strings.Join(Imported(l, f, b.Info.Target), " "))
	}
	for _, f := range all {
		j, err := json.Marshal(f.Value)
		if err != nil {
			return fault.Wrap(fault.Internal, "report.Write", err, "")
		}
		p.Facts = append(p.Facts, factRow{f.Name, f.Subject, string(j), string(f.Origin), sources(f.Source)})
	}
	t, err := template.New("report.html").Funcs(template.FuncMap{"number": func(n any) string {
		if i, ok := n.(int64); ok {
			return number(i)
		}
		i, _ := n.(int)
		return number(i)
	}, "utc": utc, "port": portTitle}).ParseFS(files, "report.html")
	if err != nil {
		return fault.Wrap(fault.Internal, "report.Write", err, "")
	}
	if err := t.Execute(w, p); err != nil {
		return fault.Wrap(fault.Unavailable, "report.Write", err, "evidence.unwritable")
	}
	return nil
}

// order is the order of outcomes: what asks for an act comes first.
var order = []criteria.Outcome{criteria.DoesNotConform, criteria.Undecided, criteria.PersonDecides, criteria.NotApplicable, criteria.Lifted, criteria.Conforms}

func (p *page) verdicts(e *criteria.Edition, vs []criteria.Verdict) {
	for _, o := range order {
		g := group{Outcome: o}
		for _, v := range vs {
			if v.Outcome != o {
				continue
			}
			r := verdictRow{Verdict: v}
			if c, ok := e.Criterion(v.Criterion); ok {
				r.Title = c.Title.Text().In(p.Lang)
			}
			g.Verdicts = append(g.Verdicts, r)
		}
		p.Counts = append(p.Counts, count{o, len(g.Verdicts)})
		if len(g.Verdicts) > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
}

// Imported tells of fact import.file: which tool made the file when and of which
// address, and a warning when that is not the one of the run.
func Imported(l i18n.Lang, f fact.Fact, target string) []string {
	told := func(k string) string { return cmp.Or(probe.Str(f.Value, k), l.T("evidence.beside.untold")) }
	out := []string{l.T("evidence.beside.file", "file", f.Subject, "tool", told("tool"), "version", told("version"), "made", told("made"), "target", told("target"), "sha256", told("sha256"))}
	if t := probe.Str(f.Value, "target"); !evidence.OfTarget(t, target) {
		out = append(out, l.T("evidence.beside.other-target", "file", f.Subject, "target", t, "own", target))
	}
	return out
}

// Finding is something that a reader should look at, whatever the verdicts say.
type Finding struct {
	Fact    string `json:"fact"`
	Subject string `json:"subject"`
	Name    string `json:"name"` // what the fact means here
	Text    string `json:"text"`
}

// minutes fills the table of time for each criterion that took any.
func (p *page) minutes(costs []evidence.Cost) {
	text := func(ms int64) string { return fmt.Sprintf("%d:%04.1f", ms/60000, float64(ms%60000)/1000) }
	var machine, person int64
	for _, c := range costs {
		machine, person = machine+c.Machine, person+c.Person
		if c.Machine+c.Person == 0 {
			continue
		}
		name := c.Criterion
		if name == "" {
			name = p.T("report.minutes.other")
		}
		p.Minutes = append(p.Minutes, minutesRow{name, text(c.Machine), text(c.Person)})
	}
	if len(p.Minutes) > 0 {
		p.Minutes = append(p.Minutes, minutesRow{p.T("report.minutes.sum"), text(machine), text(person)})
	}
}

// changes says what the first use and a change of a value showed.
func (p *page) changes(facts fact.Set) {
	yes := func(f fact.Fact, member string) string {
		return fmt.Sprintf("report.%s.%t", strings.ToLower(member), probe.Bool(f.Value, member))
	}
	for _, f := range facts.Named("signin.firstuse") {
		p.Changes = append(p.Changes, Finding{f.Name, f.Subject, p.T("report.firstuse"), p.T(yes(f, "forced"))})
	}
	for _, f := range facts.Named("signin.change") {
		text := p.T("report.incomplete")
		if probe.Bool(f.Value, "complete") {
			text = p.T(yes(f, "oldRefused")) + " " + p.T(yes(f, "newAccepted"))
		}
		p.Changes = append(p.Changes, Finding{f.Name, f.Subject, p.T("report.change"), text})
	}
}

// amplified is the percentage from which an answer counts as a finding here. The
// edition has its own limit for the verdict.
const amplified = 200

// Findings says in words which facts are findings by their nature; what other tools
// say is none. The transcripts tell what was sent before the device started anew.
func Findings(l i18n.Lang, facts fact.Set, transcripts map[string][]probe.Record) []Finding {
	out := []Finding{}
	add := func(f fact.Fact, key string, args ...any) {
		if f.Origin == fact.Imported {
			return
		}
		out = append(out, Finding{f.Name, f.Subject, l.T("report.finding." + f.Name), l.T(key, args...)})
	}
	for _, f := range facts.Named("device.outage") {
		key := "report.outage."
		if probe.Int(f.Value, "rate") == 0 {
			key += "services."
		}
		add(f, key+probe.Str(f.Value, "kind"), "seconds", probe.Int(f.Value, "seconds"), "rate", probe.Int(f.Value, "rate"), "last", probe.Str(f.Value, "last"))
	}
	for _, f := range facts.Named("device.restart") {
		if !probe.Bool(f.Value, "restarted") {
			continue
		}
		key, at := "report.restart", probe.Int(f.Value, "at")
		if probe.Int(f.Value, "secondsAfter") < 0 {
			key += ".untold"
		}
		add(f, key, "at", max(0, at)/1000, "after", probe.Int(f.Value, "secondsAfter"), "last", outage.LastSent(transcripts, at))
	}
	for _, f := range facts.Named("tcp.after") {
		for _, port := range words(f.Value, "ended") {
			s, _ := facts.Get("service.protocol", port)
			f.Subject = port
			add(f, "report.ended", "protocol", probe.Str(s.Value, "protocol"))
		}
	}
	for _, f := range facts.Named("access.open") {
		read, write := probe.Bool(f.Value, "read"), probe.Bool(f.Value, "write")
		switch {
		case read && write:
			add(f, "report.open.both", "what", probe.Str(f.Value, "what"))
		case write:
			add(f, "report.open.write", "what", probe.Str(f.Value, "what"))
		case read:
			add(f, "report.open.read", "what", probe.Str(f.Value, "what"))
		}
	}
	for _, f := range facts.Named("amplification") {
		if n := probe.Int(f.Value, "percent"); n >= amplified {
			add(f, "report.amplified", "sent", probe.Int(f.Value, "sent"), "received", probe.Int(f.Value, "received"), "times", fmt.Sprintf("%d.%d", n/100, n%100/10))
		}
	}
	return out
}

func sources(s []string) string {
	const most = 4
	if len(s) > most {
		return strings.Join(s[:most], ", ") + fmt.Sprintf(" … (%d)", len(s))
	}
	return strings.Join(s, ", ")
}

// number writes a whole number with separators for thousands.
func number[N int | int64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
