package criteria

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"hoshi/internal/i18n"
)

// Change is one difference between two editions. A major change can alter an
// outcome or what applicants must do; a minor one alters explanations.
type Change struct {
	Criterion string    `json:"criterion,omitempty"` // "" = the edition as a whole
	Part      string    `json:"part,omitempty"`      // key of the part: "rules R-04-2"
	Kind      string    `json:"kind"`                // added, removed, changed
	Major     bool      `json:"major"`
	Text      i18n.Text `json:"text"`
	Was       i18n.Text `json:"was"`
	Now       i18n.Text `json:"now"`
}

// Diff lists what b changes against a, in the order of b, removed criteria last.
func Diff(a, b *Edition) []Change {
	d := &differ{}
	for _, f := range []struct {
		key   string
		major bool
		a, b  any
	}{
		{"id", false, a.ID, b.ID}, {"scheme", true, a.Scheme, b.Scheme}, {"level", true, a.Level, b.Level},
		{"title", false, a.Title, b.Title}, {"reconstruction", false, a.Reconstruction, b.Reconstruction},
		{"engine", true, a.Engine, b.Engine}, {"legend", false, a.Legend, b.Legend}, {"assets", true, a.Assets, b.Assets},
		{"threats", true, a.Threats, b.Threats}, {"categories", false, a.Categories, b.Categories},
		{"standards", false, a.Standards, b.Standards}, {"undecided", false, a.Undecided, b.Undecided},
	} {
		d.part("", f.key, both("criteria.diff.frame", "key", f.key), f.major, f.a, f.b)
	}
	keyed(d, "", "requirement", a.Requirements, b.Requirements, func(r Requirement) string { return r.ID }, func(_, _ *Requirement) bool { return true })
	keyed(d, "", "list", a.Lists, b.Lists, func(l List) string { return l.Name }, func(x, y *List) bool {
		return x == nil || y == nil || !slices.Equal(x.Values, y.Values)
	})
	keyed(d, "", "policy", a.Policies, b.Policies, func(p Policy) string { return p.Name }, func(x, y *Policy) bool {
		return x == nil || y == nil || !same(x.values(), y.values())
	})
	var kept, keptNow []string
	for _, c := range b.Criteria {
		old, ok := a.Criterion(c.ID)
		if !ok {
			d.add(Change{Criterion: c.ID, Kind: "added", Major: true, Now: c.Title.Text()}, both("criteria.diff.criterion", "id", c.ID))
			continue
		}
		keptNow = append(keptNow, c.ID)
		d.criterion(old, c)
	}
	for _, c := range a.Criteria {
		if _, ok := b.Criterion(c.ID); !ok {
			d.add(Change{Criterion: c.ID, Kind: "removed", Major: true, Was: c.Title.Text()}, both("criteria.diff.criterion", "id", c.ID))
			continue
		}
		kept = append(kept, c.ID)
	}
	d.part("", "order", both("criteria.diff.order"), false, kept, keptNow)
	return d.out
}

type differ struct{ out []Change }

// both makes a text from a catalogue sentence.
func both(key string, args ...any) i18n.Text {
	return i18n.Text{JA: i18n.JA.T(key, args...), EN: i18n.EN.T(key, args...)}
}

func (d *differ) add(c Change, what i18n.Text) {
	c.Text = both("criteria.diff."+c.Kind, "what", what)
	d.out = append(d.out, c)
}

func (d *differ) part(criterion, key string, what i18n.Text, major bool, a, b any) {
	if !same(a, b) {
		d.add(Change{Criterion: criterion, Part: key, Kind: "changed", Major: major, Was: brief(a), Now: brief(b)}, what)
	}
}

func (d *differ) criterion(a, b Criterion) {
	part := func(key string, major bool, x, y any) {
		what := both("criteria.diff.field", "id", a.ID, "what", both("criteria.what."+key))
		d.part(a.ID, key, what, major, x, y)
	}
	part("title", false, a.Title, b.Title)
	part("words", true, a.Words, b.Words)
	part("scope", true, a.Scope, b.Scope)
	part("category", false, a.Category, b.Category)
	part("assets", false, a.Assets, b.Assets)
	part("threats", false, a.Threats, b.Threats)
	part("requirements", true, a.Requirements, b.Requirements)
	part("enough", true, a.Enough, b.Enough)
	keyed(d, a.ID, "items", a.Items, b.Items, func(i Item) string { return itoa(i.No) }, func(_, _ *Item) bool { return true })
	part("evidence", false, a.Evidence, b.Evidence)
	part("asked", false, a.Asked, b.Asked)
	part("not_applicable", true, a.NotApplicable, b.NotApplicable)
	keyed(d, a.ID, "thresholds", a.Thresholds, b.Thresholds, func(t Threshold) string { return t.Name }, func(x, y *Threshold) bool {
		return x == nil || y == nil || !same(x.Value, y.Value) || !same(x.Default, y.Default) || x.Status != y.Status
	})
	part("mappings", false, a.Mappings, b.Mappings)
	part("exemptions", true, a.Exemptions, b.Exemptions)
	part("guidance.why", false, a.Guidance.Why, b.Guidance.Why)
	part("guidance.steps", false, a.Guidance.Steps, b.Guidance.Steps)
	part("guidance.write", false, a.Guidance.Write, b.Guidance.Write)
	part("guidance.example", false, a.Guidance.Example, b.Guidance.Example)
	part("guidance.mistakes", false, a.Guidance.Mistakes, b.Guidance.Mistakes)
	part("needs", true, a.Needs, b.Needs)
	keyed(d, a.ID, "rules", a.Rules, b.Rules, func(r Rule) string { return r.ID }, func(x, y *Rule) bool {
		if x == nil || y == nil {
			return true
		}
		xo, xs := x.Condition()
		yo, ys := y.Condition()
		return xo != yo || xs != ys || x.JA != y.JA || x.EN != y.EN
	})
	part("sources", false, a.Sources, b.Sources)
}

