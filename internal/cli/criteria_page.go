package cli

import (
	"fmt"
	"strings"

	"hoshi/internal/criteria"
	"hoshi/internal/i18n"
)

// page renders an edition as plain text for a terminal.
type page struct {
	strings.Builder
	l i18n.Lang
	e *criteria.Edition
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }
func (p *page) t(key string, args ...any) string {
	return p.l.T("criteria.show."+key, args...)
}
func (p *page) head(key string) { p.line("\n## %s", p.t(key)) }

// mark is the words for how sure a value is.
func (p *page) mark(s criteria.Status) string {
	for _, w := range p.e.Legend {
		if w.ID == string(s) {
			return "[" + w.Text().In(p.l) + "]"
		}
	}
	return "[" + string(s) + "]"
}

func (p *page) marked(m criteria.Marked) string { return m.Text().In(p.l) + " " + p.mark(m.Status) }

func (p *page) notice() {
	if n := p.e.Notice().In(p.l); n != "" {
		p.line("*** %s ***\n", n)
	}
}

func (p *page) word(list []criteria.Word, id string) string {
	for _, w := range list {
		if w.ID == id {
			return w.Text().In(p.l)
		}
	}
	return id
}

func (p *page) words(key string, list []criteria.Word) {
	p.head(key)
	for _, w := range list {
		p.line("- %s: %s %s", w.ID, w.Text().In(p.l), p.mark(w.Status))
	}
}

func (p *page) edition() {
	e := p.e
	p.line("# %s", e.Title.In(p.l))
	p.line("%s: %s", p.t("edition"), e.ID)
	p.line("%s: %s", p.t("level"), e.Level)
	if e.Reconstruction != nil {
		p.line("%s: %s (%s)", p.t("of"), e.Reconstruction.Of, e.Reconstruction.Dated)
	}
	p.line("%s: %s", p.t("digest"), e.Digest())
	p.head("criteria")
	for _, c := range e.Criteria {
		p.line("%s  %s %s", c.ID, p.t("scope."+c.Scope.Is), p.marked(c.Title))
	}
	if e.Reconstruction != nil {
		p.words("facts", e.Reconstruction.Facts)
	}
	p.words("assets", e.Assets)
	p.words("threats", e.Threats)
	if len(e.Lists) > 0 {
		p.head("lists")
	}
	for _, li := range e.Lists {
		p.line("- %s (%s, %s) %s\n  %s", li.Title.In(p.l), li.Name, li.Dated, p.mark(li.Status), li.Note.In(p.l))
		for _, v := range li.Values {
			p.line("    %s", v)
		}
	}
	for _, q := range e.Policies {
		p.policy(q)
	}
	p.head("legend")
	for _, w := range e.Legend {
		p.line("- %s: %s", w.ID, w.Text().In(p.l))
	}
}

func (p *page) policy(q criteria.Policy) {
	p.head("policy")
	p.line("%s (%s, %s) %s\n%s", q.Title.In(p.l), q.Name, q.Dated, p.mark(q.Status), q.Note.In(p.l))
	for _, li := range q.Lists {
		p.line("- %s (%s) %s\n  %s", li.Title.In(p.l), li.Name, p.mark(li.Status), li.Why.In(p.l))
		for _, v := range li.Values {
			p.line("    %s", v)
		}
	}
	for _, n := range q.Numbers {
		p.line("- %s (%s): %d %s\n  %s", n.Title.In(p.l), n.Name, n.Value, p.mark(n.Status), n.Why.In(p.l))
	}
	for _, s := range q.Sources {
		p.line("- %s", s)
	}
}

