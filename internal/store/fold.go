package store

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Fold brings a text into the form in which public labels are searched, so that
// differences which people do not mean fall away: full and half width, capital
// letters, hiragana and katakana, small kana, and what is left out or written in
// many ways (white space, hyphens, long-vowel marks, middle dots, punctuation).
// Letters, digits and symbols such as % and _ stay. Words that stand apart in the
// text are kept apart by a line break, which no query contains.
func Fold(s string) string {
	// What falls away between two characters can let them join, so fold until
	// nothing changes.
	for {
		next := foldOnce(s)
		if next == s {
			return s
		}
		s = next
	}
}

func foldOnce(s string) string {
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
			unicode.Is(unicode.Cf, r), r == '.', r == ',', r == '、', r == '。', r == '/', r == '−', r == '─', r == '〜', r == '~':
			continue
		}
		if full, ok := smallKana[r]; ok {
			r = full
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// smallKana and the full ones that people confuse them with: キャノン, キヤノン.
var smallKana = map[rune]rune{'ァ': 'ア', 'ィ': 'イ', 'ゥ': 'ウ', 'ェ': 'エ', 'ォ': 'オ', 'ッ': 'ツ', 'ャ': 'ヤ', 'ュ': 'ユ', 'ョ': 'ヨ', 'ヮ': 'ワ', 'ヵ': 'カ', 'ヶ': 'ケ'}
