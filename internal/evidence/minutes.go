package evidence

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"hoshi/internal/criteria"
	"hoshi/internal/probe"
)

// Cost is the time that one criterion took, in milliseconds.
type Cost struct {
	Criterion string `json:"criterion"` // "" = time that no criterion asked for
	Machine   int64  `json:"machineMs"` // the machine worked alone
	Person    int64  `json:"personMs"`  // a person was busy
}

// runTranscript is the transcript of the run itself: "begin", "end" and "cut" of
// each probe with their times, and "step" of a person.
const runTranscript = "run"

// Costs attributes the time of a run to the criteria of its edition, in their
// order, and last what no criterion asked for. It is a pure function of the
// transcripts and the edition.
//
// The time of a probe (see [Spent]) goes in equal parts to the criteria that need a
// fact which the probe stated; the time of a person's step to those of the probe
// that asked for it, or, outside of all probes, to those that need the declaration.
func (r *Run) Costs() ([]Cost, error) {
	e, err := criteria.Parse(EditionFile, r.Edition)
	if err != nil {
		return nil, err
	}
	p, err := ParseProduct(ProductFile, r.Product)
	if err != nil {
		return nil, err
	}
	stated := map[string][]string{} // names of facts by probe; "" = declared
	for _, f := range Facts(p, r.Transcripts) {
		from := ""
		for _, s := range f.Source {
			if name, _, ok := strings.Cut(s, ".jsonl:"); ok {
				from = name
			}
			if !slices.Contains(stated[from], f.Name) {
				stated[from] = append(stated[from], f.Name)
			}
		}
	}
	out := make([]Cost, len(e.Criteria)+1)
	for i, c := range e.Criteria {
		out[i].Criterion = c.ID
	}
	wanting := func(name string) []int {
		var at []int
		for i, c := range e.Criteria {
			if slices.ContainsFunc(c.Needs, func(n criteria.Need) bool { return slices.Contains(stated[name], n.Fact) }) {
				at = append(at, i)
			}
		}
		if len(at) == 0 {
			return []int{len(out) - 1}
		}
		return at
	}
	share := func(ms int64, among []int, add func(*Cost, int64)) {
		n := int64(len(among))
		for i, c := range among {
			part := ms / n
			if int64(i) < ms%n {
				part++
			}
			add(&out[c], part)
		}
	}
	run := r.Transcripts[runTranscript]
	machine, person := Spent(run)
	for _, name := range slices.Sorted(maps.Keys(machine)) {
		share(machine[name], wanting(name), func(c *Cost, ms int64) { c.Machine += ms })
	}
	for _, name := range slices.Sorted(maps.Keys(person)) {
		share(person[name], wanting(name), func(c *Cost, ms int64) { c.Person += ms })
	}
	return out, nil
}

// Spent tells for each probe, from the transcript of a run, how many milliseconds
// the machine worked on it alone and how many it kept a person busy; "" is time of
// a person outside of all probes. Probes that ran side by side share the time, and
// the machine's does not run while a person is busy, so that all parts add up to
// what a clock on the wall shows.
func Spent(run []probe.Record) (machine, person map[string]int64) {
	machine, person = map[string]int64{}, map[string]int64{}
	type edge struct {
		at    int64
		probe string // "" = a person's step
		by    int    // +1 it begins, -1 it ends
	}
	var edges []edge
	var worked []probe.Record
	for _, x := range run {
		switch x.Event {
		case "end", "cut":
			worked = append(worked, x)
			edges = append(edges, edge{x.At, x.Item, 1}, edge{x.At + x.Took, x.Item, -1})
		case "step":
			edges = append(edges, edge{x.At, "", 1}, edge{x.At + x.Took, "", -1})
		}
	}
	for _, s := range run {
		if s.Event != "step" {
			continue
		}
		asked := slices.IndexFunc(worked, func(x probe.Record) bool { return s.At >= x.At && s.At+s.Took <= x.At+x.Took })
		if asked < 0 {
			person[""] += s.Took
		} else {
			person[worked[asked].Item] += s.Took
		}
	}
	slices.SortStableFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	under := map[string]int{}
	for i, e := range edges {
		if under[e.probe] += e.by; under[e.probe] == 0 {
			delete(under, e.probe)
		}
		if i+1 == len(edges) || under[""] > 0 || len(under) == 0 {
			continue
		}
		// What does not divide goes to the first.
		passed, n := edges[i+1].at-e.at, int64(len(under))
		for k, name := range slices.Sorted(maps.Keys(under)) {
			machine[name] += passed / n
			if int64(k) < passed%n {
				machine[name]++
			}
		}
	}
	return machine, person
}

// Took sums the machine's and the person's time of a run's transcripts.
func Took(costs []Cost) (machine, person int64) {
	for _, c := range costs {
		machine += c.Machine
		person += c.Person
	}
	return machine, person
}
