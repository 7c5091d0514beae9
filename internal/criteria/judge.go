package criteria

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"hoshi/internal/fact"
	"hoshi/internal/i18n"
)

// Judge gives one verdict for each criterion, in the order of the edition. It is a
// pure function: equal editions and equal facts in any order give equal verdicts.
//
// How an outcome comes about:
//
//  1. Each need is looked up. A rule sees only the facts that its criterion needs.
//  2. A fail rule is true → does not conform, even when other facts are missing,
//     as long as the missing ones could only add to the failure. Facts whose
//     absence could make the rule true must be complete (see [factsRead]).
//  3. Otherwise any need that is not met → undecided; Missing says which.
//  4. Otherwise an undecided rule is true → undecided, with its reason.
//  5. Otherwise exactly one of the outcomes not applicable, conforms → that one;
//     more than one, fail rules included → undecided.
//  6. Otherwise a person rule is true → a person decides; else undecided.
func (e *Edition) Judge(facts fact.Set) []Verdict {
	facts = slices.Clone(facts)
	facts.Sort()
	out := make([]Verdict, 0, len(e.Criteria))
	for _, c := range e.Criteria {
		out = append(out, e.rules[c.ID].judge(e, c.ID, facts))
	}
	return out
}

// found is what the facts say about one need.
type found struct {
	items   []any    // {subject, value} of the facts that the rules may see
	value   any      // of a device fact
	ids     []string // their ids
	foreign []string // those of other tools, with their files
	met     bool
	missing []string
}

func (c *compiled) judge(e *Edition, id string, facts fact.Set) Verdict {
	state := make([]found, len(c.needs))
	index := map[string]int{}
	vars := map[string]any{}
	for k, v := range c.vars {
		vars[k] = v
	}
	v := Verdict{Criterion: id, Asked: c.asked}
	for i, n := range c.needs {
		state[i] = n.find(facts, c, state)
		index[n.Fact] = i
		if !n.word.device {
			vars[variable(n.Fact)] = state[i].items
		} else if state[i].value != nil {
			vars[variable(n.Fact)] = state[i].value
		}
		v.Missing = append(v.Missing, state[i].missing...)
	}
	slices.SortFunc(v.Missing, fact.Compare)
	v.Missing = slices.Compact(v.Missing)

	allMet := !slices.ContainsFunc(state, func(f found) bool { return !f.met })
	var hits []rule
	broken := false
	for _, r := range c.rules {
		if r.outcome == DoesNotConform {
			usable := true
			for _, f := range r.reads {
				n, s := c.needs[index[f]], state[index[f]]
				if (r.strict[f] && !s.met) || (n.word.device && s.value == nil) {
					usable = false
				}
			}
			if !usable {
				continue
			}
		} else if !allMet {
			continue
		}
		yes, err := truth(r.prog, vars)
		if err != nil {
			broken = true
		} else if yes {
			hits = append(hits, r)
		}
	}
	var outcomes []Outcome
	for _, r := range hits {
		if r.outcome != PersonDecides && r.outcome != Undecided && !slices.Contains(outcomes, r.outcome) {
			outcomes = append(outcomes, r.outcome)
		}
	}
	sees := func(names []string) {
		for _, f := range names {
			v.Facts = append(v.Facts, state[index[f]].ids...)
			v.Imported = append(v.Imported, state[index[f]].foreign...)
		}
		slices.SortFunc(v.Facts, fact.Compare)
		v.Facts = slices.Compact(v.Facts)
		slices.Sort(v.Imported)
		v.Imported = slices.Compact(v.Imported)
		v.tellImported()
	}
	var all []string
	for _, n := range c.needs {
		if !n.Seek {
			all = append(all, n.Fact)
		}
	}
	switch {
	case len(outcomes) == 1 && outcomes[0] == DoesNotConform:
		v.Missing = nil
		v.Outcome = DoesNotConform
		var failed []rule
		var reads []string
		for _, r := range hits {
			if r.outcome == DoesNotConform {
				failed = append(failed, r)
				reads = append(reads, r.reads...)
			}
		}
		v.by(vars, failed...)
		sees(c.withBases(reads, index))
	case !allMet:
		v.undecided(e.Undecided.Missing)
		v.lacking(e.Undecided.Missing)
		sees(all)
	case broken:
		v.undecided(e.Undecided.Neither)
		sees(all)
	case slices.ContainsFunc(hits, func(r rule) bool { return r.outcome == Undecided }):
		r := hits[slices.IndexFunc(hits, func(r rule) bool { return r.outcome == Undecided })]
		v.Outcome = Undecided
		v.by(vars, r)
		sees(all)
	case len(outcomes) > 1:
		v.undecided(e.Undecided.Both)
		sees(all)
	case len(hits) > 0:
		r := hits[slices.IndexFunc(hits, func(r rule) bool { return len(outcomes) == 0 || r.outcome == outcomes[0] })]
		v.Outcome = r.outcome
		v.by(vars, r)
		sees(all)
	default:
		v.undecided(e.Undecided.Neither)
		sees(all)
	}
	return v
}

