package label

import (
	"bytes"
	"strings"
	"testing"

	"hoshi/internal/fault"
)

// The code is linear, so that it is enough to look at error patterns: every single
// error (12 × 31) and every swap of two symbols (66 pairs × 31 differences) leaves
// a syndrome that is not zero.
func TestCheckSymbolExhaustive(t *testing.T) {
	errs := 0
	for i := range IDLen {
		for d := byte(1); d < 32; d++ {
			e := make([]byte, IDLen)
			e[i] = d
			if syndrome(e) == 0 {
				t.Errorf("a change by %d at %d is not noticed", d, i)
			}
			errs++
			for j := range i {
				e := make([]byte, IDLen)
				e[i], e[j] = d, d // swapping a and b adds a^b at both places
				if syndrome(e) == 0 {
					t.Errorf("a swap of %d and %d is not noticed", i, j)
				}
				errs++
			}
		}
	}
	if errs != 12*31+66*31 {
		t.Errorf("%d patterns tried", errs)
	}
	// Linearity itself, over a spread of words.
	for n := range 2000 {
		a, b, sum := make([]byte, IDLen), make([]byte, IDLen), make([]byte, IDLen)
		for i := range a {
			a[i], b[i] = byte(n*(i+7)>>1)&31, byte(n*n>>i)&31
			sum[i] = a[i] ^ b[i]
		}
		if syndrome(sum) != syndrome(a)^syndrome(b) {
			t.Fatalf("not linear at %v, %v", a, b)
		}
	}
}

// The same on printed ids, through the parser.
func TestParseIDRefusesEveryErrorOfAnID(t *testing.T) {
	for _, seed := range []byte{0, 1, 77, 200} {
		id, err := NewID(bytes.NewReader(bytes.Repeat([]byte{seed, seed * 3, seed + 9}, 4)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range IDLen {
			for j := range alphabet {
				b := []byte(id)
				if b[i] == alphabet[j] {
					continue
				}
				b[i] = alphabet[j]
				if got, err := ParseID(string(b)); err == nil {
					t.Fatalf("%s was read as %s, one symbol off %s", b, got, id)
				}
			}
			if i > 0 && id[i] != id[i-1] {
				b := []byte(id)
				b[i], b[i-1] = b[i-1], b[i]
				if got, err := ParseID(string(b)); err == nil {
					t.Fatalf("%s was read as %s, a swap of %s", b, got, id)
				}
			}
		}
	}
}

func TestParseIDReadsWhatPeopleWrite(t *testing.T) {
	id := compose([]byte{1, 0, 1, 0, 20, 31, 1, 0, 17, 5, 9})
	if !id.Valid() || len(id) != IDLen || strings.ContainsAny(string(id), "ILOU") {
		t.Fatalf("compose made %q", id)
	}
	s := string(id)
	for _, written := range []string{
		s, strings.ToLower(s), id.Grouped(), " " + id.Grouped() + " ",
		strings.NewReplacer("1", "I", "0", "O").Replace(s), strings.NewReplacer("1", "l", "0", "o").Replace(s),
	} {
		if got, err := ParseID(written); err != nil || got != id {
			t.Errorf("ParseID(%q) = %q, %v; want %q", written, got, err, id)
		}
	}
	for written, key := range map[string]string{
		"":                       "label.id.length",
		s[:11]:                   "label.id.length",
		s + "0":                  "label.id.length",
		"U" + s[1:]:              "label.id.symbol",
		"é" + s[1:]:              "label.id.symbol",
		strings.Repeat("0", 100): "label.id.length",
	} {
		_, err := ParseID(written)
		f, ok := err.(*fault.Error)
		if !ok || f.Kind != fault.Invalid || f.Key != key {
			t.Errorf("ParseID(%q) = %v, want %s", written, err, key)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("7K3M-9Q2X-VA4T")
	f.Add("０００")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			return
		}
		if !id.Valid() {
			t.Errorf("ParseID(%q) = %q, which is not valid", s, id)
		}
		if again, err := ParseID(id.Grouped()); err != nil || again != id {
			t.Errorf("%q does not come back: %q, %v", id, again, err)
		}
	})
}

func TestQRIsSmallestAndAlphanumeric(t *testing.T) {
	id := compose([]byte{7, 18, 3, 19, 9, 22, 2, 28, 26, 10, 4})
	u, err := URL("https://star.example.go.jp", id)
	if err != nil {
		t.Fatal(err)
	}
	if len(u) != 41 {
		t.Fatalf("%s has %d characters, want 41", u, len(u))
	}
	q, err := NewQR(u)
	if err != nil {
		t.Fatal(err)
	}
	if q.Size() != 29 {
		t.Errorf("%d modules, want 29", q.Size())
	}
	// The same in lower case needs bytes and a bigger symbol: the mode matters.
	lower, err := NewQR(strings.ToLower(u))
	if err != nil {
		t.Fatal(err)
	}
	if lower.Size() != 33 {
		t.Errorf("lower case: %d modules, want 33", lower.Size())
	}
	for _, host := range []string{"", "star.example", "http://star.example", "https://a/b", "https://日本.jp", "https://a b", "https://x_y.jp", "https://u@a.jp", "ftp://127.0.0.1"} {
		if u, err := URL(host, id); err == nil {
			t.Errorf("URL(%q) = %s, want an error", host, u)
		}
	}
	// A port is allowed: the demo runs on one.
	if u, err := URL("http://127.0.0.1:8443", id); err != nil || u != "HTTP://127.0.0.1:8443/L/"+string(id) {
		t.Errorf("URL = %s, %v", u, err)
	}
}