func (p *page) criterion(c criteria.Criterion) {
	l, e := p.l, p.e
	p.line("# %s %s", c.ID, p.marked(c.Title))
	p.line("%s: %s", p.t("edition"), e.ID)
	p.line("%s: %s %s", p.t("scope"), p.t("scope."+c.Scope.Is), p.mark(c.Scope.Status))
	p.line("%s: %s %s", p.t("category"), p.word(e.Categories, c.Category.Is), p.mark(c.Category.Status))
	p.head("words")
	p.line("%s", p.marked(c.Words))
	p.head("guidance")
	p.line("%s: %s", p.t("why"), c.Guidance.Why.In(l))
	p.line("%s:", p.t("steps"))
	for i, s := range c.Guidance.Steps {
		p.line("  %d. %s", i+1, s.In(l))
	}
	p.line("%s: %s", p.t("write"), c.Guidance.Write.In(l))
	p.line("%s: %s", p.t("example"), c.Guidance.Example.In(l))
	if len(c.Guidance.Mistakes) > 0 {
		p.line("%s:", p.t("mistakes"))
	}
	for _, s := range c.Guidance.Mistakes {
		p.line("  - %s", s.In(l))
	}
	p.head("items")
	p.line("(%s %s)", p.t("enough."+c.Enough.Is), p.mark(c.Enough.Status))
	for _, it := range c.Items {
		p.line("%d. %s %s", it.No, i18n.Text{JA: it.JA, EN: it.EN}.In(l), p.mark(it.Status))
		for _, m := range it.Methods {
			p.line("   %s: %s %s", p.t("method"), p.t("method."+m.Is), p.mark(m.Status))
		}
	}
	p.head("evidence")
	for _, m := range c.Evidence {
		p.line("- %s", p.marked(m))
	}
	p.head("na")
	yes := p.t("na.no")
	if c.NotApplicable.Possible {
		yes = p.t("na.yes")
	}
	p.line("%s: %s %s", yes, c.NotApplicable.When.In(l), p.mark(c.NotApplicable.Status))
	p.line("%s: %s", p.t("na.why"), c.NotApplicable.Why.In(l))
	if len(c.Thresholds) > 0 {
		p.head("thresholds")
	}
	for _, t := range c.Thresholds {
		v, isDefault := t.Get()
		mark := p.mark(t.Status)
		if isDefault {
			mark += " " + p.t("default")
		}
		p.line("- %s: %s %s\n  %s", t.Title.In(l), v.Show().In(l), mark, t.Why.In(l))
	}
	p.head("threats")
	for _, t := range c.Threats {
		p.line("- %s: %s %s", t.Is, p.word(e.Threats, t.Is), p.mark(t.Status))
	}
	if len(c.Assets) > 0 {
		p.head("assets")
	}
	for _, a := range c.Assets {
		p.line("- %s %s", p.word(e.Assets, a.Is), p.mark(a.Status))
	}
	p.head("requirements")
	for _, r := range c.Requirements {
		for _, q := range e.Requirements {
			if q.ID == r.Is {
				p.line("- %s: %s %s", q.ID, q.Text.In(l), p.mark(r.Status))
			}
		}
	}
	p.references(c)
	p.rules(c)
}

func (p *page) references(c criteria.Criterion) {
	p.head("mappings")
	for _, m := range c.Mappings {
		level := ""
		if m.Level != "" {
			level = " " + p.t("mapping-level", "level", m.Level)
		}
		title := m.Standard
		for _, s := range p.e.Standards {
			if s.ID == m.Standard && s.Version == m.Version {
				title = s.Title.In(p.l)
			}
		}
		p.line("- %s, %s: %s%s %s", title, m.Version, m.Provision, level, p.mark(m.Status))
	}
	if len(c.Exemptions) > 0 {
		p.head("exemptions")
	}
	for _, x := range c.Exemptions {
		p.line("- %s %s", i18n.Text{JA: x.JA, EN: x.EN}.In(p.l), p.mark(x.Status))
	}
	if len(c.Sources) > 0 {
		p.head("sources")
	}
	for _, s := range c.Sources {
		p.line("- %s", s)
	}
}

func (p *page) rules(c criteria.Criterion) {
	p.head("rules")
	p.line("%s: %s", p.t("asked"), c.Asked.In(p.l))
	for _, r := range c.Rules {
		p.line("%s %s %s", r.ID, i18n.Text{JA: r.JA, EN: r.EN}.In(p.l), p.mark(r.Status))
		if o, src := r.Condition(); src != "" {
			p.line("    %s: %s", p.t("outcome."+string(o)), src)
			p.line("    %s: %s", p.t("seen"), r.Seen.In(p.l))
			p.line("    %s: %s", p.t("now"), r.Now.In(p.l))
		}
	}
	if len(c.Needs) > 0 {
		p.head("needs")
	}
	for _, n := range c.Needs {
		s := n.Fact
		for _, x := range [][2]string{{"count", n.Count}, {"each", n.Each}, {"where", n.Where}, {"subject", n.Subject}, {"complete", n.Complete}} {
			if x[1] != "" {
				s += "; " + x[0] + ": " + x[1]
			}
		}
		p.line("- %s", s)
	}
}

func (p *page) changes(cs []criteria.Change) {
	if len(cs) == 0 {
		p.line("%s", p.l.T("criteria.diff.none"))
		return
	}
	major := 0
	for _, c := range cs {
		size := "minor"
		if c.Major {
			size, major = "major", major+1
		}
		p.line("[%s] %s", p.l.T("criteria.diff."+size), c.Text.In(p.l))
		if s := c.Was.In(p.l); s != "" {
			p.line("    %s: %s", p.l.T("criteria.diff.was"), s)
		}
		if s := c.Now.In(p.l); s != "" {
			p.line("    %s: %s", p.l.T("criteria.diff.now"), s)
		}
	}
	p.line("%s", p.l.T("criteria.diff.summary", "n", len(cs), "major", major, "minor", len(cs)-major))
}
