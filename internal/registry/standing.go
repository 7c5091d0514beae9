package registry

import (
	"time"

	"hoshi/internal/ledger"
	"hoshi/internal/scheme"
)

// Standing is whether a label holds: its status on a day and, when it has ended,
// since when and why. It comes from the log's leaves; the words of the reason are
// the public ones that the officer wrote for everybody.
type Standing struct {
	Status scheme.Status
	Since  time.Time // when the label ended; zero while it is valid
	Reason string    // public words; "" when there are none
}

// Holds reports whether the label holds.
func (s Standing) Holds() bool { return s.Status == scheme.StatusValid }

// standingOf reads the status of a label from its leaves for a day. The last day
// itself still counts.
func standingOf(l *ledger.LabelState, today scheme.Day, zone *time.Location) Standing {
	ended := func(s scheme.Status) Standing { return Standing{Status: s, Since: l.LastAt} }
	switch l.Status {
	case ledger.Revoked:
		return ended(scheme.StatusRevoked)
	case ledger.Withdrawn:
		return ended(scheme.StatusWithdrawn)
	case ledger.Lapsed:
		return ended(scheme.StatusLapsed)
	}
	last, err := scheme.ParseDay(l.Expires)
	if err != nil || today.After(last) {
		return Standing{Status: scheme.StatusExpired, Since: last.End(zone)}
	}
	return Standing{Status: scheme.StatusValid}
}
