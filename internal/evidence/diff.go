package evidence

import (
	"encoding/json"
	"maps"
	"slices"

	"hoshi/internal/criteria"
	"hoshi/internal/fact"
)

// Difference is one fact, rule or verdict in which two runs differ.
type Difference struct {
	Kind string `json:"kind"` // "edition", "product", "verdict", "rule", "fact", "setting"
	ID   string `json:"id"`   // fact with its origin, criterion, rule, or name of the setting
	A    string `json:"a"`    // the two values as JSON or words; "" = absent
	B    string `json:"b"`
	// Because names, for a verdict, the differing facts and rules that led to it.
	Because []string `json:"because,omitempty"`
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
			out.Differences = append(out.Differences, Difference{kind, id, x, y, because})
		}
	}
	both("edition", "", a.Info.EditionID+" "+a.Info.EditionDigest, b.Info.EditionID+" "+b.Info.EditionDigest)
	both("product", "", a.Info.ProductDigest, b.Info.ProductDigest)

	facts, unit := differingFacts(fa, fb)
	out.Unit = append(out.Unit, unit...)
	rules := differingRules(ea, eb)
	crossed := eb.Judge(fa)
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
		both("verdict", id, said(x), said(y), because(x, y, ea, eb, crossed, facts, rules)...)
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

// because lists the differing facts that the criterion needs, and the differing
// rules where they alone change the verdict. crossed are the verdicts on the facts
// of A by the edition of B.
func because(x, y criteria.Verdict, ea, eb *criteria.Edition, crossed []criteria.Verdict, facts []Difference, rules []ruleDifference) []string {
	out := []string{}
	reads := map[string]bool{}
	for _, e := range []*criteria.Edition{ea, eb} {
		if c, ok := e.Criterion(x.Criterion); ok {
			for _, n := range c.Needs {
				reads[n.Fact] = true
			}
		}
	}
	for _, d := range facts {
		id := d.ID[indexSpace(d.ID)+1:]
		name := id
		if i := slices.Index([]byte(id), '['); i >= 0 {
			name = id[:i]
		}
		if slices.Contains(x.Facts, id) || slices.Contains(y.Facts, id) || reads[name] {
			out = append(out, d.ID)
		}
	}
	if !slices.ContainsFunc(crossed, func(v criteria.Verdict) bool { return v.Criterion == x.Criterion && said(v) != said(x) }) {
		return out // the same facts under the other text give the same verdict
	}
	for _, r := range rules {
		if r.criterion == "" || r.criterion == x.Criterion {
			out = append(out, r.ID)
		}
	}
	return out
}

func indexSpace(s string) int { return slices.Index([]byte(s), ' ') }

// differingFacts compares by origin and id; unit names facts that differ in marks
// of the unit alone.
func differingFacts(a, b fact.Set) (out []Difference, unit []string) {
	key := func(f fact.Fact) string { return string(f.Origin) + " " + f.ID() }
	x, y := map[string]fact.Fact{}, map[string]fact.Fact{}
	for _, f := range a {
		x[key(f)] = f
	}
	for _, f := range b {
		y[key(f)] = f
	}
	for _, k := range slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(slices.Collect(maps.Keys(x)), maps.Keys(y))))) {
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
		out = append(out, ruleDifference{Difference{Kind: "rule", ID: id, A: c.Was.EN, B: c.Now.EN}, c.Criterion})
	}
	return out
}
