package i18n

import (
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Both languages have the same keys, and each sentence takes the same arguments.
func TestParity(t *testing.T) {
	if d := cmp.Diff(Keys(JA), Keys(EN)); d != "" {
		t.Errorf("keys differ (-ja +en):\n%s", d)
	}
	arg := regexp.MustCompile(`\{[a-z][A-Za-z0-9]*\}`)
	for _, k := range Keys(JA) {
		ja, en := arg.FindAllString(catalogue[JA][k], -1), arg.FindAllString(catalogue[EN][k], -1)
		slices.Sort(ja)
		slices.Sort(en)
		if !slices.Equal(slices.Compact(ja), slices.Compact(en)) {
			t.Errorf("%s: arguments differ: ja %v, en %v", k, ja, en)
		}
		if catalogue[JA][k] == "" || catalogue[EN][k] == "" {
			t.Errorf("%s: empty", k)
		}
	}
}
