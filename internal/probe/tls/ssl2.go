package tls

import "encoding/binary"

// hello2 builds the CLIENT-HELLO of SSL 2.0.
func hello2(suites []uint16, random []byte) []byte {
	b := []byte{1, 0, 2}
	b = binary.BigEndian.AppendUint16(b, uint16(3*len(suites)))
	b = append(b, 0, 0, 0, 16) // no session id; a challenge of 16 bytes
	for _, s := range suites {
		b = append(b, byte(s>>8), 0, byte(s))
	}
	b = append(b, random[:16]...)
	return append(binary.BigEndian.AppendUint16(nil, 0x8000|uint16(len(b))), b...)
}

// length2 reads the header of an SSL 2.0 record: the length with the header.
func length2(b []byte) (int, bool) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return 0, false
	}
	return 2 + int(b[0]&0x7f)<<8 + int(b[1]), true
}

func kinds2(b []byte) []uint16 {
	out := []uint16{}
	for ; len(b) >= 3; b = b[3:] {
		if b[1] == 0 {
			out = append(out, uint16(b[0])<<8|uint16(b[2]))
		}
	}
	return out
}

func offered2(b []byte) ([]uint16, bool) {
	n, ok := length2(b)
	if !ok || len(b) != n || n < 11 || b[2] != 1 || b[3] != 0 || b[4] != 2 {
		return nil, false
	}
	r := reader{b: b[5:]}
	k := int(r.u16())
	r.skip(4)
	out := kinds2(r.take(k))
	return out, !r.bad && len(out) > 0
}

// answer2 reads a SERVER-HELLO of SSL 2.0.
func answer2(b []byte) (Answer, bool) {
	n, ok := length2(b)
	if !ok || len(b) < n || n < 13 || b[2] != 4 || b[5] != 0 || b[6] != 2 {
		return Answer{}, false
	}
	r := reader{b: b[7:n]}
	cert, kinds := int(r.u16()), int(r.u16())
	r.skip(2 + cert)
	list := r.take(kinds)
	if r.bad {
		return Answer{}, false
	}
	a := Answer{TLS: true, Hello: true, Version: SSL20, Suites: kinds2(list)}
	if len(a.Suites) > 0 {
		a.Suite = a.Suites[0]
	}
	return a, true
}
