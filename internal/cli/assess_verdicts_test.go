package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"hoshi/internal/criteria"
	"hoshi/internal/i18n"
)

// What is inferred or unknown is never shown as official: each rule bears its mark.
func TestRulesBearTheirMark(t *testing.T) {
	e, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := e.Judge(nil) // decided by rules of the criteria, and undecided by those of the frame
	if rules := strings.Count(written(t, verdicts), `"status":"inferred"`); rules != len(verdicts) {
		t.Errorf("%d of %d verdicts bear the mark of their rule", rules, len(verdicts))
	}
	for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
		var b strings.Builder
		printVerdicts(&b, l, e, verdicts, false)
		text := strings.Join(strings.Fields(b.String()), " ")
		if mark := l.T("report.mark.inferred"); strings.Count(text, mark) != len(verdicts) {
			t.Errorf("%q is missing in\n%s", mark, b.String())
		}
	}
}

func written(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
