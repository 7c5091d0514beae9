package evidence

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"hoshi/internal/criteria"
	"hoshi/internal/fact"
	"hoshi/internal/i18n"
)

// Difference is one fact, rule or verdict in which two runs differ.
type Difference struct {
	Kind string `json:"kind"` // "edition", "product", "verdict", "rule", "fact", "setting"
	ID   string `json:"id"`   // fact with its origin, criterion, rule, or name of the setting
	A    string `json:"a"`    // the two values as JSON or words; "" = absent
	B    string `json:"b"`
	// Words are, for a rule, what differs and both values in both languages; A and B
	// are the Japanese.
	Words *Words `json:"words,omitempty"`
	// Because names, for a verdict, the differing facts and rules that led to it.
	Because []string `json:"because,omitempty"`
}

// Words tell a differing rule in both languages.
type Words struct {
	What i18n.Text `json:"what"`
	A    i18n.Text `json:"a"`
	B    i18n.Text `json:"b"`
}

// Comparison is what Compare found.
type Comparison struct {
	Differences []Difference `json:"differences"`
	// Unit names facts that say the two runs saw two units of the product: keys and
	// ids that belong to one unit. They are no differences of the product.
	Unit []string `json:"unit"`
}

// Compare compares two bundles: the circumstances that decide what can be compared,
// then verdict by verdict with what led to each difference, then rule by rule, then
// fact by fact. Both are replayed first, so the difference is in what was seen, not
// in what somebody wrote down. What must differ between two tests is left out:
// times, durations, random values, the order of records (see package fact, varies.go).
func Compare(a, b *Bundle) (Comparison, error) {
	out := Comparison{Differences: []Difference{}, Unit: []string{}}
	fa, va, err := Replay(a)
	if err != nil {
		return out, err
	}
	fb, vb, err := Replay(b)
	if err != nil {
		return out, err
	}
	ea, err := criteria.Parse(EditionFile, a.Edition)
	if err != nil {
		return out, err
	}
	eb, err := criteria.Parse(EditionFile, b.Edition)
	if err != nil {
		return out, err
	}
	both := func(kind, id, x, y string, because ...string) {
		if x != y {
			out.Differences = append(out.Differences, Difference{Kind: kind, ID: id, A: x, B: y, Because: because})
		}
	}
	both("edition", "", ea.ID+" "+Digest(a.Edition), eb.ID+" "+Digest(b.Edition))
	x, y, err := declarations(a, b)
	if err != nil {
		return out, err
	}
	both("product", "", x, y)

	facts, unit := differingFacts(fa, fb)
	out.Unit = append(out.Unit, unit...)
	rules := differingRules(ea, eb)
	why := cause{ea: ea, eb: eb, a: keyed(fa), b: keyed(fb), crossed: eb.Judge(fa), facts: facts, rules: rules}
	byCriterion := map[string][2]criteria.Verdict{}
	var order []string
	for i, vs := range [][]criteria.Verdict{va, vb} {
		for _, v := range vs {
			p, seen := byCriterion[v.Criterion]
			if !seen {
				order = append(order, v.Criterion)
			}
			p[i] = v
			byCriterion[v.Criterion] = p
		}
	}
	for _, id := range order {
		x, y := byCriterion[id][0], byCriterion[id][1]
		if said(x) != said(y) {
			both("verdict", id, said(x), said(y), why.of(x, y)...)
		}
	}
	for _, r := range rules {
		out.Differences = append(out.Differences, r.Difference)
	}
	out.Differences = append(out.Differences, facts...)
	if len(out.Differences) > 0 { // settings alone make no difference, but may explain one
		pa, pb := a.Info.Parameters, b.Info.Parameters
		for _, k := range slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(slices.Collect(maps.Keys(pa)), maps.Keys(pb))))) {
			both("setting", k, text(pa[k]), text(pb[k]))
		}
		both("setting", "network", a.Info.Network, b.Info.Network)
		both("setting", "tool", a.Info.Tool, b.Info.Tool)
	}
	return out, nil
}

// declarations are what two bundles declare, in words, the same where they declare the
// same: comments, and where a secret is kept, are no part of it.
func declarations(a, b *Bundle) (x, y string, err error) {
	read := func(src []byte) (*Product, string, error) {
		p, err := ParseProduct(ProductFile, src)
		if err != nil {
			return nil, "", err
		}
		for i := range p.Accounts {
			p.Accounts[i].Secret = Secret{}
		}
		return p, strings.Join(p.Product.Models, ", ") + " " + p.Product.Firmware + " " + Digest(src), nil
	}
	p, x, err := read(a.Product)
	if err != nil {
		return "", "", err
	}
	q, y, err := read(b.Product)
	if err != nil || reflect.DeepEqual(p, q) {
		return "", "", err
	}
	return x, y, nil
}

