package policy

import "hoshi/internal/scheme"

// Action is something that a person wants to do with a resource. Life-cycle
// actions are "application.", "label." or "revocation." and the action's name.
type Action string

const (
	OrganisationRegister Action = "organisation.register"
	OrganisationView     Action = "organisation.view"
	OrganisationEdit     Action = "organisation.edit"
	KeyEnrol             Action = "key.enrol"
	ProductCreate        Action = "product.create"
	ProductView          Action = "product.view"
	ProductEdit          Action = "product.edit"
	EvaluationCreate     Action = "evaluation.create"
	EvaluationView       Action = "evaluation.view"
	EvaluationEdit       Action = "evaluation.edit"
	EvaluationSign       Action = "evaluation.sign"
	EvidenceAttach       Action = "evidence.attach"
	EvidenceOpen         Action = "evidence.open"
	ApplicationCreate    Action = "application.create"
	ApplicationView      Action = "application.view"
	QueueView            Action = "queue.view"
	LabelView            Action = "label.view" // the inner page; the public page is everybody's
	RevocationPropose    Action = "revocation.propose"
	RevocationView       Action = "revocation.view"
)

// Relation is how the actor stands to the resource.
type Relation string

const (
	Any       Relation = "any"       // no relation needed
	Own       Relation = "own"       // the resource belongs to the actor's organisation
	Given     Relation = "given"     // the vendor gave the evaluation to the actor's organisation
	Submitted Relation = "submitted" // the application has been submitted at least once
)

// Relations lists all relations.
var Relations = []Relation{Any, Own, Given, Submitted}

// Rule allows one role one action under one relation. What no rule allows is denied.
type Rule struct {
	Action   Action
	Role     scheme.Role
	Relation Relation
}

// rules holds the actions that no life cycle has. There is no rule that lets an
// officer open evidence: at ☆1 the evidence stays with the vendor until a
// surveillance case asks for it (report 3.4, 3.5).
var rules = []Rule{
	{OrganisationRegister, scheme.Applicant, Any},
	{OrganisationView, scheme.Applicant, Own},
	{OrganisationView, scheme.Evaluator, Own},
	{OrganisationView, scheme.Officer, Any},
	{OrganisationEdit, scheme.Applicant, Own},
	{KeyEnrol, scheme.Applicant, Own},
	{KeyEnrol, scheme.Evaluator, Own},

	{ProductCreate, scheme.Applicant, Any},
	{ProductView, scheme.Applicant, Own},
	{ProductView, scheme.Evaluator, Given},
	{ProductEdit, scheme.Applicant, Own},

	{EvaluationCreate, scheme.Applicant, Own},
	{EvaluationView, scheme.Applicant, Own},
	{EvaluationView, scheme.Evaluator, Given},
	{EvaluationEdit, scheme.Applicant, Own},
	{EvaluationEdit, scheme.Evaluator, Given},
	{EvaluationSign, scheme.Applicant, Own}, // the vendor's own qualified person
	{EvaluationSign, scheme.Evaluator, Given},
	{EvidenceAttach, scheme.Applicant, Own},
	{EvidenceAttach, scheme.Evaluator, Given},
	{EvidenceOpen, scheme.Applicant, Own},
	{EvidenceOpen, scheme.Evaluator, Given},

	{ApplicationCreate, scheme.Applicant, Own},
	{ApplicationView, scheme.Applicant, Own},
	{ApplicationView, scheme.Officer, Submitted},
	{QueueView, scheme.Officer, Any},

	{LabelView, scheme.Applicant, Own},
	{LabelView, scheme.Officer, Any},
	{RevocationPropose, scheme.Officer, Any},
	{RevocationView, scheme.Officer, Any},
}

// Table is every rule: the ones above and those that the life cycles state.
var Table = append(rules[:len(rules):len(rules)], lifecycleRules()...)

func lifecycleRules() []Rule {
	var out []Rule
	out = appendRules(out, "application.", scheme.ApplicationTable)
	out = appendRules(out, "label.", scheme.LabelTable)
	out = appendRules(out, "revocation.", scheme.RevocationTable)
	return out
}

func appendRules[S, A ~string](out []Rule, prefix string, table scheme.Table[S, A]) []Rule {
	seen := map[Rule]bool{}
	for _, t := range table {
		for _, role := range t.Who {
			r := Rule{Action(prefix + string(t.Action)), role, Any}
			if t.Has(scheme.GuardOwnOrganisation) || role == scheme.Applicant {
				r.Relation = Own
			} else if prefix == "application." && role == scheme.Officer {
				r.Relation = Submitted
			}
			if !seen[r] {
				seen[r] = true
				out = append(out, r)
			}
		}
	}
	return out
}
