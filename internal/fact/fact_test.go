package fact

import (
	stdcmp "cmp"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoundTrip(t *testing.T) {
	in := Fact{Name: "tcp.coverage", Value: map[string]any{"asked": int64(65535), "open": int64(3)}, Origin: Observed, Source: []string{"tcp.jsonl:1"}}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out Fact
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(in, out); d != "" {
		t.Errorf("-in +out:\n%s", d)
	}
}

func TestFractionRefused(t *testing.T) {
	var f Fact
	if err := json.Unmarshal([]byte(`{"name":"tcp.open","value":1.5,"origin":"observed"}`), &f); err == nil {
		t.Error("a fraction was accepted")
	}
}

// What is measured differs a little from test to test, small numbers too.
func TestNear(t *testing.T) {
	limit := func(watched, guesses int64) Fact {
		return Fact{Name: "signin.limit", Value: map[string]any{"watched": watched, "guessesPerDay": guesses}}
	}
	for _, c := range []struct {
		a, b Fact
		want bool
	}{
		{limit(0, 1438), limit(1, 1437), true}, {limit(60, 7200), limit(61, 14000), true},
		{limit(0, 1438), limit(60, 1438), false}, {limit(60, 7200), limit(60, 900000), false},
	} {
		if c.a.Near(c.b) != c.want || c.b.Near(c.a) != c.want {
			t.Errorf("%v and %v: %v", c.a.Value, c.b.Value, !c.want)
		}
	}
}

func TestVocabularySorted(t *testing.T) {
	var names []string
	for _, e := range Vocabulary {
		names = append(names, e.Name)
		if e.Shape == "" || e.Doc.JA == "" || e.Doc.EN == "" {
			t.Errorf("%s: shape and both texts are needed", e.Name)
		}
	}
	if !slices.IsSorted(names) {
		t.Error("vocabulary is not sorted by name")
	}
}

// People read lists of ports: they are in the order of their numbers, and the order
// is one whatever the texts hold.
func TestCompare(t *testing.T) {
	want := []string{"", "admin@tcp/80", "admin@tcp/443", "tcp/9", "tcp/21 ftp", "tcp/21 ftp 2", "tcp/199", "tcp/8080 http", "tcp/65535", "udp/053", "udp/53", "udp/161 snmp", "udp/99999999999999999999", "udp/100000000000000000000"}
	for i, a := range want {
		for j, b := range want {
			if got := Compare(a, b); got != stdcmp.Compare(i, j) {
				t.Errorf("%q and %q: %d", a, b, got)
			}
		}
	}
}
