package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/scheme"
)

// A product goes into a form and comes back the same.
func TestProductForm(t *testing.T) {
	want := caseworktest.Product()
	got := scheme.Product{Scope: want.Scope}
	if err := readProduct(productForm(want), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b scheme.Day) bool { return a == b })); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestReadModels(t *testing.T) {
	got := readModels("CAM-1, 2.0\r\n\r\n  CAM-2\t3.1  \nCAM-3、4\nCAM-4\n")
	want := []scheme.Model{{Number: "CAM-1", Firmware: "2.0"}, {Number: "CAM-2", Firmware: "3.1"}, {Number: "CAM-3", Firmware: "4"}, {Number: "CAM-4"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func FuzzReadModels(f *testing.F) {
	f.Add("CAM-1, 2.0\r\nCAM-2\t3")
	f.Add(",\n、、\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, m := range readModels(s) {
			if strings.ContainsAny(m.Number, "\n,\t") {
				t.Errorf("%q gives %q", s, m.Number)
			}
		}
	})
}

// Where a sign-in leads is always on this site.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/portal?x=1", "//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/%2f/evil", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := localPath(s, "/portal")
		base := &url.URL{Scheme: "https", Host: "star.example", Path: "/"}
		u, err := base.Parse(got)
		if err != nil || u.Host != "star.example" || u.Scheme != "https" {
			t.Errorf("%q leads to %q", s, got)
		}
	})
}

// The scope check of the page walks to the same outcome as the rule, whatever
// the answers, and never asks more than there are questions.
func TestScopeWalk(t *testing.T) {
	answers := []scheme.YesNo{scheme.Unanswered, scheme.Yes, scheme.No}
	c := &call{}
	n := 0
	for i := range 3 * 3 * 3 * 3 * 3 {
		var a scheme.ScopeAnswers
		k := i
		for _, f := range []*scheme.YesNo{&a.UsesIP, &a.Internet, &a.ThroughOthers, &a.UserCanAdd, &a.GeneralIT} {
			*f = answers[k%3]
			k /= 3
		}
		v, r := c.viewScope(nil, "/scope", a, url.Values{}), a.Scope()
		if v.Outcome != r.Outcome || v.Question != r.Next || v.Number > 6 {
			t.Errorf("%+v: %s asks %q, the rule %s %q", a, v.Outcome, v.Question, r.Outcome, r.Next)
		}
		if v.Outcome != scheme.ScopeOpen {
			n++
		}
	}
	if n == 0 {
		t.Error("nothing was ever decided")
	}
}
