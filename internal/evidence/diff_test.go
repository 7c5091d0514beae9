package evidence

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/criteria"
	"hoshi/internal/probe"
)

func compared(t *testing.T, a, b Run) Comparison {
	t.Helper()
	k := testKey(t, 1)
	for _, r := range []*Run{&a, &b} {
		var err error
		if r.Facts, r.Verdicts, err = r.Conclude(); err != nil {
			t.Fatal(err)
		}
	}
	out, err := Compare(opened(t, sealed(t, a, k)), opened(t, sealed(t, b, k)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func find(c Comparison, kind, id string) *Difference {
	for i, d := range c.Differences {
		if d.Kind == kind && d.ID == id {
			return &c.Differences[i]
		}
	}
	return nil
}

// A further open port is named, and so is the verdict that it changes and why.
func TestCompareFact(t *testing.T) {
	b := sample(t)
	b.Transcripts["tcp"] = append(b.Transcripts["tcp"], probe.Record{Probe: "tcp", Event: "open", Port: "tcp/23", Line: 4})
	c := compared(t, sample(t), b)
	d := find(c, "verdict", "S1.1-13")
	if d == nil || d.B != "does-not-conform R-13-1" || !slices.Equal(d.Because, []string{"observed tcp.open[tcp/23]"}) {
		t.Errorf("%+v", d)
	}
	for _, id := range []string{"observed tcp.open[tcp/23]", "observed tcp.coverage"} {
		if find(c, "fact", id) == nil {
			t.Errorf("%s is not among the differences %+v", id, c.Differences)
		}
	}
	if find(c, "verdict", "S1.1-05") != nil {
		t.Error("a verdict that is the same is named")
	}
}

// Two tests of one device give no difference: neither times nor the order of
// records count, and another key is a matter of the unit.
func TestCompareSame(t *testing.T) {
	a, b := sample(t), sample(t)
	if c := compared(t, a, b); len(c.Differences) != 0 || len(c.Unit) != 0 {
		t.Errorf("%+v", c)
	}
	for name, rs := range b.Transcripts {
		rs = slices.Clone(rs)
		for i := range rs {
			rs[i].At += 1234 + int64(i)
			if rs[i].Took > 0 {
				rs[i].Took++
			}
		}
		if name == "tls" {
			slices.Reverse(rs)
			for i := range rs {
				rs[i].Line = i + 1
				if rs[i].Event == "certificate" {
					rs[i].Recv = certificate(t, 8)
				}
			}
		}
		b.Transcripts[name] = rs
	}
	b.Info.Started = b.Info.Started.AddDate(0, 0, 3)
	c := compared(t, a, b)
	if len(c.Differences) != 0 || !slices.Equal(c.Unit, []string{"observed tls.certificate[tcp/443]"}) {
		t.Errorf("%+v", c)
	}
}

// A comment in the declaration, or another place for a secret, is no difference;
// another firmware is.
func TestCompareDeclaration(t *testing.T) {
	for new, want := range map[string]bool{
		"# checked by the lab\nformat: hoshi-product/1": false, "format: hoshi-product/1\n": false, `firmware: "2.1"`: true,
	} {
		old := "format: hoshi-product/1"
		if want {
			old = `firmware: "2.0"`
		}
		b := sample(t)
		b.Product = bytes.Replace(b.Product, []byte(old), []byte(new), 1)
		if bytes.Equal(b.Product, product) {
			t.Fatalf("%q is not in the sample", old)
		}
		c := compared(t, sample(t), b)
		if d := find(c, "product", ""); (d != nil) != want || want && !strings.HasPrefix(d.B, "TH-1, TH-1W 2.1 sha256:") || !want && len(c.Differences) > 0 {
			t.Errorf("%q: %+v", new, c.Differences)
		}
	}
}

// Where the facts are the same and the edition's text is not, the rule is named.
func TestCompareRule(t *testing.T) {
	b := sample(t)
	b.Edition = bytes.Replace(b.Edition, []byte(`"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"`), []byte(`"TLS_ECDHE_RSA_WITH_AES_128_GCM"`), 1)
	e, err := criteria.Parse(EditionFile, b.Edition)
	if err != nil {
		t.Fatal(err)
	}
	b.Info.EditionDigest = e.Digest()
	c := compared(t, sample(t), b)
	d := find(c, "verdict", "S1.1-12")
	if d == nil || d.B != "does-not-conform R-12-3" {
		t.Fatalf("%+v", c.Differences)
	}
	if diff := cmp.Diff([]string{"policy crypto_policy"}, d.Because); diff != "" {
		t.Errorf("because (-want +got):\n%s", diff)
	}
	if find(c, "rule", "policy crypto_policy") == nil {
		t.Errorf("%+v", c.Differences)
	}
}

// A rule with other words is told in both languages, the Japanese first.
func TestCompareRuleWords(t *testing.T) {
	b := sample(t)
	b.Edition = bytes.Replace(b.Edition, []byte("an evaluator decides from documents that"), []byte("an evaluator decides that"), 1)
	e, err := criteria.Parse(EditionFile, b.Edition)
	if err != nil {
		t.Fatal(err)
	}
	b.Info.EditionDigest = e.Digest()
	d := find(compared(t, sample(t), b), "rule", "S1.1-03 rules R-03-3")
	if d == nil || d.Words == nil {
		t.Fatalf("%+v", d)
	}
	was, now := d.Words.A, d.Words.B
	if d.A != was.JA || d.B != now.JA || !strings.Contains(was.JA, "評価者が文書で判断する") || !strings.Contains(was.EN, "decides from documents that") || strings.Contains(now.EN, "from documents") || !strings.Contains(d.Words.What.JA, "規則 R-03-3") {
		t.Errorf("%+v", d)
	}
}

// All time of a run is attributed, once, to what needed it.
func TestCosts(t *testing.T) {
	r := sample(t)
	r.Transcripts = maps.Clone(r.Transcripts)
	r.Transcripts["run"] = []probe.Record{
		{Event: "step", Item: "start", At: 0, Took: 60000},
		{Event: "begin", Item: "tcp", At: 60000}, {Event: "end", Item: "tcp", At: 60000, Took: 10001},
		{Event: "begin", Item: "tls", At: 70001}, {Event: "end", Item: "tls", At: 70001, Took: 300},
		{Event: "begin", Item: "signin", At: 80000}, {Event: "step", Item: "change", At: 81000, Took: 30000}, {Event: "end", Item: "signin", At: 80000, Took: 40000},
		{Event: "begin", Item: "ftp", At: 120000}, {Event: "end", Item: "ftp", At: 120000, Took: 7},
	}
	for i := range r.Transcripts["run"] {
		r.Transcripts["run"][i].Probe, r.Transcripts["run"][i].Line = "run", i+1
	}
	costs, err := r.Costs()
	if err != nil {
		t.Fatal(err)
	}
	if m, p := Took(costs); m != 10001+300+10000+7 || p != 90000 {
		t.Errorf("machine %d, person %d", m, p)
	}
	by := map[string]Cost{}
	for _, c := range costs {
		by[c.Criterion] = c
	}
	if by["S1.1-12"].Machine < 300 || by["S1.1-05"] != (Cost{Criterion: "S1.1-05"}) || by[""].Machine != 7 {
		t.Errorf("%+v", costs)
	}
	if by["S1.1-04"].Person < 10000 || by["S1.1-13"].Machine == 0 || by["S1.1-13"].Person == 0 {
		t.Errorf("%+v %+v", by["S1.1-04"], by["S1.1-13"])
	}
}
