package criteria

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	idForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	ruleForm = regexp.MustCompile(`^R-[A-Za-z0-9]+-[0-9]+$`)
)

// check looks at everything that spans more than one value, then compiles the rules.
func (d *decoder) check(e *Edition) {
	if e.Format != Format {
		d.refuse("format", "format", "want", Format)
	}
	if e.ID != "" && !idForm.MatchString(e.ID) {
		d.refuse("id", "id-form", "id", e.ID)
	}
	if e.Engine.CEL != "" && !compatible(e.Engine.CEL, CELVersion) {
		d.refuse("engine.cel", "engine", "want", e.Engine.CEL, "have", CELVersion)
	}
	if e.Engine.Cost < 1 || e.Engine.Cost > 10_000_000 {
		d.refuse("engine.cost", "engine-cost", "max", 10_000_000)
	}
	if r := e.Reconstruction; r != nil {
		d.day("reconstruction.dated", r.Dated)
	}
	for _, s := range Statuses {
		if !slices.ContainsFunc(e.Legend, func(w Word) bool { return w.ID == string(s) }) {
			d.refuse("legend", "legend", "status", s)
		}
	}
	d.unique("legend", ids(e.Legend))
	d.unique("assets", ids(e.Assets))
	d.unique("threats", ids(e.Threats))
	d.unique("categories", ids(e.Categories))
	if len(e.Criteria) == 0 {
		d.refuse("criteria", "empty-list")
	}
	ruleIDs := map[string]bool{e.Undecided.Missing.ID: true, e.Undecided.Neither.ID: true, e.Undecided.Both.ID: true}
	for i, l := range e.Undecided.Missing.Lacks {
		for j, f := range l.Facts {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(words)), func(w string) bool { return w == f || strings.HasSuffix(f, ".") && strings.HasPrefix(w, f) }) {
				d.refuse("undecided.missing.lacks["+itoa(i)+"].facts["+itoa(j)+"]", "unknown-fact", "fact", f)
			}
		}
	}
	names := map[string]bool{"it": true}
	for w := range words {
		names[variable(w)] = true
	}
	before := len(d.places)
	for i, l := range e.Lists {
		at := "lists[" + itoa(i) + "]"
		d.name(at+".name", l.Name, names)
		d.day(at+".dated", l.Dated)
		if len(l.Values) == 0 {
			d.refuse(at+".values", "empty-list")
		}
	}
	for i, p := range e.Policies {
		at := "policies[" + itoa(i) + "]"
		d.name(at+".name", p.Name, names)
		d.day(at+".dated", p.Dated)
		for j, l := range p.Lists {
			d.name(at+".lists["+itoa(j)+"].name", l.Name, names)
			if len(l.Values) == 0 {
				d.refuse(at+".lists["+itoa(j)+"].values", "empty-list")
			}
		}
		for j, n := range p.Numbers {
			d.name(at+".numbers["+itoa(j)+"].name", n.Name, names)
		}
	}
	for i, c := range e.Criteria {
		d.criterion("criteria["+itoa(i)+"]", e, c, ruleIDs, names)
	}
	if len(d.places) > before && badNames(d, before) {
		return // without sound names nothing can be compiled
	}
	comp := newCompiler(d, e)
	e.rules = map[string]*compiled{}
	for i, c := range e.Criteria {
		e.rules[c.ID] = comp.criterion("criteria["+itoa(i)+"]", c)
	}
}

func badNames(d *decoder, from int) bool {
	for _, p := range d.places[from:] {
		if p.Key == "criteria.load.name-form" || p.Key == "criteria.load.name-taken" {
			return true
		}
	}
	return false
}

func ids(ws []Word) []string {
	out := make([]string, len(ws))
	for i, w := range ws {
		out[i] = w.ID
	}
	return out
}

func (d *decoder) unique(at string, names []string) {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			d.refuse(at+"["+itoa(i)+"]", "duplicate", "id", n)
		}
	}
}

func (d *decoder) day(at, s string) {
	if _, err := time.Parse(time.DateOnly, s); err != nil && s != "" {
		d.refuse(at, "day", "value", s)
	}
}

// name checks a name that rules use as a variable.
func (d *decoder) name(at, s string, taken map[string]bool) {
	switch {
	case !nameForm.MatchString(s):
		d.refuse(at, "name-form", "name", s)
	case taken[s]:
		d.refuse(at, "name-taken", "name", s)
	}
	taken[s] = true
}

func (d *decoder) requirements(at string, e *Edition, rs []Requirement) {
	for i, r := range rs {
		p := at + "[" + itoa(i) + "]"
		if slices.ContainsFunc(rs[:i], func(o Requirement) bool { return o.ID == r.ID }) {
			d.refuse(p+".id", "duplicate", "id", r.ID)
		}
		d.standard(p, e, r.Standard, r.Version)
	}
}

