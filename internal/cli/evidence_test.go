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
