package cli

import (
	"testing"

	"hoshi/internal/i18n"
)

// Japanese text is cut by what it takes on the screen, never through a character.
func TestFit(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		l    i18n.Lang
		want string
	}{
		{"機器の様子", 10, i18n.JA, "機器の様子"},
		{"機器の様子", 9, i18n.JA, "機器の.."},
		{"機器の様子", 8, i18n.JA, "機器の.."},
		{"ｶﾀｶﾅ", 4, i18n.JA, "ｶﾀｶﾅ"},
		{"が゙", 2, i18n.JA, "が゙"},
		{"…", 1, i18n.EN, "…"},
		{"…", 1, i18n.JA, ".."},
		{"device", 5, i18n.EN, "dev.."},
	} {
		if got := fit(c.s, c.most, c.l); got != c.want {
			t.Errorf("%q in %d (%s): %q, want %q", c.s, c.most, c.l, got, c.want)
		}
	}
}

func TestGroup(t *testing.T) {
	for n, want := range map[int]string{0: "0", 17: "17", 999: "999", 65518: "65,518", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := group(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// Lines break between words, in Japanese anywhere but before a closing sign.
func TestWrap(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		l    i18n.Lang
		want string
	}{
		{"short", 10, i18n.EN, "short"},
		{"the device does not answer", 11, i18n.EN, "the device\ndoes not\nanswer"},
		{"  the device does", 9, i18n.EN, "  the\n  device\n  does"},
		{"機器を試験します。", 8, i18n.JA, "機器を試\n験しま\nす。"},
		{"機器（カメラ）", 7, i18n.JA, "機器\n（カメ\nラ）"},
		{"Ctrl-C を押す", 10, i18n.JA, "Ctrl-C を\n押す"},
		{"a-very-long-word", 5, i18n.EN, "a-very-long-word"},
		{"one\n  two three", 8, i18n.EN, "one\n  two\n  three"},
	} {
		if got := wrap(c.s, c.most, c.l); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.s, c.most, got, c.want)
		}
	}
}