func said(v criteria.Verdict) string {
	if v.Criterion == "" {
		return ""
	}
	return string(v.Outcome) + " " + v.Rule
}

func text(v any) string {
	if v == nil {
		return ""
	}
	j, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(j)
}

// cause finds what led from one verdict to another.
type cause struct {
	ea, eb  *criteria.Edition
	a, b    map[string]fact.Fact // facts by origin and id
	crossed []criteria.Verdict   // on the facts of A by the edition of B
	facts   []Difference
	rules   []ruleDifference
}

// of lists the differing facts that the criterion needs; where some of them alone
// lead from A's verdict to B's, only those. Differing rules are listed where they
// change the verdict though the facts are the same.
func (c cause) of(x, y criteria.Verdict) []string {
	needs := map[string]bool{}
	for _, e := range []*criteria.Edition{c.ea, c.eb} {
		if cr, ok := e.Criterion(x.Criterion); ok {
			for _, n := range cr.Needs {
				needs[n.Fact] = true
			}
		}
	}
	same := func(v criteria.Verdict) bool {
		return v.Criterion == x.Criterion && v.Outcome == y.Outcome && (x.Outcome != y.Outcome || v.Rule == y.Rule)
	}
	out, alone := []string{}, []string{}
	for _, d := range c.facts {
		f, ok := c.b[d.ID]
		if !ok {
			f = c.a[d.ID]
		}
		if !needs[f.Name] {
			continue
		}
		out = append(out, d.ID)
		if len(out) <= mostTried && slices.ContainsFunc(c.ea.Judge(c.with(d.ID)), same) {
			alone = append(alone, d.ID)
		}
	}
	if len(alone) > 0 {
		out = alone
	}
	if !slices.ContainsFunc(c.crossed, func(v criteria.Verdict) bool { return v.Criterion == x.Criterion && said(v) != said(x) }) {
		return out
	}
	for _, r := range c.rules {
		if r.criterion == "" || r.criterion == x.Criterion {
			out = append(out, r.ID)
		}
	}
	return out
}

// mostTried bounds how many facts are tried alone for one verdict.
const mostTried = 100

// with is the facts of A, with one fact as B has it.
func (c cause) with(id string) fact.Set {
	out := make(fact.Set, 0, len(c.a)+1)
	for k, f := range c.a {
		if k != id {
			out = append(out, f)
		}
	}
	if f, ok := c.b[id]; ok {
		out = append(out, f)
	}
	out.Sort()
	return out
}

// keyed are the facts by origin and id.
func keyed(s fact.Set) map[string]fact.Fact {
	out := map[string]fact.Fact{}
	for _, f := range s {
		out[string(f.Origin)+" "+f.ID()] = f
	}
	return out
}

// differingFacts compares by origin and id; unit names facts that differ in marks
// of the unit alone.
func differingFacts(a, b fact.Set) (out []Difference, unit []string) {
	x, y := keyed(a), keyed(b)
	for _, k := range slices.Compact(slices.SortedFunc(slices.Values(slices.AppendSeq(slices.Collect(maps.Keys(x)), maps.Keys(y))), fact.Compare)) {
		f, inA := x[k]
		g, inB := y[k]
		switch {
		case !inA:
			out = append(out, Difference{Kind: "fact", ID: k, B: text(g.Value)})
		case !inB:
			out = append(out, Difference{Kind: "fact", ID: k, A: text(f.Value)})
		case text(f.Lasting()) != text(g.Lasting()) || !f.Near(g):
			out = append(out, Difference{Kind: "fact", ID: k, A: text(f.Value), B: text(g.Value)})
		case text(f.Marks()) != text(g.Marks()):
			unit = append(unit, k)
		}
	}
	return out, unit
}

type ruleDifference struct {
	Difference
	criterion string
}

// differingRules lists rules, needs and pass values that differ between two texts
// of an edition.
func differingRules(a, b *criteria.Edition) []ruleDifference {
	var out []ruleDifference
	if a.Digest() == b.Digest() {
		return nil
	}
	for _, c := range criteria.Diff(a, b) {
		if !c.Major || c.Criterion == "" && c.Part == "" {
			continue
		}
		id := c.Part
		if c.Criterion != "" {
			id = c.Criterion + " " + c.Part
		}
		out = append(out, ruleDifference{Difference{Kind: "rule", ID: id, A: c.Was.JA, B: c.Now.JA, Words: &Words{c.Text, c.Was, c.Now}}, c.Criterion})
	}
	return out
}
