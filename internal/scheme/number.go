package scheme

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// NumberKind names one of the official number series of the scheme. Their
// formats are not public, so each is a pattern in scheme.yaml.
type NumberKind string

const (
	ApplicationNumber  NumberKind = "application"  // 申請番号
	AcceptanceNumber   NumberKind = "acceptance"   // 受理番号
	ProvisionalNumber  NumberKind = "provisional"  // 仮登録番号
	RegistrationNumber NumberKind = "registration" // 登録番号
)

// NumberKinds lists all series.
var NumberKinds = []NumberKind{ApplicationNumber, AcceptanceNumber, ProvisionalNumber, RegistrationNumber}

// Pattern is a number format: literal text with {year}, {level} and {seq:N},
// where N is the least number of digits. The sequence restarts whenever the
// rest of the number changes, so "A-{year}-{seq:4}" counts by year.
type Pattern string

var patternField = regexp.MustCompile(`\{([a-z]+)(?::(\d))?\}`)

// Validate reports why the pattern cannot be used, or nil.
func (p Pattern) Validate() error {
	seqs := 0
	for _, m := range patternField.FindAllStringSubmatch(string(p), -1) {
		switch m[1] {
		case "seq":
			seqs++
		case "year", "level":
		default:
			return fmt.Errorf("unknown field {%s}", m[1])
		}
	}
	if seqs != 1 {
		return fmt.Errorf("needs exactly one {seq:N}, has %d", seqs)
	}
	rest := patternField.ReplaceAllString(string(p), "")
	if strings.ContainsAny(rest, "{} \t\n/?#") {
		return fmt.Errorf("has a stray brace, a space, or one of / ? #")
	}
	return nil
}

// Series is the counter that the pattern draws from in a year and at a level:
// the number with its sequence left open.
func (p Pattern) Series(year int, level string) string {
	return patternField.ReplaceAllStringFunc(string(p), func(f string) string {
		m := patternField.FindStringSubmatch(f)
		switch m[1] {
		case "year":
			return strconv.Itoa(year)
		case "level":
			return level
		}
		return f
	})
}

// Number completes a series with the sequence value, which counts from 1.
func (p Pattern) Number(series string, seq int64) string {
	return patternField.ReplaceAllStringFunc(series, func(f string) string {
		m := patternField.FindStringSubmatch(f)
		width, _ := strconv.Atoi(m[2])
		return fmt.Sprintf("%0*d", width, seq)
	})
}
