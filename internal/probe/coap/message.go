package coap

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Kinds of messages (RFC 7252, section 3).
const (
	confirmable = 0
	acknowledge = 2
	reset       = 3
)

// Option numbers.
const (
	optPath    = 11
	optFormat  = 12
	optBlock2  = 23
	formatLink = 40 // application/link-format
)

// mid is the message id of every question.
const mid = 0x4853

// token of every question.
const token = "Ho"

// Codes that requests and answers carry.
const (
	codeGet = 0x01
	codePut = 0x03
)

// message is a CoAP message.
type message struct {
	kind    byte
	code    byte // 0x45 = 2.05
	id      uint16
	token   string
	format  int  // -1 = not told
	more    bool // a further block follows
	block   int
	size    byte // exponent of the block size
	payload []byte
}

// build makes a request. block 0 leaves the choice of block size to the server.
func build(code byte, path string, block int, size byte, payload []byte, format int) []byte {
	out := []byte{0x40 | confirmable<<4 | byte(len(token)), code}
	out = binary.BigEndian.AppendUint16(out, mid+uint16(block))
	out = append(out, token...)
	last := 0
	option := func(number int, value []byte) {
		delta, n := number-last, len(value)
		last = number
		head := byte(0)
		var ext []byte
		for i, v := range []int{delta, n} {
			nibble := byte(v)
			switch {
			case v >= 269:
				nibble = 14
				ext = binary.BigEndian.AppendUint16(ext, uint16(v-269))
			case v >= 13:
				nibble = 13
				ext = append(ext, byte(v-13))
			}
			head |= nibble << (4 * (1 - i))
		}
		out = append(append(append(out, head), ext...), value...)
	}
	for _, s := range strings.Split(strings.Trim(path, "/"), "/") {
		if s != "" {
			option(optPath, []byte(s))
		}
	}
	if payload != nil && format >= 0 {
		option(optFormat, number(format))
	}
	if block > 0 {
		option(optBlock2, number(block<<4|int(size)))
	}
	if len(payload) > 0 {
		out = append(append(out, 0xff), payload...)
	}
	return out
}

// number encodes an option's number in as few bytes as it takes.
func number(n int) []byte {
	return bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, uint32(n)), "\x00")
}

// parse reads a message.
func parse(b []byte) (message, bool) {
	m := message{format: -1}
	if len(b) < 4 || b[0]>>6 != 1 || b[0]&15 > 8 || len(b) < 4+int(b[0]&15) {
		return m, false
	}
	m.kind, m.code, m.id = b[0]>>4&3, b[1], binary.BigEndian.Uint16(b[2:])
	n := int(b[0] & 15)
	m.token, b = string(b[4:4+n]), b[4+n:]
	if m.code == 0 {
		return m, n == 0 && len(b) == 0
	}
	at := 0
	for len(b) > 0 {
		if b[0] == 0xff {
			m.payload = b[1:]
			return m, len(m.payload) > 0
		}
		delta, size := int(b[0]>>4), int(b[0]&15)
		b = b[1:]
		for _, v := range []*int{&delta, &size} {
			switch *v {
			case 13:
				if len(b) < 1 {
					return m, false
				}
				*v, b = int(b[0])+13, b[1:]
			case 14:
				if len(b) < 2 {
					return m, false
				}
				*v, b = int(binary.BigEndian.Uint16(b))+269, b[2:]
			case 15:
				return m, false
			}
		}
		if size > len(b) {
			return m, false
		}
		at += delta
		v := 0
		for _, c := range b[:min(size, 4)] {
			v = v<<8 | int(c)
		}
		switch at {
		case optFormat:
			m.format = v
		case optBlock2:
			if size <= 3 {
				m.block, m.more, m.size = v>>4, v&8 != 0, byte(v&7)
			}
		}
		b = b[size:]
	}
	return m, true
}

// answers reports that the message answers one of ours.
func (m message) answers() bool {
	class := m.code >> 5
	return class >= 2 && class <= 5 && m.token == token || m.code == 0 && (m.kind == acknowledge || m.kind == reset) && m.id >= mid && m.id < mid+maxBlocks
}

// dotted writes a code as people do: "2.05".
func dotted(code byte) string {
	return string([]byte{'0' + code>>5, '.', '0' + code&31/10, '0' + code&31%10})
}
