// Package label makes what carries a label: its id, its QR code, its artwork, and
// its statement, the public document that anybody can verify.
//
// It decides nothing about labels and stores none. The artwork is a sample design
// of Hoshi's own and stands for no existing mark. Start at [Statement].
package label

import (
	"io"
	"strings"

	"hoshi/internal/fault"
)

// alphabet is Crockford's base 32: no I, L, O, U.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// IDLen is the number of symbols of an ID, the check symbol included.
const IDLen = 12

// ID names a label on the product: eleven random symbols (55 bits) and a check
// symbol of the same alphabet. The check symbol makes Σ αⁱ·cᵢ = 0 over GF(32),
// i counting from 0 at the check symbol; α has order 31, so that every single wrong
// symbol and every two symbols swapped, adjacent or not, are noticed.
type ID string

// values maps a byte to its symbol's value, or -1. Letters that people mistake
// (I, L for 1; O for 0) and lower case are read as what was meant.
var values = func() (v [256]int8) {
	for i := range v {
		v[i] = -1
	}
	set := func(c byte, n int) { v[c], v[c|0x20] = int8(n), int8(n) }
	for i := range len(alphabet) {
		if c := alphabet[i]; c >= 'A' {
			set(c, i)
		} else {
			v[c] = int8(i)
		}
	}
	set('I', 1)
	set('L', 1)
	set('O', 0)
	return v
}()

// powers of α = x in GF(2)[x]/(x⁵+x²+1).
var powers = func() (p [31]byte) {
	x := byte(1)
	for i := range p {
		p[i] = x
		if x <<= 1; x&0x20 != 0 {
			x ^= 0x25
		}
	}
	return p
}()

func times(a, b byte) byte {
	var r byte
	for ; b != 0; b >>= 1 {
		if b&1 != 0 {
			r ^= a
		}
		if a <<= 1; a&0x20 != 0 {
			a ^= 0x25
		}
	}
	return r
}

// syndrome is 0 for a correct id of symbol values, the check symbol last.
func syndrome(c []byte) byte {
	var s byte
	for i, v := range c {
		s ^= times(powers[(len(c)-1-i)%31], v)
	}
	return s
}

// NewID draws an id. Two draws may, very rarely, agree: the store keeps ids unique.
func NewID(rand io.Reader) (ID, error) {
	var b [IDLen]byte
	if _, err := io.ReadFull(rand, b[:IDLen-1]); err != nil {
		return "", err
	}
	return compose(b[:IDLen-1]), nil
}

// compose makes an id of eleven values; only their low five bits count.
func compose(b []byte) ID {
	c := make([]byte, IDLen)
	for i := range IDLen - 1 {
		c[i] = b[i] & 31
	}
	c[IDLen-1] = syndrome(c) // its weight is α⁰ = 1, and 1·s = s
	for i, v := range c {
		c[i] = alphabet[v]
	}
	return ID(c)
}

// ParseID reads an id as people write it: lower case, hyphens and spaces, and the
// letters I, L, O for the digits that they resemble. A wrong length, a symbol that
// does not exist and a wrong check symbol are fault.Invalid, each with its reason.
func ParseID(text string) (ID, error) {
	if len(text) > 64 {
		return "", fault.New(fault.Invalid, "label.ParseID", "label.id.length", "n", len(text))
	}
	var c []byte
	for i, r := range text {
		if r == '-' || r == ' ' {
			continue
		}
		if r > 0x7f || values[byte(r)] < 0 {
			return "", &fault.Error{Kind: fault.Invalid, Op: "label.ParseID", Key: "label.id.symbol",
				Args: fault.Args{"symbol": string(r), "at": len([]rune(text[:i])) + 1}}
		}
		c = append(c, byte(values[byte(r)]))
	}
	if len(c) != IDLen {
		return "", fault.New(fault.Invalid, "label.ParseID", "label.id.length", "n", len(c))
	}
	if syndrome(c) != 0 {
		return "", fault.New(fault.Invalid, "label.ParseID", "label.id.check", "id", group(c))
	}
	for i, v := range c {
		c[i] = alphabet[v]
	}
	return ID(c), nil
}

func group(c []byte) string {
	var b strings.Builder
	for i, v := range c {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[v])
	}
	return b.String()
}

// Grouped is the id in clear as people read it aloud: "7K3M-9Q2X-VA4T".
func (id ID) Grouped() string {
	if len(id) != IDLen {
		return string(id)
	}
	return string(id[:4] + "-" + id[4:8] + "-" + id[8:])
}

// Valid reports whether the id is in its one canonical form.
func (id ID) Valid() bool {
	got, err := ParseID(string(id))
	return err == nil && got == id
}
