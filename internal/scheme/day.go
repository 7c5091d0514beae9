package scheme

import (
	"encoding/json"
	"fmt"
	"time"
)

// Day is a calendar day of the scheme, in the scheme's own time zone. Labels are
// issued, and end, on days; an end day is inclusive.
type Day struct{ t time.Time } // midnight UTC of the civil date; zero = no day

// NewDay returns the civil day; out-of-range values are normalised as by time.Date.
func NewDay(year int, month time.Month, day int) Day {
	return Day{time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}

// DayIn returns the day that it is at the instant in the zone.
func DayIn(at time.Time, zone *time.Location) Day {
	y, m, d := at.In(zone).Date()
	return NewDay(y, m, d)
}

// ParseDay reads "2026-11-23". The empty string is the zero Day.
func ParseDay(s string) (Day, error) {
	if s == "" {
		return Day{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Day{}, fmt.Errorf("not a day: %q", s)
	}
	return Day{t}, nil
}

// IsZero reports whether there is no day.
func (d Day) IsZero() bool { return d.t.IsZero() }

// String returns "2026-11-23", or "" for no day.
func (d Day) String() string {
	if d.IsZero() {
		return ""
	}
	return d.t.Format(time.DateOnly)
}

// Date returns the civil date.
func (d Day) Date() (year int, month time.Month, day int) { return d.t.Date() }

// Compare orders days.
func (d Day) Compare(o Day) int { return d.t.Compare(o.t) }

// After reports whether d is later than o.
func (d Day) After(o Day) bool { return d.t.After(o.t) }

// AddDays returns the day n days later.
func (d Day) AddDays(n int) Day { return Day{d.t.AddDate(0, 0, n)} }

// End is the first instant that is no longer in the day, in the zone: an
// inclusive last day ends here.
func (d Day) End(zone *time.Location) time.Time {
	y, m, dd := d.t.Date()
	return time.Date(y, m, dd+1, 0, 0, 0, 0, zone)
}

// LastDay returns the inclusive last day of a period of months that starts with
// and counts d. Following the Civil Code, article 143 (2): the period ends on
// the day before the corresponding day; when the last month has no corresponding
// day, it ends on the last day of that month. So two years from 2027-03-01 end
// on 2029-02-28, and two years from 2028-02-29 on 2030-02-28.
func (d Day) LastDay(months int) Day {
	y, m, dd := d.t.Date()
	first := time.Date(y, m+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	days := first.AddDate(0, 1, -1).Day()
	if dd > days {
		return Day{first.AddDate(0, 0, days-1)}
	}
	return Day{first.AddDate(0, 0, dd-2)}
}

// MarshalJSON writes the day as a string.
func (d Day) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads the day from a string.
func (d *Day) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := ParseDay(s)
	if err != nil {
		return err
	}
	*d = v
	return nil
}
