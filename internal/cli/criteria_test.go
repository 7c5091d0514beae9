package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"hoshi/internal/criteria"
	"hoshi/internal/i18n"
)

// Every output of every built-in edition says that it is a reconstruction, in
// both languages, and no catalogue sentence is missing from it.
func TestNoticeStandsEverywhere(t *testing.T) {
	run := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		code := Main(t.Context(), append([]string{"criteria"}, args...), &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }})
		if code != ExitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
		}
		return out.String()
	}
	for _, id := range criteria.BuiltinIDs() {
		e, err := criteria.Builtin(id)
		if err != nil {
			t.Fatal(err)
		}
		if e.Notice().JA == "" || e.Notice().EN == "" {
			t.Errorf("%s has no notice", id)
		}
		names := []string{""}
		for _, c := range e.Criteria {
			names = append(names, c.ID)
		}
		for _, l := range i18n.Langs {
			for _, name := range names {
				args := []string{"show", "--edition", id, "--lang", string(l)}
				if name != "" {
					args = append(args, name)
				}
				text := run(args...)
				if !strings.Contains(text, e.Notice().In(l)) || strings.Contains(text, "[criteria.") || !strings.Contains(text, name) {
					t.Errorf("%v:\n%s", args, text)
				}
				js := run(append(args, "--json")...)
				if !strings.Contains(js, e.Notice().JA) || !strings.Contains(js, e.Notice().EN) || !json.Valid([]byte(js)) {
					t.Errorf("%v --json lacks the notice", args)
				}
			}
			for _, args := range [][]string{{"diff", id, id}, {"diff", id, "../../criteria/testdata/levelB-2026-example"}} {
				if text := run(append(args, "--lang", string(l))...); !strings.Contains(text, e.Notice().In(l)) {
					t.Errorf("%v lacks the notice", args)
				}
			}
		}
	}
}
