package tls

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version is a protocol version as on the wire.
type Version uint16

// The versions that are asked for.
const (
	SSL20 Version = 0x0002
	SSL30 Version = 0x0300
	TLS10 Version = 0x0301
	TLS11 Version = 0x0302
	TLS12 Version = 0x0303
	TLS13 Version = 0x0304
)

// Versions lists all, the newest first.
var Versions = []Version{TLS13, TLS12, TLS11, TLS10, SSL30, SSL20}

// String is the name that facts use.
func (v Version) String() string {
	switch v {
	case SSL20:
		return "SSL 2.0"
	case SSL30:
		return "SSL 3.0"
	case TLS10:
		return "TLS 1.0"
	case TLS11:
		return "TLS 1.1"
	case TLS12:
		return "TLS 1.2"
	case TLS13:
		return "TLS 1.3"
	}
	return "unknown"
}

// Hello builds one ClientHello record that offers exactly one version and the
// given suites. random must hold 96 bytes: client random, session id, key share.
func Hello(v Version, suites []uint16, random []byte) []byte {
	if v == SSL20 {
		return hello2(suites, random)
	}
	return hello(v, suites, groupsOf(v), v == TLS13, random)
}

// hello is Hello with the groups given. Without a share a TLS 1.3 server names the
// group that it wants.
func hello(v Version, suites, groups []uint16, share bool, random []byte) []byte {
	var b []byte
	legacy := min(v, TLS12)
	b = binary.BigEndian.AppendUint16(b, uint16(legacy))
	b = append(b, random[:32]...)
	if v == TLS13 {
		b = append(b, 32)
		b = append(b, random[32:64]...)
	} else {
		b = append(b, 0)
	}
	n := len(suites)
	if v != TLS13 {
		n++ // the signalling value for safe renegotiation, which strict servers want
	}
	b = binary.BigEndian.AppendUint16(b, uint16(2*n))
	for _, s := range suites {
		b = binary.BigEndian.AppendUint16(b, s)
	}
	if v != TLS13 {
		b = append(b, 0x00, 0xff)
	}
	b = append(b, 1, 0) // no compression
	if v > SSL30 {
		e := extensions(v, groups, share, random[64:96])
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	hs := []byte{1, byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}
	hs = append(hs, b...)
	rec := []byte{22, 3, 1, 0, 0}
	if v == SSL30 {
		rec[2] = 0
	}
	binary.BigEndian.PutUint16(rec[3:], uint16(len(hs)))
	return append(rec, hs...)
}

// groupsOf are the key exchange groups offered with a version; the last of TLS 1.3
// are hybrids that resist quantum computers.
func groupsOf(v Version) []uint16 {
	groups := []uint16{0x001d, 0x0017, 0x0018, 0x0019, 0x001e}
	if v == TLS13 {
		return append(groups, 0x001f, 0x0020, 0x0021, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104, 0x11ec, 0x11eb, 0x11ed)
	}
	return append(groups, 0x001a, 0x001b, 0x001c, 0x0016, 0x0015, 0x0014, 0x0013, 0x0012, 0x0011, 0x0010, 0x000f, 0x000e, 0x000d, 0x000b, 0x000c,
		0x0009, 0x000a, 0x0008, 0x0007, 0x0006, 0x0005, 0x0004, 0x0003, 0x0002, 0x0001)
}

// groups holds names of the IANA registry.
var groups = map[uint16]string{
	0x0001: "sect163k1", 0x0002: "sect163r1", 0x0003: "sect163r2", 0x0004: "sect193r1", 0x0005: "sect193r2", 0x0006: "sect233k1", 0x0007: "sect233r1",
	0x0008: "sect239k1", 0x0009: "sect283k1", 0x000a: "sect283r1", 0x000b: "sect409k1", 0x000c: "sect409r1", 0x000d: "sect571k1", 0x000e: "sect571r1",
	0x000f: "secp160k1", 0x0010: "secp160r1", 0x0011: "secp160r2", 0x0012: "secp192k1", 0x0013: "secp192r1", 0x0014: "secp224k1", 0x0015: "secp224r1",
	0x0016: "secp256k1", 0x0017: "secp256r1", 0x0018: "secp384r1", 0x0019: "secp521r1", 0x001a: "brainpoolP256r1", 0x001b: "brainpoolP384r1",
	0x001c: "brainpoolP512r1", 0x001d: "x25519", 0x001e: "x448", 0x001f: "brainpoolP256r1tls13", 0x0020: "brainpoolP384r1tls13", 0x0021: "brainpoolP512r1tls13",
	0x0100: "ffdhe2048", 0x0101: "ffdhe3072", 0x0102: "ffdhe4096", 0x0103: "ffdhe6144", 0x0104: "ffdhe8192",
	0x11eb: "SecP256r1MLKEM768", 0x11ec: "X25519MLKEM768", 0x11ed: "SecP384r1MLKEM1024",
}

// Group returns the registered name of a key exchange group, or its number in hex.
func Group(id uint16) string {
	if n, ok := groups[id]; ok {
		return n
	}
	return fmt.Sprintf("0x%04X", id)
}

func extensions(v Version, groups []uint16, share bool, random []byte) []byte {
	var b []byte
	ext := func(id uint16, body []byte) {
		b = binary.BigEndian.AppendUint16(b, id)
		b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
		b = append(b, body...)
	}
	list16 := func(ids ...uint16) []byte {
		body := binary.BigEndian.AppendUint16(nil, uint16(2*len(ids)))
		for _, id := range ids {
			body = binary.BigEndian.AppendUint16(body, id)
		}
		return body
	}
	ext(10, list16(groups...))
	if v != TLS13 {
		ext(11, []byte{1, 0})
		ext(35, nil)
		ext(23, nil)
	}
	if v >= TLS12 {
		ext(13, list16(0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b,
			0x0401, 0x0501, 0x0601, 0x0402, 0x0303, 0x0301, 0x0302, 0x0203, 0x0201, 0x0202))
	}
	if v == TLS13 {
		ext(43, []byte{2, 3, 4})
		if share {
			ext(51, append([]byte{0, 36, 0, 29, 0, 32}, random...))
		} else {
			ext(51, []byte{0, 0})
		}
	}
	return b
}

// offered reads version and suites back from a ClientHello that Hello built.
func offered(b []byte) (Version, []uint16, error) {
	bad := errors.New("not a ClientHello")
	if suites, ok := offered2(b); ok {
		return SSL20, suites, nil
	}
	if len(b) < 9 || b[0] != 22 || b[5] != 1 {
		return 0, nil, bad
	}
	r := reader{b: b[9:]}
	v := Version(r.u16())
	r.skip(32)
	r.skip(int(r.u8()))
	list := reader{b: r.take(int(r.u16()))}
	var suites []uint16
	for len(list.b) >= 2 {
		if s := list.u16(); s != 0x00ff {
			suites = append(suites, s)
		}
	}
	r.skip(int(r.u8()))
	if !r.bad && len(r.b) > 0 {
		x := reader{b: r.take(int(r.u16()))}
		for len(x.b) >= 4 && !x.bad {
			id := x.u16()
			if body := x.take(int(x.u16())); id == 43 && len(body) == 3 {
				v = Version(binary.BigEndian.Uint16(body[1:]))
			}
		}
	}
	if r.bad || len(suites) == 0 {
		return 0, nil, bad
	}
	return v, suites, nil
}

// Answer is what a server said to a ClientHello.
type Answer struct {
	TLS     bool     // the bytes are TLS at all
	Hello   bool     // a ServerHello or HelloRetryRequest: accepted
	Version Version  // when Hello
	Suite   uint16   // when Hello
	Suites  []uint16 // of SSL 2.0, where the server names all it accepts
	Group   uint16   // that a TLS 1.3 server chose or asks for; 0 = not said
	Alert   byte     // description, when an alert came
}

// ParseAnswer reads the first message of a server. It needs no more than the
// first record, and never panics on foreign bytes.
func ParseAnswer(b []byte) Answer {
	if a, ok := answer2(b); ok {
		return a
	}
	if len(b) < 5 || b[1] != 3 || b[2] > 4 {
		return Answer{}
	}
	body := b[5:]
	if n := int(binary.BigEndian.Uint16(b[3:5])); len(body) > n {
		body = body[:n]
	}
	switch b[0] {
	case 21:
		if len(body) < 2 || body[0] != 1 && body[0] != 2 {
			return Answer{}
		}
		return Answer{TLS: true, Alert: body[1]}
	case 22:
		if len(body) < 4 || body[0] != 2 {
			return Answer{}
		}
		r := reader{b: body[4:]}
		a := Answer{TLS: true, Version: Version(r.u16())}
		r.skip(32)
		r.skip(int(r.u8()))
		a.Suite = r.u16()
		r.skip(1)
		if r.bad {
			return Answer{TLS: true}
		}
		if len(r.b) >= 2 {
			x := reader{b: r.take(int(r.u16()))}
			for len(x.b) >= 4 && !x.bad {
				id := x.u16()
				e := x.take(int(x.u16()))
				switch {
				case id == 43 && len(e) == 2:
					a.Version = Version(binary.BigEndian.Uint16(e))
				case id == 51 && len(e) >= 2:
					a.Group = binary.BigEndian.Uint16(e)
				}
			}
		}
		a.Hello = true
		return a
	}
	return Answer{}
}

// Enough reports that the first record has been read whole.
func Enough(b []byte) bool {
	if n, ok := length2(b); ok {
		return len(b) >= n
	}
	return len(b) >= 5 && len(b) >= 5+int(binary.BigEndian.Uint16(b[3:5]))
}

// reader takes big-endian fields; bad is set, and stays, when bytes run out.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) skip(n int) { r.take(n) }

func (r *reader) u8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}