// by says which rules gave the verdict, what they saw and what to do now.
func (v *Verdict) by(vars map[string]any, rules ...rule) {
	var seen, now, words []i18n.Text
	for _, r := range rules {
		v.Rule = firstOf(v.Rule, r.ID)
		if slices.Index(Statuses, r.Status) > slices.Index(Statuses, v.Status) {
			v.Status = r.Status
		}
		with := r.shown(vars)
		seen, now = append(seen, fill(*r.Seen, with)), append(now, fill(*r.Now, with))
		w := i18n.Text{JA: r.JA, EN: r.EN}
		if len(words) > 0 { // the first one's number is the verdict's
			w = i18n.Text{JA: r.ID + "：" + w.JA, EN: r.ID + ": " + w.EN}
		}
		words = append(words, w)
	}
	v.Seen, v.Now, v.RuleText = together(seen), together(now), together(words)
}

// tellImported says in what was seen that other tools stated a part of it.
func (v *Verdict) tellImported() {
	if len(v.Imported) == 0 {
		return
	}
	what := list(v.Imported)
	v.Seen = together([]i18n.Text{v.Seen, {JA: i18n.JA.T("criteria.imported", "list", what.JA), EN: i18n.EN.T("criteria.imported", "list", what.EN)}})
}

func (v *Verdict) undecided(u UndecidedRule) {
	with := map[string]i18n.Text{"missing": list(v.Missing)}
	v.Outcome, v.Rule, v.RuleText, v.Status = Undecided, u.ID, i18n.Text{JA: u.JA, EN: u.EN}, u.Status
	v.Seen, v.Now = fill(u.Seen, with), fill(u.Now, with)
}

// lacking says what is missing in the words of the edition, and what to do about each.
func (v *Verdict) lacking(u UndecidedRule) {
	var what, now []i18n.Text
	left := slices.Clone(v.Missing)
	for _, l := range u.Lacks {
		var about []string
		found := false
		left = slices.DeleteFunc(left, func(id string) bool {
			if !l.covers(id) {
				return false
			}
			found = true
			if _, s, ok := strings.Cut(id, "["); ok {
				about = append(about, strings.TrimSuffix(s, "]"))
			}
			return true
		})
		if !found {
			continue
		}
		now = append(now, l.Now)
		if len(about) == 0 {
			what = append(what, l.What)
			continue
		}
		slices.SortFunc(about, fact.Compare)
		on := list(slices.Compact(about))
		what = append(what, i18n.Text{JA: l.What.JA + "（" + on.JA + "）", EN: l.What.EN + " (" + on.EN + ")"})
	}
	if len(left) > 0 {
		what, now = append(what, list(left)), append(now, u.Now)
	}
	var ja, en []string
	for _, w := range what {
		ja, en = append(ja, w.JA), append(en, w.EN)
	}
	v.Seen, v.Now = fill(u.Seen, map[string]i18n.Text{"missing": {JA: strings.Join(ja, "、"), EN: strings.Join(en, ", ")}}), together(now)
}

// withBases adds the facts by which the completeness of the given ones is known.
func (c *compiled) withBases(names []string, index map[string]int) []string {
	out := slices.Clone(names)
	for i := 0; i < len(out); i++ {
		if b := c.needs[index[out[i]]].base; b >= 0 && !slices.Contains(out, c.needs[b].Fact) {
			out = append(out, c.needs[b].Fact)
		}
	}
	return out
}