func (d *decoder) standard(at string, e *Edition, id, version string) {
	i := slices.IndexFunc(e.Standards, func(s Standard) bool { return s.ID == id })
	switch {
	case i < 0:
		d.refuse(at+".standard", "unknown-standard", "id", id)
	case !slices.ContainsFunc(e.Standards, func(s Standard) bool { return s.ID == id && s.Version == version }):
		d.refuse(at+".version", "unknown-version", "id", id, "version", version)
	}
}

func (d *decoder) criterion(at string, e *Edition, c Criterion, ruleIDs, names map[string]bool) {
	if c.ID != "" && !idForm.MatchString(c.ID) {
		d.refuse(at+".id", "id-form", "id", c.ID)
	}
	d.oneOf(at+".scope.is", c.Scope.Is, []string{"product", "vendor"})
	d.oneOf(at+".enough.is", c.Enough.Is, []string{"all", "any"})
	d.oneOf(at+".category.is", c.Category.Is, ids(e.Categories))
	d.choices(at+".assets", c.Assets, ids(e.Assets))
	d.choices(at+".threats", c.Threats, ids(e.Threats))
	reqs := make([]string, len(e.Requirements))
	for i, r := range e.Requirements {
		reqs[i] = r.ID
	}
	d.choices(at+".requirements", c.Requirements, reqs)
	for _, l := range []struct {
		name string
		n    int
	}{{"requirements", len(c.Requirements)}, {"threats", len(c.Threats)}, {"items", len(c.Items)}, {"evidence", len(c.Evidence)}, {"rules", len(c.Rules)}, {"guidance.steps", len(c.Guidance.Steps)}} {
		if l.n == 0 {
			d.refuse(at+"."+l.name, "empty-list")
		}
	}
	for i, it := range c.Items {
		p := at + ".items[" + itoa(i) + "]"
		if it.No != i+1 {
			d.refuse(p+".no", "item-number", "want", i+1)
		}
		if len(it.Methods) == 0 {
			d.refuse(p+".methods", "empty-list")
		}
		d.choices(p+".methods", it.Methods, []string{"document", "device"})
	}
	for i, t := range c.Thresholds {
		d.threshold(at+".thresholds["+itoa(i)+"]", t, names)
	}
	for i, m := range c.Mappings {
		d.standard(at+".mappings["+itoa(i)+"]", e, m.Standard, m.Version)
	}
	for i, x := range c.Exemptions {
		if !slices.ContainsFunc(e.Standards, func(s Standard) bool { return s.ID == x.By }) {
			d.refuse(at+".exemptions["+itoa(i)+"].by", "unknown-standard", "id", x.By)
		}
	}
	for i, r := range c.Rules {
		p := at + ".rules[" + itoa(i) + "]"
		switch {
		case !ruleForm.MatchString(r.ID):
			d.refuse(p+".id", "rule-form", "id", r.ID)
		case ruleIDs[r.ID]:
			d.refuse(p+".id", "duplicate", "id", r.ID)
		}
		ruleIDs[r.ID] = true
		n := 0
		for _, s := range []string{r.NAIf, r.FailIf, r.PassIf, r.PersonIf, r.UndecidedIf} {
			if s != "" {
				n++
			}
		}
		if n > 1 {
			d.refuse(p, "rule-two")
		}
		if r.NAIf != "" && !c.NotApplicable.Possible {
			d.refuse(p+".na_if", "na-impossible")
		}
	}
}

func (d *decoder) oneOf(at, v string, known []string) {
	if v != "" && !slices.Contains(known, v) {
		d.refuse(at, "unknown-word", "id", v, "known", join(known))
	}
}

func (d *decoder) choices(at string, cs []Choice, known []string) {
	for i, c := range cs {
		p := at + "[" + itoa(i) + "]"
		d.oneOf(p+".is", c.Is, known)
		if slices.ContainsFunc(cs[:i], func(o Choice) bool { return o.Is == c.Is }) {
			d.refuse(p+".is", "duplicate", "id", c.Is)
		}
	}
}

// threshold holds a pass value to its mark: an unknown value is only ever Hoshi's
// default, and a default is only ever marked unknown.
func (d *decoder) threshold(at string, t Threshold, names map[string]bool) {
	d.name(at+".name", t.Name, names)
	switch {
	case t.Value == nil && t.Default == nil, t.Value != nil && t.Default != nil:
		d.refuse(at, "threshold-one")
		return
	case t.Status == Unknown && t.Default == nil:
		d.refuse(at, "threshold-unknown")
	case t.Status != Unknown && t.Default != nil:
		d.refuse(at, "threshold-default")
	}
	v, _ := t.Get()
	n := 0
	for _, has := range []bool{v.Int != nil, v.List != nil, v.Text != nil} {
		if has {
			n++
		}
	}
	if n != 1 {
		d.refuse(at, "threshold-kind")
	}
}
