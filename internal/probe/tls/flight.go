package tls

import (
	"encoding/binary"
	"math/big"
	"strings"
)

// maxFlight bounds what is read of a server's first messages.
const maxFlight = 30 << 10

// flight is what a server sends in plain text up to TLS 1.2, before the client
// has to answer.
type flight struct {
	chain  [][]byte // certificates as sent, the server's own first
	group  uint16   // curve of an ephemeral key, 0 = none
	dhBits int      // size of the prime of an ephemeral key, 0 = none
	done   bool     // read to the end
}

// messages joins the handshake records; alert is true when one came or the bytes
// stop being TLS.
func messages(b []byte) (m []byte, alert bool) {
	for len(b) >= 5 {
		n := int(binary.BigEndian.Uint16(b[3:5]))
		if b[1] != 3 || b[0] != 22 {
			return m, true
		}
		if len(b) < 5+n {
			return m, false
		}
		m = append(m, b[5:5+n]...)
		b = b[5+n:]
	}
	return m, false
}

// flown reports that a flight has been read whole, or can bring nothing more.
func flown(b []byte) bool {
	m, over := messages(b)
	return over || parseMessages(m, "").done
}

// parseFlight reads certificates and the ephemeral key's size.
func parseFlight(b []byte) flight {
	a := ParseAnswer(b)
	if !a.Hello || a.Version == TLS13 || a.Version == SSL20 {
		return flight{}
	}
	m, _ := messages(b)
	return parseMessages(m, Suite(a.Suite))
}

func parseMessages(m []byte, suite string) flight {
	var f flight
	for len(m) >= 4 {
		n := int(m[1])<<16 | int(m[2])<<8 | int(m[3])
		if len(m) < 4+n {
			break
		}
		body := m[4 : 4+n]
		switch m[0] {
		case 11:
			f.chain = certificates(body)
		case 12:
			r := reader{b: body}
			switch {
			case strings.Contains(suite, "PSK"): // a hint stands before the key
			case strings.HasPrefix(suite, "TLS_ECDH"):
				if r.u8() == 3 {
					f.group = r.u16()
				}
			case strings.HasPrefix(suite, "TLS_DH"):
				f.dhBits = new(big.Int).SetBytes(r.take(int(r.u16()))).BitLen()
			}
		case 14:
			f.done = true
			return f
		}
		m = m[4+n:]
	}
	return f
}

// certificates reads a certificate_list: lengths of three bytes, as in TLS 1.2.
func certificates(b []byte) [][]byte {
	r := reader{b: b}
	u24 := func() int { return int(r.u8())<<16 | int(r.u16()) }
	r = reader{b: r.take(u24())}
	var out [][]byte
	for len(r.b) > 0 && !r.bad && len(out) < 16 {
		if c := r.take(u24()); len(c) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// list renders certificates as certificates reads them.
func list(chain [][]byte) []byte {
	var b []byte
	for _, c := range chain {
		b = append(b, byte(len(c)>>16), byte(len(c)>>8), byte(len(c)))
		b = append(b, c...)
	}
	return append([]byte{byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}, b...)
}
