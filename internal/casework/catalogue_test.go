package casework_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"hoshi/internal/i18n"
	"hoshi/internal/scheme"
)

// Every sentence that the use cases name stands in the catalogue.
func TestCatalogue(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	// A key is whole when its string ends after it; "casework.guard." and the like are completed below.
	key := regexp.MustCompile(`"((?:casework|formcheck|fault)\.[a-z][A-Za-z0-9.-]*[a-z0-9])"`)
	op := regexp.MustCompile(`(?:op = |Op: |shape\{\}, |fault\.(?:New|Wrap)\([^,]+, |\.err\(|Errorf\()"casework\.[A-Za-z.-]*"`)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(op.ReplaceAllString(string(b), ""), -1) {
			if !i18n.Has(m[1]) {
				t.Errorf("%s: %s has no sentence", f, m[1])
			}
		}
	}
	for _, g := range []scheme.Guard{scheme.GuardOwnOrganisation, scheme.GuardFormCheckClean, scheme.GuardEditionInForce, scheme.GuardAnotherPerson, scheme.GuardUninvolved,
		scheme.GuardReason, scheme.GuardPastLastDay, scheme.GuardNoOpenRevocation, scheme.GuardProposedGrant, scheme.GuardProposedDecline, scheme.GuardConfirmed} {
		if k := "casework.guard." + string(g); !i18n.Has(k) {
			t.Error(k)
		}
	}
	for _, f := range []scheme.CorporateNumberFault{scheme.CorporateNumberLength, scheme.CorporateNumberDigits, scheme.CorporateNumberCheck} {
		if k := "casework.corporate." + string(f); !i18n.Has(k) {
			t.Error(k)
		}
	}
}
