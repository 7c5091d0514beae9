package casework

import (
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/label"
	"hoshi/internal/scheme"
)

// ActionView is one thing that the state's table lets the actor's role do. When a
// guard stands in the way, Allowed is false and Why is the catalogue key of the reason.
type ActionView struct {
	Action  string // "submit": the name in the transition table
	Allowed bool
	Why     string // "casework.guard.…"; "" when allowed
}

// EvaluationView is an evaluation with what its page needs.
type EvaluationView struct {
	Evaluation  scheme.Evaluation
	Product     scheme.Product
	Edition     *criteria.Edition
	Locked      bool   // a submitted application uses it
	Application string // id of the newest application that uses it, "" = none
	// SignatureHolds: there is a signature and it is over the present content.
	SignatureHolds bool
}

// ApplicationRow is one line of an applicant's list.
type ApplicationRow struct {
	Application scheme.Application
	ProductName string
	LabelState  scheme.LabelState // "" while there is no label
}

// QueueRow is one line of the officers' queue.
type QueueRow struct {
	Application  scheme.Application // as the officer may see it
	ProductName  string
	Organisation string // name of the applicant
	Turn         scheme.Role
	Since        time.Time     // when it came to whoever's turn it is
	Waiting      time.Duration // since then
	// MayDecide: the open proposal is another natural person's.
	MayDecide bool
}

// Difference is one field that differs between two submissions.
type Difference struct {
	Field  string `json:"field"` // as in formcheck.Defect
	Before string `json:"before"`
	After  string `json:"after"`
}

// ApplicationView is an application with what its page needs. An applicant sees
// the working copy; an officer sees what was submitted, and nothing later.
type ApplicationView struct {
	Application  scheme.Application
	Product      scheme.Product
	Evaluation   scheme.Evaluation
	Organisation scheme.Organisation
	Edition      *criteria.Edition
	Snapshot     *scheme.Snapshot // what was submitted last; nil before
	Previous     *scheme.Snapshot // the submission before that; nil when there is none
	Differences  []Difference     // from Previous to Snapshot
	Actions      []ActionView
}

// LabelView is a label with what its inner page needs.
type LabelView struct {
	Label       scheme.Label
	Status      scheme.Status // today
	ProductName string
	Statement   label.Statement    // what the public reads
	Revocation  *scheme.Revocation // the newest one, for officers; nil when there is none
	Reports     []scheme.ChangeReport
	// Actions of the label; for officers also "propose-revocation", and "confirm"
	// and "dismiss" of the revocation that is open.
	Actions []ActionView
}
