package criteria

import "hoshi/internal/i18n"

// Outcome is what an edition's rules say of one criterion.
type Outcome string

const (
	Conforms       Outcome = "conforms"
	DoesNotConform Outcome = "does-not-conform"
	NotApplicable  Outcome = "not-applicable"
	// Undecided: a fact that the rule needs is absent, or the rules for pass and
	// fail are neither or both true. Never read as a pass.
	Undecided Outcome = "undecided"
	// PersonDecides: the facts do not refute the criterion, and the edition
	// leaves the rest to a person who reads documents.
	PersonDecides Outcome = "person-decides"
	// Lifted: a recognition agreement takes the place of the criterion.
	Lifted Outcome = "lifted"
)

// Outcomes lists all outcomes, for exhaustive tests and legends.
var Outcomes = []Outcome{Conforms, DoesNotConform, NotApplicable, Undecided, PersonDecides, Lifted}

// Reason is what was seen and what to do now, for places with room for one text.
func (v Verdict) Reason() i18n.Text { return together([]i18n.Text{v.Seen, v.Now}) }

// Verdict is the outcome of one criterion for one set of facts.
type Verdict struct {
	Criterion string    `json:"criterion"` // "S1.1-04"
	Outcome   Outcome   `json:"outcome"`
	Asked     i18n.Text `json:"asked"`             // what was asked of the device and the declaration
	Seen      i18n.Text `json:"seen"`              // what was seen
	Rule      string    `json:"rule"`              // number of the interpretation rule that decided, "R-04-2"; the first of several
	RuleText  i18n.Text `json:"ruleText"`          // its words; further rules that decided follow with their numbers
	Status    Status    `json:"status,omitempty"`  // how sure the rule is, of several the least sure; only "official" is official
	Now       i18n.Text `json:"now"`               // what to do now
	Facts     []string  `json:"facts,omitempty"`   // ids of the facts that the rule read
	Missing   []string  `json:"missing,omitempty"` // facts that the rule needs and that are absent or incomplete
	// Imported are those of Facts that other tools stated, each with the file that it
	// was read from. Only an edition that takes such facts has any.
	Imported []string `json:"imported,omitempty"`
}