// keyed compares lists whose entries have a key; major gets nil for an absent one.
func keyed[T any](d *differ, criterion, key string, a, b []T, id func(T) string, major func(x, y *T) bool) {
	find := func(ts []T, k string) *T {
		for i := range ts {
			if id(ts[i]) == k {
				return &ts[i]
			}
		}
		return nil
	}
	change := func(k string, x, y *T) {
		what := both("criteria.what."+key, "id", k)
		if criterion != "" {
			what = both("criteria.diff.field", "id", criterion, "what", what)
		}
		c := Change{Criterion: criterion, Part: key + " " + k, Kind: "changed", Major: major(x, y)}
		switch {
		case x == nil:
			c.Kind, c.Now = "added", brief(*y)
		case y == nil:
			c.Kind, c.Was = "removed", brief(*x)
		default:
			c.Was, c.Now = brief(*x), brief(*y)
		}
		d.add(c, what)
	}
	for i := range b {
		k := id(b[i])
		if x := find(a, k); x == nil || !same(*x, b[i]) {
			change(k, x, &b[i])
		}
	}
	for i := range a {
		if k := id(a[i]); find(b, k) == nil {
			change(k, &a[i], nil)
		}
	}
	order := func(ts, other []T) []string {
		var out []string
		for _, t := range ts {
			if k := id(t); find(other, k) != nil {
				out = append(out, k)
			}
		}
		return out
	}
	what := both("criteria.diff.order-of", "key", key)
	if criterion != "" {
		what = both("criteria.diff.field", "id", criterion, "what", what)
	}
	d.part(criterion, key+" order", what, false, order(a, b), order(b, a))
}

// values are the policy's values by name, as rules see them.
func (p Policy) values() [][2]string {
	var out [][2]string
	for _, l := range p.Lists {
		out = append(out, [2]string{l.Name, strings.Join(l.Values, ", ")})
	}
	for _, n := range p.Numbers {
		out = append(out, [2]string{n.Name, fmt.Sprint(n.Value)})
	}
	return out
}

func canonical(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("criteria: " + err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}

func same(a, b any) bool { return bytes.Equal(canonical(a), canonical(b)) }

// brief shows a value in a line or two.
func brief(v any) i18n.Text {
	mark := func(t i18n.Text, s Status) i18n.Text {
		if s == "" {
			return t
		}
		in := func(l i18n.Lang) string { return fmt.Sprintf("%s [%s]", t.In(l), l.T("criteria.mark."+string(s))) }
		return i18n.Text{JA: in(i18n.JA), EN: in(i18n.EN)}
	}
	plain := func(s string) i18n.Text { return i18n.Text{JA: s, EN: s} }
	switch v := v.(type) {
	case string:
		return plain(v)
	case i18n.Text:
		return v
	case Marked:
		return mark(v.Text(), v.Status)
	case Item:
		return mark(i18n.Text{JA: v.JA, EN: v.EN}, v.Status)
	case Threshold:
		val, _ := v.Get()
		return mark(val.Show(), v.Status)
	case Requirement:
		return mark(v.Text, v.Status)
	case Choice:
		return mark(plain(v.Is), v.Status)
	case Exclusion:
		return mark(v.When, v.Status)
	case Exemption:
		return mark(i18n.Text{JA: v.JA, EN: v.EN}, v.Status)
	case Mapping:
		return mark(plain(v.Standard+" "+v.Version+" "+v.Provision), v.Status)
	case List:
		s := strings.Join(v.Values, ", ")
		return mark(i18n.Text{JA: s, EN: s}, v.Status)
	case Policy:
		var ss []string
		for _, x := range v.values() {
			ss = append(ss, x[0]+" = "+x[1])
		}
		s := strings.Join(ss, "; ")
		return mark(i18n.Text{JA: s, EN: s}, v.Status)
	case []i18n.Text:
		return briefs(v)
	case []Marked:
		return briefs(v)
	case []Choice:
		return briefs(v)
	case []Mapping:
		return briefs(v)
	case []Exemption:
		return briefs(v)
	case []string:
		return plain(strings.Join(v, ", "))
	case Rule:
		t := i18n.Text{JA: v.JA, EN: v.EN}
		if o, src := v.Condition(); src != "" {
			t.JA, t.EN = t.JA+" — "+i18n.JA.T("evidence.outcome."+string(o))+": "+src, t.EN+" — "+i18n.EN.T("evidence.outcome."+string(o))+": "+src
		}
		return mark(t, v.Status)
	}
	return plain(string(canonical(v)))
}

func briefs[T any](vs []T) i18n.Text {
	var ja, en []string
	for _, v := range vs {
		t := brief(v)
		ja, en = append(ja, t.JA), append(en, t.EN)
	}
	return i18n.Text{JA: strings.Join(ja, " / "), EN: strings.Join(en, " / ")}
}

// Show renders the value for people.
func (v Value) Show() i18n.Text {
	switch {
	case v.Int != nil:
		s := fmt.Sprint(*v.Int)
		return i18n.Text{JA: s, EN: s}
	case v.Text != nil:
		return *v.Text
	}
	return i18n.Text{JA: strings.Join(v.List, "、"), EN: strings.Join(v.List, ", ")}
}
