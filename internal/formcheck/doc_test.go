package formcheck_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"hoshi/internal/formcheck"
	"hoshi/internal/i18n"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// docs/form-check.md is the table of rules, for people.
func TestDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("# 形式確認 / The form check\n\n" +
		"提出の前に、すべての規則を一度に確かめ、見つかった不備をすべて示します。内容の当否は判断しません。\n" +
		"Before a submission every rule is applied, and every defect is shown at once. It judges form, not content.\n\n" +
		"Generated from `internal/formcheck/rules.go`; run `go test ./internal/formcheck -update`.\n\n" +
		"| No. | 規則 | Rule | Field |\n|---|---|---|---|\n")
	for _, r := range formcheck.Rules {
		key := "formcheck.rule." + r.Number
		fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", r.Number, i18n.JA.T(key), i18n.EN.T(key), r.Field)
	}
	const golden = "../../docs/form-check.md"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s is out of date; review, then -update", golden)
	}
}
