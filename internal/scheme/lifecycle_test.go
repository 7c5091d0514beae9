package scheme

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Every state × action × role is looked at: what the table does not state is
// impossible, what it states is reachable, and ended states stay ended.
func TestLifeCycles(t *testing.T) {
	check(t, "application", ApplicationTable, ApplicationStates, ApplicationActions, ApplicationDraft, ApplicationState.Over)
	check(t, "label", LabelTable, LabelStates, LabelActions, LabelValid, func(s LabelState) bool { return s == LabelRevoked })
	check(t, "revocation", RevocationTable, RevocationStates, RevocationActions, RevocationProposed,
		func(s RevocationState) bool { return s != RevocationProposed })
}

func check[S, A ~string](t *testing.T, name string, table Table[S, A], states []S, actions []A, start S, over func(S) bool) {
	t.Helper()
	allowed := 0
	for _, s := range states {
		for _, a := range actions {
			rows := 0
			for _, tr := range table {
				if tr.From == s && tr.Action == a {
					rows++
				}
			}
			if rows > 1 {
				t.Errorf("%s: %s in %s stands in %d rows", name, a, s, rows)
			}
			tr, ok := table.Find(s, a)
			if ok && over(s) {
				t.Errorf("%s: %s leaves %s, which is over", name, a, s)
			}
			for _, r := range Roles {
				listed := slices.Contains(table.Actions(s, r), a)
				if listed != (ok && slices.Contains(tr.Who, r)) {
					t.Errorf("%s: %s in %s by %s: Actions and Find disagree", name, a, s, r)
				}
				if listed {
					allowed++
				}
				if listed && r == Public {
					t.Errorf("%s: anybody may %s", name, a)
				}
			}
			if ok && slices.Contains(tr.Who, Applicant) && !tr.Has(GuardOwnOrganisation) {
				t.Errorf("%s: %s by an applicant without own-organisation", name, a)
			}
		}
	}
	reached := map[S]bool{start: true}
	for range states {
		for _, tr := range table {
			if reached[tr.From] {
				reached[tr.To] = true
			}
		}
	}
	for _, s := range states {
		if !reached[s] {
			t.Errorf("%s: %s is never reached", name, s)
		}
	}
	if allowed == 0 {
		t.Errorf("%s: nothing is allowed", name)
	}
}

// Whatever makes something official needs two persons.
func TestFourEyes(t *testing.T) {
	for _, tr := range ApplicationTable {
		if tr.To == ApplicationGranted || tr.To == ApplicationDeclined {
			if !tr.Has(GuardAnotherPerson) || !tr.Has(GuardUninvolved) {
				t.Errorf("%s without another, uninvolved person", tr.Action)
			}
		}
	}
	for _, tr := range RevocationTable {
		if tr.To == RevocationConfirmed && !(tr.Has(GuardAnotherPerson) && tr.Has(GuardUninvolved)) {
			t.Errorf("%s without another person", tr.Action)
		}
	}
	for _, tr := range LabelTable {
		if tr.To == LabelRevoked && !tr.Has(GuardConfirmed) {
			t.Errorf("%s without a confirmed revocation", tr.Action)
		}
	}
}

// docs/lifecycle.md is drawn from the tables.
func TestDiagrams(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Life cycles 状態遷移\n\nDrawn from the tables in `internal/scheme/*_state.go` by `go test ./internal/scheme -update`. Do not edit.\n")
	diagram(&b, "Application 申請", ApplicationTable, ApplicationDraft)
	diagram(&b, "Label 適合ラベル", LabelTable, LabelValid)
	diagram(&b, "Revocation 取消し", RevocationTable, RevocationProposed)
	const golden = "../../docs/lifecycle.md"
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
		t.Error("docs/lifecycle.md is not what the tables say; run with -update")
	}
}

func diagram[S, A ~string](b *strings.Builder, title string, table Table[S, A], start S) {
	fmt.Fprintf(b, "\n## %s\n\n```mermaid\nstateDiagram-v2\n  [*] --> %s\n", title, start)
	for _, tr := range table {
		fmt.Fprintf(b, "  %s --> %s: %s (%s)\n", tr.From, tr.To, tr.Action, join(tr.Who))
	}
	b.WriteString("```\n\n| from | action | to | who | guards | effects |\n|---|---|---|---|---|---|\n")
	for _, tr := range table {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", tr.From, tr.Action, tr.To, join(tr.Who), join(tr.Guards), join(tr.Effects))
	}
}

func join[T ~string](xs []T) string {
	s := make([]string, len(xs))
	for i, x := range xs {
		s[i] = string(x)
	}
	return strings.Join(s, ", ")
}
