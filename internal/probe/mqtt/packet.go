package mqtt

import (
	"encoding/binary"
	"slices"
)

// text is a string as packets carry it.
func text(s string) []byte {
	s = s[:min(len(s), 200)]
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// pack puts the fixed header before a body.
func pack(first byte, body []byte) []byte {
	out := []byte{first}
	for n := len(body); ; {
		c := byte(n % 128)
		if n /= 128; n > 0 {
			out = append(out, c|0x80)
			continue
		}
		return append(append(out, c), body...)
	}
}

// none are the properties of MQTT 5.0 that we do not set.
func none(level byte) []byte {
	if level == 5 {
		return []byte{0}
	}
	return nil
}

// anonymous is a CONNECT without user and password, with a clean session.
func anonymous(level byte, client string) []byte {
	return pack(0x10, slices.Concat(text("MQTT"), []byte{level, 2, 0, 30}, none(level), text(client)))
}

func subscribe(level byte, topics ...string) []byte {
	b := append([]byte{0, 1}, none(level)...)
	for _, t := range topics {
		b = append(append(b, text(t)...), 0) // at most once
	}
	return pack(0x82, b)
}

func publish(level byte, topic, payload string) []byte {
	return pack(0x30, slices.Concat(text(topic), none(level), []byte(payload)))
}

// packet is one packet of a stream.
type packet struct {
	kind, flags byte
	body        []byte
}

// packets takes a stream apart, as far as it has come whole.
func packets(b []byte) []packet {
	var out []packet
	for len(b) >= 2 && len(out) < 1000 {
		n, used := 0, 1
		for shift := 0; ; shift += 7 {
			if used >= len(b) || shift > 21 {
				return out
			}
			c := b[used]
			used++
			n |= int(c&0x7f) << shift
			if c&0x80 == 0 {
				break
			}
		}
		if n > len(b)-used {
			return out
		}
		out = append(out, packet{b[0] >> 4, b[0] & 15, b[used : used+n]})
		b = b[used+n:]
	}
	return out
}

// message reads a PUBLISH packet.
func (p packet) message(five bool) (topic, payload string, ok bool) {
	if p.kind != 3 || len(p.body) < 2 {
		return "", "", false
	}
	n := int(binary.BigEndian.Uint16(p.body))
	rest := p.body[2:]
	if n > len(rest) {
		return "", "", false
	}
	topic, rest = string(rest[:n]), rest[n:]
	if p.flags&6 != 0 { // a packet identifier
		if len(rest) < 2 {
			return "", "", false
		}
		rest = rest[2:]
	}
	if five {
		if len(rest) < 1 || rest[0] >= 0x80 || int(rest[0]) > len(rest)-1 {
			return "", "", false
		}
		rest = rest[1+int(rest[0]):]
	}
	return topic, string(rest), true
}

// cameBack reports that a message to the topic was delivered.
func cameBack(b []byte, level byte, topic string) bool {
	return slices.ContainsFunc(packets(b), func(p packet) bool {
		t, payload, ok := p.message(level == 5)
		return ok && t == topic && payload == "hoshi"
	})
}
