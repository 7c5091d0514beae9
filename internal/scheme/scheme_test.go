package scheme

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLastDay(t *testing.T) {
	for _, c := range []struct {
		from   string
		months int
		want   string
	}{
		{"2026-11-23", 24, "2028-11-22"},
		{"2026-11-23", 1, "2026-12-22"},
		{"2027-03-01", 24, "2029-02-28"},
		{"2026-03-01", 24, "2028-02-29"},
		{"2028-02-29", 24, "2030-02-28"},
		{"2028-02-29", 48, "2032-02-28"},
		{"2027-12-31", 2, "2028-02-29"},
		{"2027-01-01", 24, "2028-12-31"},
		{"2027-08-31", 6, "2028-02-29"},
	} {
		d, err := ParseDay(c.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.LastDay(c.months).String(); got != c.want {
			t.Errorf("%s + %d months ends on %s, want %s", c.from, c.months, got, c.want)
		}
	}
}

// A later start never ends earlier, and a longer period never ends earlier.
func TestLastDayMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := NewDay(2024, 1, 1).AddDays(rapid.IntRange(0, 4000).Draw(t, "start"))
		b := a.AddDays(rapid.IntRange(0, 400).Draw(t, "later"))
		n := rapid.IntRange(1, 60).Draw(t, "months")
		if a.LastDay(n).After(b.LastDay(n)) || a.LastDay(n).After(a.LastDay(n+1)) {
			t.Fatalf("from %s and %s for %d months", a, b, n)
		}
	})
}

func TestDayIsTheZonesDay(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	last := NewDay(2028, time.February, 29)
	if got := DayIn(last.End(tokyo).Add(-time.Second), tokyo); got != last {
		t.Errorf("one second before the end it is %s", got)
	}
	if got := DayIn(last.End(tokyo), tokyo).String(); got != "2028-03-01" {
		t.Errorf("at the end it is %s", got)
	}
}

func TestCorporateNumber(t *testing.T) {
	for n, want := range map[CorporateNumber]error{
		"7000012050002":  nil,
		"5111101000006":  nil,
		"7000012050003":  CorporateNumberCheck,
		"7000012050020":  CorporateNumberCheck,
		"700001205000":   CorporateNumberLength,
		"70000120500022": CorporateNumberLength,
		"700001205000x":  CorporateNumberDigits,
		"x000012050002":  CorporateNumberDigits,
		"７000012050002":  CorporateNumberLength,
	} {
		if err := n.Validate(); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", n, err, want)
		}
	}
}

// One wrong digit is always found: the check weighs each base digit by 1 or 2, and 0/9 alone collide.
func TestCorporateNumberOneWrongDigit(t *testing.T) {
	const good = "7000012050002"
	for i := range good {
		for d := byte('0'); d <= '9'; d++ {
			if good[i] == d || (i > 0 && (good[i]-'0')%9 == (d-'0')%9) {
				continue
			}
			bad := good[:i] + string(d) + good[i+1:]
			if CorporateNumber(bad).Validate() == nil {
				t.Errorf("%s was accepted", bad)
			}
		}
	}
}

func TestPattern(t *testing.T) {
	p := Pattern("HS{level}-{year}-{seq:5}")
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	s := p.Series(2026, "1")
	if got := p.Number(s, 42); got != "HS1-2026-00042" {
		t.Error(got)
	}
	if got := p.Number(s, 1234567); got != "HS1-2026-1234567" {
		t.Error(got)
	}
	for _, bad := range []Pattern{"", "x", "{seq}{seq:2}", "{month}{seq}", "a b{seq}", "{seq:12}"} {
		if bad.Validate() == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// Every combination of answers either decides or names the question to ask, and
// answering the named question always makes progress.
func TestScopeExhaustive(t *testing.T) {
	all := []YesNo{Unanswered, Yes, No}
	for _, a := range all {
		for _, b := range all {
			for _, c := range all {
				for _, d := range all {
					for _, e := range all {
						s := ScopeAnswers{a, b, c, d, e}
						r := s.Scope()
						if (r.Outcome == ScopeOpen) != (r.Next != "") {
							t.Errorf("%+v: %+v", s, r)
						}
						if r.Outcome != ScopeOpen && len(r.Reasons) == 0 {
							t.Errorf("%+v: decided without a reason", s)
						}
						if a == No && r.Outcome != OutOf {
							t.Errorf("%+v: without IP it must be out of scope", s)
						}
					}
				}
			}
		}
	}
	for name, c := range map[string]struct {
		a    ScopeAnswers
		want ScopeOutcome
	}{
		"network camera":             {ScopeAnswers{Yes, Yes, Unanswered, Unanswered, No}, InScope},
		"sensor behind a gateway":    {ScopeAnswers{Yes, No, Yes, Unanswered, No}, InScope},
		"smartphone":                 {ScopeAnswers{Yes, Yes, Unanswered, Yes, Yes}, OutOf},
		"kiosk on a general OS":      {ScopeAnswers{Yes, Yes, Unanswered, Unanswered, No}, InScope},
		"serial-only instrument":     {ScopeAnswers{No, Unanswered, Unanswered, Unanswered, Unanswered}, OutOf},
		"instrument never connected": {ScopeAnswers{Yes, No, No, Unanswered, Unanswered}, OutOf},
	} {
		if got := c.a.Scope().Outcome; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestStatusOn(t *testing.T) {
	l := &Label{State: LabelValid, LastDay: NewDay(2028, 11, 22)}
	for day, want := range map[string]Status{"2028-11-22": StatusValid, "2028-11-23": StatusExpired} {
		d, _ := ParseDay(day)
		if got := l.StatusOn(d); got != want {
			t.Errorf("on %s: %s, want %s", day, got, want)
		}
	}
	l.State = LabelRevoked
	if got := l.StatusOn(l.LastDay.AddDays(9)); got != StatusRevoked {
		t.Errorf("revoked stays revoked: %s", got)
	}
}

func TestLoadSettingsNamesEveryFault(t *testing.T) {
	_, err := LoadSettings("scheme.yaml", []byte("id: X\nhost: h\nzone: Mars/Base\nlevels: [{id: a, stars: 12}]\n"))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"id:", "name:", "zone:", "levels[0].stars", "numbers.registration", "validity.max_months"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in: %v", want, err)
		}
	}
	if _, err := LoadSettings("scheme.yaml", []byte("nonsense: 1\n")); err == nil {
		t.Error("an unknown key was accepted")
	}
}

func FuzzLoadSettings(f *testing.F) {
	f.Add([]byte("id: demo\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := LoadSettings("x", b)
		if err == nil && s.Location() == nil {
			t.Error("accepted without a zone")
		}
	})
}
