package practice

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Tags of BER that SNMP uses.
const (
	berInt   = 0x02
	berBytes = 0x04
	berNull  = 0x05
	berOID   = 0x06
	berSeq   = 0x30
	berTicks = 0x43
)

// ber wraps a content in tag and length.
func ber(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := []byte{tag}
	switch {
	case n < 128:
		out = append(out, byte(n))
	case n < 256:
		out = append(out, 0x81, byte(n))
	default:
		out = binary.BigEndian.AppendUint16(append(out, 0x82), uint16(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// berNumber is a number of any tag, not negative.
func berNumber(tag byte, n uint64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{0}, n)
	for len(b) > 1 && b[0] == 0 && b[1] < 0x80 {
		b = b[1:]
	}
	return ber(tag, b)
}

// unber splits the first value off.
func unber(b []byte) (tag byte, content, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag, n := b[0], int(b[1])
	b = b[2:]
	if n >= 0x80 {
		k := n & 0x7f
		if k < 1 || k > 2 || len(b) < k {
			return 0, nil, nil, false
		}
		n = 0
		for _, x := range b[:k] {
			n = n<<8 | int(x)
		}
		b = b[k:]
	}
	if len(b) < n {
		return 0, nil, nil, false
	}
	return tag, b[:n], b[n:], true
}

// berReader reads values one after the other; the first that is not as wanted
// makes all that follow fail.
type berReader struct {
	b   []byte
	bad bool
}

func (r *berReader) next(tag byte) []byte {
	got, content, rest, ok := unber(r.b)
	if r.bad || !ok || got != tag {
		r.bad = true
		return nil
	}
	r.b = rest
	return content
}

func (r *berReader) number() uint64 {
	b := r.next(berInt)
	if len(b) == 0 || len(b) > 8 || b[0] >= 0x80 {
		r.bad = true
		return 0
	}
	var n uint64
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}

// oid writes an object identifier in its content form.
func oid(s string) []byte {
	parts := strings.Split(s, ".")
	var out []byte
	for i, p := range parts {
		n, _ := strconv.ParseUint(p, 10, 32)
		switch {
		case i == 0 && len(parts) > 1:
			m, _ := strconv.ParseUint(parts[1], 10, 32)
			n = n*40 + m
		case i == 1:
			continue
		}
		var b []byte
		for b = []byte{byte(n & 127)}; n > 127; {
			n >>= 7
			b = append([]byte{byte(n&127) | 128}, b...)
		}
		out = append(out, b...)
	}
	return out
}
