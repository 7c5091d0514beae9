package registry_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"hoshi/internal/registry"
)

func TestSpellingsThatMeanTheSame(t *testing.T) {
	for _, same := range [][]string{
		{"ネットワークカメラ", "ﾈｯﾄﾜｰｸｶﾒﾗ", "ねっとわーくかめら", "ネットワーク・カメラ", "ネットワ－クカメラ"},
		{"HX-100/B", "hx100b", "ＨＸ－１００Ｂ", "HX 100 B", "hx‐100 b"},
		{"キヤノン", "キャノン", "きゃのん"},
		{"サーバー", "サーバ", "サ－バ－"},
		{"①", "1"}, {"株式会社", "㍿"}, {"（株）東京", "(株)東京", "㈱東京"}, {"ガラス", "ｶﾞﾗｽ", "か\u3099らす"},
		{"STRASSE", "strasse"}, {"髙﨑", "髙﨑"},
	} {
		want := registry.Fold(same[0])
		for _, s := range same[1:] {
			if got := registry.Fold(s); got != want {
				t.Errorf("Fold(%q) = %q, Fold(%q) = %q", s, got, same[0], want)
			}
		}
	}
}

func TestDifferentThingsStayDifferent(t *testing.T) {
	for _, pair := range [][2]string{{"HX-100", "HX-101"}, {"ハイ", "バイ"}, {"東", "京"}, {"ab", "ba"}} {
		if registry.Fold(pair[0]) == registry.Fold(pair[1]) {
			t.Errorf("%q and %q fold to the same", pair[0], pair[1])
		}
	}
}

// Any piece of a field that starts and ends on a character is found again.
func TestPiecesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.StringOf(rapid.RuneFrom([]rune("東京カメラかめらー・AaBb019ﾊﾟ-_ %"))).Draw(t, "field")
		r := []rune(field)
		from := rapid.IntRange(0, len(r)).Draw(t, "from")
		to := rapid.IntRange(from, len(r)).Draw(t, "to")
		folded := registry.Fold("ほか", field)
		for _, term := range registry.FoldQuery(string(r[from:to])) {
			// A half-width voice mark joins the letter before it; cutting between
			// the two is no piece of the text.
			if to < len(r) && strings.ContainsRune("\uff9e\uff9f", r[to]) || from < len(r) && strings.ContainsRune("\uff9e\uff9f", r[from]) {
				return
			}
			if !strings.Contains(folded, term) {
				t.Fatalf("%q is not in %q", term, folded)
			}
		}
	})
}

func FuzzFold(f *testing.F) {
	f.Add("ネットワーク・カメラ HX-100")
	f.Fuzz(func(t *testing.T, s string) {
		once := registry.Fold(s)
		if !utf8.ValidString(once) {
			t.Errorf("%q is no text", once)
		}
		if twice := registry.Fold(once); twice != once {
			t.Errorf("folding %q again gives %q", once, twice)
		}
		for _, term := range registry.FoldQuery(s) {
			if strings.ContainsAny(term, "\n") || term == "" {
				t.Errorf("term %q", term)
			}
		}
	})
}
