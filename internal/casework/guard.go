package casework

import (
	"strings"

	"hoshi/internal/fault"
	"hoshi/internal/formcheck"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
)

// standing is what the guards of one action look at. A page that only asks what
// could be done passes a reason of its own.
type standing struct {
	actor          policy.Actor
	owner          string // organisation that owns the thing
	reason         string
	proposedGrant  *bool                // nil = nothing is proposed
	proposer       string               // person id
	involved       func() (bool, error) // the actor's natural person acts for the owner too
	editionInForce func() (bool, error)
	defects        func() ([]formcheck.Defect, error)
	openRevocation bool
	pastLastDay    bool
	confirmed      bool
}

// check returns the refusal of the first guard that does not hold. Its key is
// "casework.guard." and the guard.
func (st standing) check(guards []scheme.Guard) error {
	const op = "casework.guard"
	for _, g := range guards {
		holds, kind := false, fault.Conflict
		var places []fault.Place
		switch g {
		case scheme.GuardOwnOrganisation:
			holds, kind = st.owner != "" && st.owner == st.actor.OrganisationID, fault.Denied
		case scheme.GuardReason:
			holds, kind = strings.TrimSpace(st.reason) != "", fault.Invalid
			places = []fault.Place{{Field: "reason", Key: "casework.guard.reason"}}
		case scheme.GuardAnotherPerson:
			holds, kind = st.proposer != "" && st.proposer != st.actor.PersonID, fault.Denied
		case scheme.GuardUninvolved:
			involved, err := st.involved()
			if err != nil {
				return err
			}
			holds, kind = !involved, fault.Denied
		case scheme.GuardProposedGrant:
			holds = st.proposedGrant != nil && *st.proposedGrant
		case scheme.GuardProposedDecline:
			holds = st.proposedGrant != nil && !*st.proposedGrant
		case scheme.GuardEditionInForce:
			var err error
			if holds, err = st.editionInForce(); err != nil {
				return err
			}
		case scheme.GuardFormCheckClean:
			kind = fault.Invalid
			defects, err := st.defects()
			if err != nil {
				return err
			}
			for _, d := range defects {
				places = append(places, d.Place())
			}
			holds = len(defects) == 0
		case scheme.GuardNoOpenRevocation:
			holds = !st.openRevocation
		case scheme.GuardPastLastDay:
			holds = st.pastLastDay
		case scheme.GuardConfirmed:
			holds, kind = st.confirmed, fault.Denied
		}
		if !holds {
			return &fault.Error{Kind: kind, Op: op, Key: "casework.guard." + string(g), Places: places}
		}
	}
	return nil
}

// actionViews says of each action that the table gives the actor's role in the
// state whether it can be done now.
func actionViews[S, A ~string](table scheme.Table[S, A], prefix string, from S, st standing, r policy.Resource) ([]ActionView, error) {
	out := []ActionView{}
	for _, action := range table.Actions(from, st.actor.Role) {
		if !policy.Allowed(st.actor, policy.Action(prefix+string(action)), r) {
			continue
		}
		tr, _ := table.Find(from, action)
		v := ActionView{Action: string(action), Allowed: true}
		if err := st.check(tr.Guards); err != nil {
			e, ok := err.(*fault.Error)
			if !ok || !strings.HasPrefix(e.Key, "casework.guard.") {
				return nil, err
			}
			v.Allowed, v.Why = false, e.Key
		}
		out = append(out, v)
	}
	return out, nil
}
