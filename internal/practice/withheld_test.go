package practice

import (
	"slices"
	"testing"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
)

// withheld takes each fact out of a real run in turn, good device or bad: no
// criterion that read the fact conforms without it, and none conforms that did not
// with it.
func withheld(t *testing.T, run *evidence.Run) {
	t.Helper()
	e, err := criteria.Parse(evidence.EditionFile, run.Edition)
	if err != nil {
		t.Fatal(err)
	}
	whole := e.Judge(run.Facts)
	for i, f := range run.Facts {
		for j, v := range e.Judge(run.Facts.Without(i)) {
			if v.Outcome == criteria.Conforms && (whole[j].Outcome != criteria.Conforms || slices.Contains(whole[j].Facts, f.ID())) {
				t.Errorf("%s conforms without %s", v.Criterion, f.ID())
			}
		}
	}
}
