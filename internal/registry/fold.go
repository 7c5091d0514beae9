package registry

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxQuery bounds a search text, in characters; longer ones are cut.
const maxQuery = 100

// Fold makes the one column that the public list is searched in: the fields in
// order, each folded, with a line break before, between and after, which no folded
// query can hold. Differences that people do not mean fall away: full and half
// width, capital letters, hiragana and katakana, small kana, separators, the long
// vowel mark.
func Fold(fields ...string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for _, f := range fields {
		if s := foldText(f); s != "" {
			b.WriteString(s)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// FoldQuery folds what a person typed: one term for each word, all of which must
// be found. A query of separators only has no terms.
func FoldQuery(q string) []string {
	if r := []rune(q); len(r) > maxQuery {
		q = string(r[:maxQuery])
	}
	var terms []string
	for _, w := range strings.Fields(norm.NFKC.String(q)) {
		if s := foldText(w); s != "" {
			terms = append(terms, s)
		}
	}
	return terms
}

// foldText folds until nothing changes: what falls away between two characters can
// let them join.
func foldText(s string) string {
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
	for _, r := range norm.NFKC.String(s) {
		for _, r := range norm.NFKC.String(string(unicode.ToLower(r))) {
			if k, keep := foldRune(r); keep {
				b.WriteRune(k)
			}
		}
	}
	return b.String()
}

// small kana and the full ones that people confuse them with: キャノン, キヤノン.
var smallKana = map[rune]rune{'ァ': 'ア', 'ィ': 'イ', 'ゥ': 'ウ', 'ェ': 'エ', 'ォ': 'オ', 'ッ': 'ツ', 'ャ': 'ヤ', 'ュ': 'ユ', 'ョ': 'ヨ', 'ヮ': 'ワ', 'ヵ': 'カ', 'ヶ': 'ケ'}

func foldRune(r rune) (rune, bool) {
	switch {
	case r == 'ー', r == '\u2015', r == '\u2500', r == '〜', r == '\u301c':
		return 0, false // the long vowel mark and what is typed for it
	case r >= 'ぁ' && r <= 'ゖ', r == 'ゝ', r == 'ゞ':
		r += 'ァ' - 'ぁ'
	}
	if full, ok := smallKana[r]; ok {
		return full, true
	}
	if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Pd, unicode.Cf, unicode.Ps, unicode.Pe) || strings.ContainsRune(".,、。/・−'’", r) {
		return 0, false // separators
	}
	return r, true
}
