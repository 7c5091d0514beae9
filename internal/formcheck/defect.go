package formcheck

import "hoshi/internal/fault"

// Defect is one thing that the form check found. Field is the id of the form
// control in the portal: "product.models[0].number", "answers.S1.1-04.justification",
// "form.months", "organisation.corporate", "evaluation.class".
type Defect struct {
	Rule  string     `json:"rule"` // "F-01"
	Field string     `json:"field"`
	Key   string     `json:"key"` // catalogue key of the sentence, "formcheck.…"
	Args  fault.Args `json:"args,omitempty"`
}

// Place returns the defect as a place of a [fault.Error].
func (d Defect) Place() fault.Place {
	return fault.Place{Field: d.Field, Rule: d.Rule, Key: d.Key, Args: d.Args}
}
