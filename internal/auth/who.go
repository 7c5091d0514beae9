package auth

import (
	"context"

	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Who is the person behind a request.
type Who struct {
	Actor        policy.Actor // zero = anybody
	Login        string
	Organisation string         // name of the organisation acted for; "" = none
	Memberships  []MembershipOf // active ones, the oldest first
}

// MembershipOf is one way in which the person can act.
type MembershipOf struct {
	ID           string
	Organisation string
	Role         scheme.Role
	Current      bool
}

// SignedIn reports whether somebody is signed in.
func (w Who) SignedIn() bool { return w.Actor.PersonID != "" }

// Who returns the person behind the request. Memberships are read anew each
// time: one that has ended gives nothing, at once. A person without any acts as
// an applicant without an organisation and can only register one.
func (s *Service) Who(ctx context.Context) (Who, error) {
	id := s.sessions.GetString(ctx, keyAccount)
	if id == "" {
		return Who{}, nil
	}
	var w Who
	err := s.db.View(ctx, func(tx *store.Tx) error {
		w = Who{}
		c, err := store.CredentialsOf(ctx, tx, id)
		if err != nil {
			return err
		}
		all, err := store.MembershipsOf(ctx, tx, id)
		if err != nil {
			return err
		}
		w.Login = c.Login
		w.Actor = policy.Actor{PersonID: c.PersonID, PersonName: c.PersonName, AccountID: c.ID, Role: scheme.Applicant}
		chosen := s.sessions.GetString(ctx, keyMembership)
		current := -1
		var active []store.AccountMembership
		for _, m := range all {
			if m.ActiveAt(tx.At) {
				if m.ID == chosen {
					current = len(active)
				}
				active = append(active, m)
			}
		}
		if current < 0 && len(active) > 0 {
			current = 0
		}
		for i, m := range active {
			w.Memberships = append(w.Memberships, MembershipOf{ID: m.ID, Organisation: m.OrganisationName, Role: m.Role, Current: i == current})
		}
		if current >= 0 {
			m := active[current]
			w.Actor.MembershipID, w.Actor.OrganisationID, w.Actor.Role = m.ID, m.OrganisationID, m.Role
			w.Organisation = m.OrganisationName
		}
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		return Who{}, nil // the account is gone
	}
	return w, err
}

// ActAs chooses the membership that the signed-in person acts under from now on.
func (s *Service) ActAs(ctx context.Context, membershipID string) error {
	w, err := s.Who(ctx)
	if err != nil {
		return err
	}
	for _, m := range w.Memberships {
		if m.ID == membershipID {
			s.sessions.Put(ctx, keyMembership, m.ID)
			return nil
		}
	}
	return fault.New(fault.Denied, "auth.ActAs", "fault.denied")
}
