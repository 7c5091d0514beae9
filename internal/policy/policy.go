// Package policy says who may do what: one table, default deny. It knows roles
// and relations; the state of a thing is the life cycle's business (package
// scheme), and both are asked in the use case's transaction (package casework).
//
// Start at table.go.
package policy

import (
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

// Actor is a signed-in person acting in one role for one organisation, or the
// system, or (zero value) anybody.
type Actor struct {
	PersonID       string
	PersonName     string
	AccountID      string
	MembershipID   string
	OrganisationID string
	Role           scheme.Role
}

// SystemActor is the clock and the jobs.
var SystemActor = Actor{PersonID: "system", PersonName: "system", Role: scheme.System}

// Resource is what the policy needs to know of a thing.
type Resource struct {
	OrganisationID string // owner; "" = nobody's
	EvaluatorOrgID string // the organisation that the evaluation was given to
	Submitted      bool   // the application has left its draft at least once
}

// Relations returns how the actor stands to the resource.
func (a Actor) Relations(r Resource) []Relation {
	out := []Relation{Any}
	if a.OrganisationID != "" {
		if r.OrganisationID == a.OrganisationID {
			out = append(out, Own)
		}
		if r.EvaluatorOrgID == a.OrganisationID {
			out = append(out, Given)
		}
	}
	if r.Submitted {
		out = append(out, Submitted)
	}
	return out
}

// Allowed reports whether a rule lets the actor do the action with the resource.
func Allowed(a Actor, action Action, r Resource) bool {
	rel := a.Relations(r)
	for _, rule := range Table {
		if rule.Action != action || rule.Role != a.Role {
			continue
		}
		for _, x := range rel {
			if rule.Relation == x {
				return true
			}
		}
	}
	return false
}

// Require returns nil when the actor is allowed; Unauthenticated when nobody is
// signed in; NotFound when the actor may not even know of another's thing, so
// that ids cannot be probed; Denied otherwise.
func Require(a Actor, action Action, r Resource) error {
	if Allowed(a, action, r) {
		return nil
	}
	const op = "policy.Require"
	if a.PersonID == "" {
		return fault.New(fault.Unauthenticated, op, "fault.unauthenticated")
	}
	if !visible(a, r) {
		return fault.New(fault.NotFound, op, "fault.not-found")
	}
	return fault.New(fault.Denied, op, "fault.denied")
}

// visible reports whether the actor may know that the resource exists.
func visible(a Actor, r Resource) bool {
	switch a.Role {
	case scheme.System:
		return true
	case scheme.Officer:
		return r.Submitted || r.OrganisationID == "" || r.OrganisationID == a.OrganisationID
	}
	if r.OrganisationID == "" && r.EvaluatorOrgID == "" {
		return true
	}
	return a.OrganisationID != "" && (r.OrganisationID == a.OrganisationID || r.EvaluatorOrgID == a.OrganisationID)
}