// find looks up the facts of a need and says whether all of them are there. Facts
// of another origin than the name's, double facts and facts of a wrong shape are
// treated as absent.
func (n need) find(facts fact.Set, c *compiled, state []found) found {
	f := found{met: true, items: []any{}}
	lack := func(s string) { f.met = false; f.missing = append(f.missing, s) }
	take := func(x fact.Fact) {
		if at, bad := n.word.shape.misfit(x.Value, x.ID()); bad {
			lack(at)
			return
		}
		item := map[string]any{"subject": x.Subject, "value": x.Value}
		f.items = append(f.items, item)
		f.ids = append(f.ids, x.ID())
		if x.Origin == fact.Imported {
			f.foreign = append(f.foreign, x.ID()+" "+strings.Join(x.Source, ", "))
		}
		if n.word.device {
			f.value = x.Value
		}
		if n.complete != nil {
			with := map[string]any{"it": item}
			for k, v := range c.vars {
				with[k] = v
			}
			if yes, err := truth(n.complete, with); err != nil || !yes {
				lack(x.ID())
			}
		}
	}
	bySubject := map[string][]fact.Fact{}
	var subjects []string
	for _, x := range facts.Named(n.Fact) {
		if strings.HasPrefix(n.Fact, "declared.") != (x.Origin == fact.Declared) || x.Origin == fact.Imported && !n.Imported {
			continue
		}
		if bySubject[x.Subject] == nil {
			subjects = append(subjects, x.Subject)
		}
		bySubject[x.Subject] = append(bySubject[x.Subject], x)
	}
	for s, xs := range bySubject { // Hoshi's own fact goes before those of other tools
		if own := slices.DeleteFunc(slices.Clone(xs), func(x fact.Fact) bool { return x.Origin == fact.Imported }); len(own) > 0 {
			bySubject[s] = own
		}
	}
	one := func(subject string) {
		switch xs := bySubject[subject]; len(xs) {
		case 1:
			take(xs[0])
		default:
			lack(fact.Fact{Name: n.Fact, Subject: subject}.ID())
		}
	}
	switch {
	case n.word.device:
		one("")
	case n.Seek:
		for _, s := range subjects {
			one(s)
		}
		f.met, f.missing = true, nil
	case n.Count != "":
		for _, s := range subjects {
			one(s)
		}
		base := state[n.base]
		f.met = f.met && base.met
		if m, ok := base.value.(map[string]any); ok {
			if want, ok := m[n.field].(int64); ok && want != int64(len(subjects)) {
				lack(fmt.Sprintf("%s (%d/%d)", n.Fact, len(subjects), want))
			}
		}
	default:
		base := state[n.base]
		f.met = f.met && base.met
		var done []string
		for _, it := range base.items {
			with := map[string]any{"it": it}
			for k, v := range c.vars {
				with[k] = v
			}
			if n.where != nil {
				yes, err := truth(n.where, with)
				if err != nil {
					lack(n.Fact)
				}
				if !yes {
					continue
				}
			}
			subject := it.(map[string]any)["subject"].(string)
			if n.subject != nil {
				out, _, err := n.subject.Eval(with)
				s, ok := "", false
				if err == nil {
					s, ok = out.Value().(string)
				}
				if !ok {
					lack(n.Fact)
					continue
				}
				subject = s
			}
			if !slices.Contains(done, subject) {
				done = append(done, subject)
				one(subject)
			}
		}
	}
	if !f.met && len(f.missing) == 0 && n.base < 0 {
		lack(n.Fact)
	}
	return f
}

// truth evaluates a condition.
func truth(p cel.Program, vars map[string]any) (bool, error) {
	out, _, err := p.Eval(vars)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("not a truth value: %v", out.Type())
	}
	return bool(b), nil
}

// shown computes what the rule's texts show.
func (r rule) shown(vars map[string]any) map[string]i18n.Text {
	with := map[string]i18n.Text{}
	for name, p := range r.show {
		out, _, err := p.Eval(vars)
		if err != nil { // over the cost limit: the outcome stands, the list is not shown
			with[name] = i18n.Text{JA: "…", EN: "…"}
			continue
		}
		with[name] = shown(out)
	}
	return with
}

func shown(v ref.Val) i18n.Text {
	switch v := v.(type) {
	case types.String:
		return i18n.Text{JA: string(v), EN: string(v)}
	case types.Int:
		s := strconv.FormatInt(int64(v), 10)
		return i18n.Text{JA: s, EN: s}
	case traits.Lister:
		var ss []string
		var walk func(traits.Lister)
		walk = func(l traits.Lister) {
			for it := l.Iterator(); it.HasNext() == types.True; {
				switch e := it.Next().(type) {
				case types.String:
					if !slices.Contains(ss, string(e)) {
						ss = append(ss, string(e))
					}
				case traits.Lister:
					walk(e)
				}
			}
		}
		walk(v)
		slices.SortFunc(ss, fact.Compare)
		return list(ss)
	}
	return i18n.Text{}
}

// mostListed bounds how many values a reason lists; a device may have thousands.
const mostListed = 20

func list(ss []string) i18n.Text {
	if len(ss) == 0 {
		return i18n.Text{JA: i18n.JA.T("criteria.none"), EN: i18n.EN.T("criteria.none")}
	}
	if n := len(ss) - mostListed; n > 0 {
		t := list(ss[:mostListed])
		return i18n.Text{JA: i18n.JA.T("criteria.and-more", "list", t.JA, "n", n), EN: i18n.EN.T("criteria.and-more", "list", t.EN, "n", n)}
	}
	return i18n.Text{JA: strings.Join(ss, "、"), EN: strings.Join(ss, ", ")}
}

func together(ts []i18n.Text) i18n.Text {
	var ja, en []string
	for _, t := range ts {
		if !slices.Contains(ja, t.JA) { // rules that ask for the same remedy say it once
			ja, en = append(ja, t.JA), append(en, t.EN)
		}
	}
	return i18n.Text{JA: strings.Join(ja, ""), EN: strings.Join(en, " ")}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

func placeholders(s string) []string {
	var out []string
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	return out
}

func fill(t i18n.Text, with map[string]i18n.Text) i18n.Text {
	put := func(s string, l i18n.Lang) string {
		return placeholder.ReplaceAllStringFunc(s, func(m string) string { return with[m[1:len(m)-1]].In(l) })
	}
	return i18n.Text{JA: put(t.JA, i18n.JA), EN: put(t.EN, i18n.EN)}
}

func itoa(i int) string { return strconv.Itoa(i) }
