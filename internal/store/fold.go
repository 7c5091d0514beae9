package store

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Fold brings a text into the form in which public labels are searched: NFKC,
// lower case, hiragana as katakana, and without what people leave out or write in
// many ways (white space, hyphens, long-vowel marks, middle dots, punctuation).
// Letters, digits and symbols such as % and _ stay. Words that stand apart in the
// text are kept apart by a line break, which no query contains.
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKC.String(s) {
		switch {
		case r >= 'ぁ' && r <= 'ゖ', r == 'ゝ', r == 'ゞ':
			r += 'ァ' - 'ぁ'
		case r == '\n':
			b.WriteByte('\n')
			continue
		case r == 'ー', r == '・', unicode.IsSpace(r), unicode.Is(unicode.Pd, r), unicode.IsControl(r),
			unicode.Is(unicode.Cf, r), r == '.', r == ',', r == '、', r == '。', r == '/', r == '−':
			continue
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
