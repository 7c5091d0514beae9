package cli

import (
	"io"
	"strings"
	"unicode"
)

// visible writes texts that others made to a terminal: what would move its cursor,
// colour it, or turn the direction of the text around is written as U+FFFD.
type visible struct{ w io.Writer }

func (v visible) Write(b []byte) (int, error) {
	s := strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, string(b))
	if _, err := io.WriteString(v.w, s); err != nil {
		return 0, err
	}
	return len(b), nil
}
