package policy

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The whole matrix action × role × relation, reviewed by people as a file.
func TestMatrix(t *testing.T) {
	var actions []Action
	for _, r := range Table {
		if !slices.Contains(actions, r.Action) {
			actions = append(actions, r.Action)
		}
	}
	slices.Sort(actions)
	actor := func(role scheme.Role) Actor {
		return Actor{PersonID: "p", OrganisationID: "mine", Role: role}
	}
	resources := map[Relation]Resource{
		Any:       {OrganisationID: "other"},
		Own:       {OrganisationID: "mine"},
		Given:     {OrganisationID: "other", EvaluatorOrgID: "mine"},
		Submitted: {OrganisationID: "other", Submitted: true},
	}
	var b strings.Builder
	for _, a := range actions {
		for _, role := range scheme.Roles {
			var yes []string
			for _, rel := range Relations {
				err := Require(actor(role), a, resources[rel])
				if (err == nil) != Allowed(actor(role), a, resources[rel]) {
					t.Errorf("%s %s %s: Require and Allowed disagree", a, role, rel)
				}
				if err == nil {
					yes = append(yes, string(rel))
				}
			}
			if len(yes) > 0 {
				fmt.Fprintf(&b, "%-28s %-10s %s\n", a, role, strings.Join(yes, " "))
			}
		}
	}
	const golden = "testdata/matrix.txt"
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
		t.Errorf("the matrix changed; review it, then -update:\n%s", b.String())
	}
}

func TestNobodyAndStrangers(t *testing.T) {
	for _, r := range Table {
		if err := Require(Actor{}, r.Action, Resource{OrganisationID: "x", Submitted: true}); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s by nobody: %v", r.Action, err)
		}
	}
	vendor := Actor{PersonID: "p", OrganisationID: "mine", Role: scheme.Applicant}
	if err := Require(vendor, EvidenceOpen, Resource{OrganisationID: "other"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("another vendor's evidence must look absent: %v", err)
	}
	officer := Actor{PersonID: "p", OrganisationID: "owner", Role: scheme.Officer}
	if err := Require(officer, EvidenceOpen, Resource{OrganisationID: "other", Submitted: true}); !fault.Is(err, fault.Denied) {
		t.Errorf("an officer opening evidence: %v", err)
	}
	if err := Require(officer, ApplicationView, Resource{OrganisationID: "other"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("an officer and a draft: %v", err)
	}
}
