package ipp

import "encoding/binary"

// Operations that change nothing (RFC 8011 4.2, 4.3).
const (
	printerAttributes = 0x000b
	defaultPrinter    = 0x4001 // of CUPS servers
	validateJob       = 0x0004 // would a job be taken? None is made.
	getJobs           = 0x000a
)

// request builds an IPP 1.1 request (RFC 8010 3).
func request(operation uint16, uri string, keywords ...string) []byte {
	b := []byte{1, 1}
	b = binary.BigEndian.AppendUint16(b, operation)
	b = append(b, 0, 0, 0x48, 0x53, 1) // request id; operation attributes
	add := func(tag byte, name, value string) {
		b = binary.BigEndian.AppendUint16(append(b, tag), uint16(len(name)))
		b = binary.BigEndian.AppendUint16(append(b, name...), uint16(len(value)))
		b = append(b, value...)
	}
	add(0x47, "attributes-charset", "utf-8")
	add(0x48, "attributes-natural-language", "en")
	if operation != defaultPrinter {
		add(0x45, "printer-uri", uri)
	}
	add(0x42, "requesting-user-name", "hoshi")
	for i, k := range keywords {
		name := ""
		if i == 0 {
			name = "requested-attributes"
		}
		add(0x44, name, k)
	}
	return append(b, 3)
}

// response is what matters of an answer.
type response struct {
	status     uint16
	attributes map[string]string // the first value of each with text
	groups     int               // of jobs
}

// ok: the operation succeeded (RFC 8011 B.1.2).
func (r response) ok() bool { return r.status < 0x0100 }

// parseResponse reads an answer; false when the bytes are none.
func parseResponse(b []byte) (response, bool) {
	r := response{attributes: map[string]string{}}
	if len(b) < 9 || b[0] < 1 || b[0] > 2 || b[1] > 9 {
		return r, false
	}
	r.status = binary.BigEndian.Uint16(b[2:])
	b = b[8:]
	for len(b) > 0 && b[0] != 3 {
		if tag := b[0]; tag < 0x10 {
			if tag == 2 {
				r.groups++
			}
			b = b[1:]
			continue
		}
		tag := b[0]
		name, rest, ok := field(b[1:])
		if !ok {
			break
		}
		value, rest, ok := field(rest)
		if !ok {
			break
		}
		if name != "" && tag >= 0x40 && tag < 0x4a && r.attributes[name] == "" && len(r.attributes) < 200 {
			r.attributes[name] = value
		}
		b = rest
	}
	return r, true
}

func field(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b)-2 {
		return "", nil, false
	}
	return string(b[2 : 2+n]), b[2+n:], true
}
