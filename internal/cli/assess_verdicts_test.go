package cli

import (
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
	for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
		var b strings.Builder
		printVerdicts(&b, l, e, []criteria.Verdict{{Criterion: "S1.1-13", Outcome: criteria.PersonDecides, Rule: "R-13-4"}}, false)
		text := strings.Join(strings.Fields(b.String()), " ")
		if mark := l.T("report.mark.inferred"); !strings.Contains(text, mark) {
			t.Errorf("%q is missing in\n%s", mark, b.String())
		}
	}
}
