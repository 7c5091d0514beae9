package practice

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fact"
)

func edition(t *testing.T) *criteria.Edition {
	t.Helper()
	e, err := criteria.Builtin(assess.DefaultEdition)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func assessed(t *testing.T, o AssessOptions) *Result {
	t.Helper()
	o.Edition, o.Tool, o.Out, o.Command = edition(t), "hoshi test", filepath.Join(t.TempDir(), "run.hoshi"), self(t)
	start := time.Now()
	res, err := Assess(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	withheld(t, res.Run)
	t.Logf("flaws %v: network %s, %v", o.Flaws, res.Run.Info.Network, time.Since(start).Round(time.Millisecond))
	return res
}

func failing(run *evidence.Run) []string {
	out := []string{}
	for _, v := range run.Verdicts {
		if v.Outcome == criteria.DoesNotConform {
			out = append(out, v.Criterion)
		}
	}
	return out
}

func outcomes(run *evidence.Run) map[string]criteria.Outcome {
	m := map[string]criteria.Outcome{}
	for _, v := range run.Verdicts {
		m[v.Criterion] = v.Outcome
	}
	return m
}

// The table of flaws.yaml, flaw by flaw: each flips its criterion and no other,
// and with all flaws off nothing fails and what the network shows is decided.
func TestFlawTable(t *testing.T) {
	for _, device := range Makes {
		t.Run(device, func(t *testing.T) {
			t.Parallel()
			good := assessed(t, AssessOptions{Make: device})
			if d := cmp.Diff([]string{}, failing(good.Run)); d != "" {
				t.Errorf("the well-made %s fails (-want +got):\n%s", device, d)
			}
			base := outcomes(good.Run)
			for _, v := range good.Run.Verdicts {
				if v.Outcome == criteria.Undecided && slices.Contains([]string{"S1.1-01", "S1.1-02", "S1.1-03", "S1.1-04", "S1.1-12", "S1.1-13"}, v.Criterion) {
					t.Errorf("%s is undecided on the well-made %s: %v", v.Criterion, device, v.Missing)
				}
			}
			for _, f := range Flaws(device) {
				t.Run(f.ID, func(t *testing.T) {
					t.Parallel()
					hold(t, f, base)
				})
			}
		})
	}
}

// hold holds one flaw to its row; base are the outcomes of the well-made device.
func hold(t *testing.T, f Flaw, base map[string]criteria.Outcome) {
	res := assessed(t, AssessOptions{Make: f.Make, Flaws: []string{f.ID}})
	want := []string{f.Criterion}
	if res.Mixed && f.Alone {
		t.Log("no namespace here: an undeclared port cannot be told from one of the host")
		want = []string{}
	}
	if d := cmp.Diff(want, failing(res.Run)); d != "" {
		t.Errorf("criteria that do not conform (-want +got):\n%s", d)
		for _, v := range res.Run.Verdicts {
			if v.Outcome == criteria.DoesNotConform || v.Criterion == f.Criterion {
				t.Log(v.Criterion, v.Outcome, v.Rule, v.Reason().EN, v.Missing)
			}
		}
	}
	for _, v := range res.Run.Verdicts {
		if v.Criterion != f.Criterion && v.Outcome == criteria.Undecided && base[v.Criterion] != criteria.Undecided {
			t.Errorf("%s has become undecided: %s %v", v.Criterion, v.Rule, v.Missing)
		}
	}
}

// Every row has what it needs and names a make, a criterion and a fact that exist.
func TestTableIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Flaws("") {
		at := f.Make + " " + f.ID
		if seen[at] || !slices.Contains(Makes, f.Make) || !slices.Contains([]string{"device", "declaration"}, f.Where) || f.JA == "" || f.EN == "" {
			t.Errorf("%s: twice, or something is missing or unknown", at)
		}
		seen[at] = true
		if !slices.ContainsFunc(edition(t).Criteria, func(c criteria.Criterion) bool { return c.ID == f.Criterion }) {
			t.Errorf("%s: criterion %s", at, f.Criterion)
		}
		if !fact.Known(f.Fact) {
			t.Errorf("%s: no fact is called %s", at, f.Fact)
		}
	}
}
