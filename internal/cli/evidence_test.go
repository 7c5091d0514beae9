package cli

import (
	"bytes"
	"testing"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/i18n"
)

// Whoever makes a bundle can put rules of their own under the name of a known
// edition: the verdicts are then told as such.
func TestForeignRules(t *testing.T) {
	own, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, id string
		source   []byte
		told     bool
	}{
		{"own", own.ID, own.Source(), false},
		{"same name, other rules", own.ID, append(own.Source(), ' '), true},
		{"unknown name", "star1-nobody-knows", own.Source(), true},
	} {
		var b bytes.Buffer
		e := &criteria.Edition{Frame: criteria.Frame{ID: c.id}}
		printForeignRules(&b, i18n.EN, e, &evidence.Bundle{Run: evidence.Run{Edition: c.source}})
		if (b.Len() > 0) != c.told {
			t.Errorf("%s: %q", c.name, b.String())
		}
	}
}

// Two texts of a rule are shown in the reader's language.
func TestDiffOfRules(t *testing.T) {
	found := evidence.Comparison{Differences: []evidence.Difference{{Kind: "rule", ID: "S1.1-03 rules R-03-3", A: "前の規則", B: "後の規則",
		Words: &evidence.Words{What: i18n.Text{JA: "変わりました。", EN: "changed."}, A: i18n.Text{JA: "前の規則", EN: "the rule before"}, B: i18n.Text{JA: "後の規則", EN: "the rule now"}}}}}
	for l, want := range map[i18n.Lang]string{
		i18n.JA: "規則 S1.1-03 rules R-03-3: 変わりました。\n  A: 前の規則\n  B: 後の規則\n",
		i18n.EN: "rule S1.1-03 rules R-03-3: changed.\n  A: the rule before\n  B: the rule now\n",
	} {
		var b bytes.Buffer
		printDiff(&b, l, found)
		if b.String() != want {
			t.Errorf("%s: %q", l, b.String())
		}
	}
}
