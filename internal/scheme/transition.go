package scheme

import "slices"

// Role is what a person may act as, by membership in an organisation.
type Role string

const (
	Applicant Role = "applicant" // 申請者: acts for the IoT product vendor
	Evaluator Role = "evaluator" // 評価者: evaluates a product that was given into its hands
	Officer   Role = "officer"   // 審査担当者: acts for the scheme owner
	System    Role = "system"    // the clock and the jobs, never a person
	Public    Role = "public"    // anybody, not signed in
)

// Roles lists all roles.
var Roles = []Role{Applicant, Evaluator, Officer, System, Public}

// Guard names a condition beyond state and role. The use case checks it in the
// same transaction; the page uses it to say why a button is not there.
type Guard string

const (
	GuardOwnOrganisation  Guard = "own-organisation"   // the actor's organisation owns the thing
	GuardFormCheckClean   Guard = "form-check-clean"   // 形式確認 finds no defect
	GuardEditionInForce   Guard = "edition-in-force"   // the scheme owner has signed the edition off
	GuardAnotherPerson    Guard = "another-person"     // a natural person other than the proposer
	GuardUninvolved       Guard = "uninvolved"         // a natural person who does not act for the vendor too
	GuardReason           Guard = "reason"             // a reason is written
	GuardPastLastDay      Guard = "past-last-day"      // the inclusive last day is over
	GuardNoOpenRevocation Guard = "no-open-revocation" // no revocation is proposed
	GuardProposedGrant    Guard = "proposed-grant"     // the open proposal is to grant
	GuardProposedDecline  Guard = "proposed-decline"   // the open proposal is to decline
	GuardConfirmed        Guard = "confirmed"          // another person confirmed the revocation
)

// Effect names what happens together with the transition, in its transaction.
type Effect string

const (
	EffectSnapshot     Effect = "snapshot"            // freeze and hash what was submitted
	EffectApplication  Effect = "number-application"  // issue the 申請番号 if there is none
	EffectAcceptance   Effect = "number-acceptance"   // issue the 受理番号
	EffectRegistration Effect = "number-registration" // issue the 登録番号
	EffectLabel        Effect = "label"               // create the label
	EffectLeaf         Effect = "leaf"                // one leaf of the public log
	EffectRevoke       Effect = "revoke"              // take the label's revoke transition
	EffectRound        Effect = "round"               // open the next comment round
)

// Transition is one row of a life-cycle table.
type Transition[S, A ~string] struct {
	From    S
	Action  A
	To      S
	Who     []Role
	Guards  []Guard
	Effects []Effect
}

// Table is a life cycle: what is not in it cannot happen.
type Table[S, A ~string] []Transition[S, A]

// Find returns the transition that an action takes from a state.
func (t Table[S, A]) Find(from S, action A) (Transition[S, A], bool) {
	for _, tr := range t {
		if tr.From == from && tr.Action == action {
			return tr, true
		}
	}
	return Transition[S, A]{}, false
}

// Actions returns what a role can do in a state, in table order, guards aside.
func (t Table[S, A]) Actions(from S, role Role) []A {
	var out []A
	for _, tr := range t {
		if tr.From == from && slices.Contains(tr.Who, role) {
			out = append(out, tr.Action)
		}
	}
	return out
}

// Has reports whether the transition has the guard.
func (t Transition[S, A]) Has(g Guard) bool { return slices.Contains(t.Guards, g) }
