package mdns

import (
	"encoding/binary"
	"strings"
)

// Record types (RFC 1035, RFC 2782).
const (
	typePTR = 12
	typeTXT = 16
	typeSRV = 33
)

// maxRecords bounds what is read of one message.
const maxRecords = 256

// labels is a name of DNS. Labels of DNS-SD may hold any text, also dots.
type labels []string

// String writes the name with dots; those within a label stand after a backslash.
func (l labels) String() string {
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), ".", `\.`)
	}
	return strings.Join(out, ".")
}

// is compares names as DNS does.
func (l labels) is(name string) bool { return strings.EqualFold(l.String(), name) }

// entry is one record of an answer.
type entry struct {
	name   labels
	kind   uint16
	target labels   // of PTR and SRV
	port   int      // of SRV
	text   []string // of TXT
}

// question builds a query of PTR, or of SRV and TXT when instance is set, that
// wants its answer sent to us alone (RFC 6762, section 5.4).
func question(names []labels, kinds ...uint16) []byte {
	b := make([]byte, 12)
	binary.BigEndian.PutUint16(b[4:], uint16(len(names)*len(kinds)))
	for _, n := range names {
		for _, k := range kinds {
			for _, l := range n {
				l = l[:min(len(l), 63)]
				b = append(append(b, byte(len(l))), l...)
			}
			b = append(b, 0)
			b = binary.BigEndian.AppendUint16(b, k)
			b = binary.BigEndian.AppendUint16(b, 0x8001)
		}
	}
	return b
}

// parse reads the records of an answer, all sections alike. ok reports that it is
// an answer and that all of it could be read.
func parse(b []byte) (out []entry, authoritative, ok bool) {
	if len(b) < 12 || b[2]&0x80 == 0 {
		return nil, false, false
	}
	authoritative = b[2]&0x04 != 0
	questions := int(binary.BigEndian.Uint16(b[4:]))
	records := int(binary.BigEndian.Uint16(b[6:])) + int(binary.BigEndian.Uint16(b[8:])) + int(binary.BigEndian.Uint16(b[10:]))
	if questions > maxRecords || records > maxRecords {
		return nil, authoritative, false
	}
	at := 12
	for range questions {
		if _, at, ok = name(b, at); !ok || at+4 > len(b) {
			return nil, authoritative, false
		}
		at += 4
	}
	for range records {
		var e entry
		if e.name, at, ok = name(b, at); !ok || at+10 > len(b) {
			return out, authoritative, false
		}
		e.kind = binary.BigEndian.Uint16(b[at:])
		start := at + 10
		end := start + int(binary.BigEndian.Uint16(b[at+8:]))
		if end > len(b) {
			return out, authoritative, false
		}
		switch e.kind {
		case typePTR:
			e.target, _, ok = name(b, start)
		case typeSRV:
			if end-start < 7 {
				return out, authoritative, false
			}
			e.port = int(binary.BigEndian.Uint16(b[start+4:]))
			e.target, _, ok = name(b, start+6)
		case typeTXT:
			for p := start; p < end; {
				n := int(b[p])
				if p+1+n > end {
					return out, authoritative, false
				}
				if n > 0 {
					e.text = append(e.text, string(b[p+1:p+1+n]))
				}
				p += 1 + n
			}
		}
		if !ok {
			return out, authoritative, false
		}
		out = append(out, e)
		at = end
	}
	return out, authoritative, true
}

// name reads a name that may be compressed, and where the next thing begins.
func name(b []byte, at int) (out labels, next int, ok bool) {
	next = -1
	for size, jumps := 0, 0; at < len(b); {
		n := int(b[at])
		switch {
		case n == 0:
			if next < 0 {
				next = at + 1
			}
			return out, next, true
		case n&0xc0 == 0xc0:
			if at+2 > len(b) || jumps > 32 {
				return nil, 0, false
			}
			if next < 0 {
				next = at + 2
			}
			at, jumps = int(binary.BigEndian.Uint16(b[at:])&0x3fff), jumps+1
		case n > 63 || at+1+n > len(b):
			return nil, 0, false
		default:
			if size += n + 1; size > 255 {
				return nil, 0, false
			}
			out = append(out, string(b[at+1:at+1+n]))
			at += 1 + n
		}
	}
	return nil, 0, false
}
