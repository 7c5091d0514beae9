package snmp

import (
	"math/big"
	"strconv"
	"strings"
)

// Tags of the Basic Encoding Rules that SNMP uses (RFC 3416, section 3).
const (
	tagInteger  = 0x02
	tagString   = 0x04
	tagNull     = 0x05
	tagOID      = 0x06
	tagSequence = 0x30
	tagCounter  = 0x41
	tagTicks    = 0x43
)

// tlv encodes one element.
func tlv(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := []byte{tag}
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// integer encodes a number that is not negative.
func integer(n int64) []byte {
	b := big.NewInt(n).Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return tlv(tagInteger, b)
}

// objectID encodes "1.3.6.1…", which is ours and well-formed.
func objectID(dotted string) []byte {
	var ids []uint64
	for _, s := range strings.Split(dotted, ".") {
		n, _ := strconv.ParseUint(s, 10, 32)
		ids = append(ids, n)
	}
	out := []byte{byte(ids[0]*40 + ids[1])}
	for _, n := range ids[2:] {
		part := []byte{byte(n & 0x7f)}
		for n >>= 7; n > 0; n >>= 7 {
			part = append([]byte{byte(n&0x7f) | 0x80}, part...)
		}
		out = append(out, part...)
	}
	return tlv(tagOID, out)
}

// reader takes one element after the other; ok turns false at the first fault
// and stays so.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) next() (tag byte, value []byte) {
	if r.bad || len(r.b) < 2 {
		r.bad = true
		return 0, nil
	}
	tag = r.b[0]
	n, rest := int(r.b[1]), r.b[2:]
	if n >= 0x80 {
		k := n & 0x7f
		if k == 0 || k > 3 || len(rest) < k {
			r.bad = true
			return 0, nil
		}
		n = 0
		for _, c := range rest[:k] {
			n = n<<8 | int(c)
		}
		rest = rest[k:]
	}
	if n > len(rest) {
		r.bad = true
		return 0, nil
	}
	r.b = rest[n:]
	return tag, rest[:n]
}

// want takes an element of one tag.
func (r *reader) want(tag byte) []byte {
	got, v := r.next()
	if got != tag {
		r.bad = true
		return nil
	}
	return v
}

func (r *reader) number() int64 { return number(r.want(tagInteger)) }

// number reads an integer, counter or time; 0 when it does not fit.
func number(b []byte) int64 {
	if len(b) == 0 || len(b) > 8 {
		return 0
	}
	n := int64(int8(b[0]))
	for _, c := range b[1:] {
		n = n<<8 | int64(c)
	}
	return n
}

// dotted reads an object identifier; "" when it is not one.
func dotted(b []byte) string {
	if len(b) == 0 || len(b) > 128 {
		return ""
	}
	var s strings.Builder
	s.WriteString(strconv.Itoa(int(b[0]) / 40))
	s.WriteString("." + strconv.Itoa(int(b[0])%40))
	n, open := uint64(0), false
	for _, c := range b[1:] {
		if n > 1<<32 {
			return ""
		}
		n, open = n<<7|uint64(c&0x7f), c&0x80 != 0
		if !open {
			s.WriteString("." + strconv.FormatUint(n, 10))
			n = 0
		}
	}
	if open {
		return ""
	}
	return s.String()
}
