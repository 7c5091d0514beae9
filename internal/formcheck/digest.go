package formcheck

import (
	"crypto/sha256"
	"encoding/hex"

	"hoshi/internal/ledger"
	"hoshi/internal/scheme"
)

// ChecklistDigest is "sha256:…" of what an evaluator signs: the checklist with
// its class, evaluator, handover and bundles, and of the product what the answers
// rest on: its models and its assets. Any later change of these voids a signature.
func ChecklistDigest(e *scheme.Evaluation, p *scheme.Product) string {
	type bundle struct {
		Digest string `json:"digest"`
	}
	bundles := []bundle{}
	for _, b := range e.Bundles {
		bundles = append(bundles, bundle{b.Digest})
	}
	answers := []scheme.Answer{}
	for _, a := range e.Answers {
		if len(a.Evidence) == 0 {
			a.Evidence = nil // an empty list and none are the same checklist
		}
		answers = append(answers, a)
	}
	b, err := ledger.Canonical(map[string]any{
		"evaluation": e.ID, "edition": e.EditionID, "class": e.Class, "evaluatorOrg": e.EvaluatorOrgID,
		"answers": answers, "bundles": bundles, "handover": e.Handover,
		"product": p.ID, "name": p.Name, "models": orEmpty(p.Models), "sameReason": p.SameReason, "assets": orEmpty(p.Assets),
	})
	if err != nil {
		return "" // text that is not UTF-8: never equal to a signed digest
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
