package casework

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"hoshi/internal/audit"
	"hoshi/internal/fault"
	"hoshi/internal/jobs"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// do runs one act in one writing transaction in which the actor's membership is
// read anew. With a token, a second run gives what the first gave.
func do[T any](ctx context.Context, s *Service, verb string, actor policy.Actor, once Once, fn func(*store.Tx) (T, error)) (T, error) {
	var out T
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		var zero T
		out = zero
		if err := s.mayAct(ctx, tx, actor); err != nil {
			return err
		}
		key := ""
		if once != "" {
			if len(once) > 100 || !plain(string(once)) {
				return fault.New(fault.Invalid, "casework."+verb, "casework.once")
			}
			key = actor.AccountID + " " + verb + " " + string(once)
			result, taken, err := store.ClaimOnce(ctx, tx, key)
			if err != nil {
				return err
			}
			if taken {
				return json.Unmarshal([]byte(result), &out)
			}
		}
		v, err := fn(tx)
		if err != nil {
			return err
		}
		out = v
		if key == "" {
			return nil
		}
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("casework.%s: %w", verb, err)
		}
		return store.SetOnce(ctx, tx, key, string(b))
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}

// see runs one look in a reading transaction, under the same check of the membership.
func see[T any](ctx context.Context, s *Service, actor policy.Actor, fn func(*store.Tx) (T, error)) (T, error) {
	var out T
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if err = s.mayAct(ctx, tx, actor); err != nil {
			return err
		}
		out, err = fn(tx)
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}

// mayAct holds the actor, as the session knew them, against the database: the
// same natural person, the same role for the same organisation, and a membership
// that is open at this instant.
func (s *Service) mayAct(ctx context.Context, tx *store.Tx, actor policy.Actor) error {
	const op = "casework.mayAct"
	switch {
	case actor.Role == scheme.System:
		return nil
	case actor.PersonID == "":
		return fault.New(fault.Unauthenticated, op, "fault.unauthenticated")
	case actor.MembershipID == "":
		p, err := store.AccountPerson(ctx, tx, actor.AccountID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err != nil || p.ID != actor.PersonID || actor.OrganisationID != "" || actor.Role != scheme.Applicant {
			return fault.New(fault.Denied, op, "casework.role-ended")
		}
		return nil
	}
	m, err := store.ActingAs(ctx, tx, actor.MembershipID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil || m.Person.ID != actor.PersonID || m.AccountID != actor.AccountID || m.Role != actor.Role ||
		m.OrganisationID != actor.OrganisationID || !m.ActiveAt(tx.At) {
		return fault.New(fault.Denied, op, "casework.role-ended")
	}
	return nil
}

// involved tells whether the actor's natural person acts for an organisation too,
// with this account or another.
func involved(ctx context.Context, tx *store.Tx, actor policy.Actor, organisationID string) func() (bool, error) {
	return func() (bool, error) { return store.PersonActsFor(ctx, tx, actor.PersonID, organisationID) }
}

// tenant is whose rows the actor's reads are limited to in SQL.
func tenant(actor policy.Actor) store.Tenant {
	if actor.Role == scheme.Officer || actor.Role == scheme.System {
		return store.Everyone
	}
	return store.Tenant(actor.OrganisationID)
}

// step returns the row that an action takes from a state; Conflict when the table
// has none, Denied when the row is for another role.
func step[S, A ~string](table scheme.Table[S, A], kind string, from S, action A, actor policy.Actor) (scheme.Transition[S, A], error) {
	const op = "casework.step"
	tr, ok := table.Find(from, action)
	if !ok {
		return tr, fault.New(fault.Conflict, op, "casework.not-now."+kind)
	}
	if !slices.Contains(tr.Who, actor.Role) {
		return tr, fault.New(fault.Denied, op, "fault.denied")
	}
	return tr, nil
}

// current refuses an act on a version that is no longer the newest.
func current(have, sent int64) error {
	if have != sent {
		return fault.New(fault.Conflict, "casework.current", "fault.conflict")
	}
	return nil
}

func (s *Service) audit(ctx context.Context, tx *store.Tx, actor policy.Actor, action policy.Action, kind, subject string, detail any) error {
	id, err := s.newID()
	if err != nil {
		return err
	}
	return audit.Write(ctx, tx, actor, audit.Event{ID: id, Action: action, Kind: kind, Subject: subject, Detail: detail})
}

func (s *Service) enqueue(ctx context.Context, tx *store.Tx, kind, key string, args map[string]string) error {
	id, err := s.newID()
	if err != nil {
		return err
	}
	return jobs.Enqueue(ctx, tx, jobs.New{ID: id, Kind: kind, Args: args, UniqueKey: kind + " " + key})
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID draws 128 bits.
func (s *Service) newID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.Rand, b[:]); err != nil {
		return "", fmt.Errorf("casework: no randomness: %w", err)
	}
	return idEncoding.EncodeToString(b[:]), nil
}

// today is the scheme's day at the transaction's instant.
func (s *Service) today(tx *store.Tx) scheme.Day { return scheme.DayIn(tx.At, s.Settings.Location()) }

// takeNumber draws the next official number of a kind.
func (s *Service) takeNumber(ctx context.Context, tx *store.Tx, kind scheme.NumberKind, level scheme.Level) (string, error) {
	series := s.series(tx, kind, level)
	n, err := store.NextNumber(ctx, tx, string(kind)+" "+series)
	if err != nil {
		return "", err
	}
	return s.Settings.Numbers[kind].Number(series, n), nil
}

// series names the row of official numbers that an act of today draws from.
func (s *Service) series(tx *store.Tx, kind scheme.NumberKind, level scheme.Level) string {
	year, _, _ := s.today(tx).Date()
	return s.Settings.Numbers[kind].Series(year, level.Short)
}

// plain reports whether a one-line text holds nothing but what can be seen: no
// control characters, and none of those that turn the direction of the text around
// it or are not there for the eye, with which a name could pass as another.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r == '\u200b' || r == '\u2060' || r == '\ufeff'
	})
}
