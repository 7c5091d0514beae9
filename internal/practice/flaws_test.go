package practice

import (
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
)

func assessFlaws(t *testing.T, flaws ...string) *evidence.Run {
	t.Helper()
	e, err := criteria.Builtin(assess.DefaultEdition)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	res, err := Assess(t.Context(), AssessOptions{Flaws: flaws, Edition: e, Tool: "hoshi test", Out: filepath.Join(t.TempDir(), "run.hoshi"), Command: self(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("flaws %v: network %s, %d facts, %v", flaws, res.Run.Info.Network, len(res.Run.Facts), time.Since(start).Round(time.Millisecond))
	return res.Run
}

func TestTry(t *testing.T) {
	run := assessFlaws(t)
	for _, v := range run.Verdicts {
		t.Log(v.Criterion, v.Outcome, v.Rule, v.Missing)
	}
	b, _ := evidence.MarshalFacts(run.Facts)
	t.Log(string(b))
}
