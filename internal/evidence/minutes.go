package evidence

import (
	"slices"
	"strings"

	"hoshi/internal/criteria"
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
// The time of a probe goes in equal parts to the criteria that need a fact which
// the probe stated; the time of a person's step to those of the probe that asked
// for it, or, outside of all probes, to those that need the declaration. While a
// person is busy the machine's time does not run. All parts add up to the whole.
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
	wanting := func(probe string) []int {
		var at []int
		for i, c := range e.Criteria {
			if slices.ContainsFunc(c.Needs, func(n criteria.Need) bool { return slices.Contains(stated[probe], n.Fact) }) {
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
	busy := map[int]string{} // step records by the probe that asked
	run := r.Transcripts[runTranscript]
	for _, x := range run {
		if x.Event != "end" && x.Event != "cut" {
			continue
		}
		took := x.Took
		for i, s := range run {
			if s.Event == "step" && s.At >= x.At && s.At+s.Took <= x.At+x.Took {
				if _, known := busy[i]; !known {
					busy[i] = x.Item
					took -= s.Took
				}
			}
		}
		share(max(took, 0), wanting(x.Item), func(c *Cost, ms int64) { c.Machine += ms })
	}
	for i, s := range run {
		if s.Event == "step" {
			share(s.Took, wanting(busy[i]), func(c *Cost, ms int64) { c.Person += ms })
		}
	}
	return out, nil
}

// Took sums the machine's and the person's time of a run's transcripts.
func Took(costs []Cost) (machine, person int64) {
	for _, c := range costs {
		machine += c.Machine
		person += c.Person
	}
	return machine, person
}
