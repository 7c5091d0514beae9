package evidence_test

import (
	"testing"

	"hoshi/internal/evidence"
	"hoshi/internal/i18n"
)

// The starter is valid, and its sections declare the same in both languages.
func TestProductTemplate(t *testing.T) {
	var ids [2][]string
	for i, l := range i18n.Langs {
		p, err := evidence.ParseProduct("product.yaml", []byte(evidence.ProductTemplate(l)))
		if err != nil {
			sentence, places := l.Error(err)
			t.Fatalf("%s: %s %q", l, sentence, places)
		}
		for _, a := range p.Assets {
			ids[i] = append(ids[i], a.ID+" "+a.Kind)
		}
		for _, x := range p.Ports {
			ids[i] = append(ids[i], x.Port)
		}
		if len(p.Accounts) == 0 || len(p.Updates) == 0 || len(p.Paths) == 0 || len(p.Interfaces) == 0 {
			t.Errorf("%s: a section is empty", l)
		}
	}
	if len(ids[0]) == 0 || len(ids[0]) != len(ids[1]) {
		t.Fatalf("%q, %q", ids[0], ids[1])
	}
	for i := range ids[0] {
		if ids[0][i] != ids[1][i] {
			t.Errorf("%q in Japanese, %q in English", ids[0][i], ids[1][i])
		}
	}
}
