package practice

import (
	"encoding/binary"
	"strings"
	"sync"
)

// coap is a CoAP server (RFC 7252) over plain UDP. It keeps no state but the
// settings; everything but the list of resources is refused unless flawed.
type coap struct {
	list        string // of /.well-known/core, in link format
	read, write bool   // settings can be read, written
	kept        *coapSettings
}

type coapSettings struct {
	mu    sync.Mutex
	value []byte
}

// CoAP codes.
const (
	coapGET     = 0x01
	coapPOST    = 0x02
	coapPUT     = 0x03
	coapDELETE  = 0x04
	coapChanged = 0x44 // 2.04
	coapContent = 0x45 // 2.05
	coapUnauth  = 0x81 // 4.01
	coapMissing = 0x84 // 4.04
	coapNo      = 0x85 // 4.05
)

func (c coap) answer(b []byte) []byte {
	m, ok := parseCoAP(b)
	if !ok {
		return nil
	}
	if m.code == 0 { // a ping, RFC 7252 4.3: reset
		if m.kind == 0 {
			return []byte{0x70, 0, b[2], b[3]}
		}
		return nil
	}
	if m.kind > 1 || m.code>>5 != 0 {
		return nil // an acknowledgement, a reset or a response: nothing to say
	}
	code, format, body := c.serve(m)
	kind := byte(0x60) // acknowledgement
	if m.kind == 1 {
		kind = 0x50 // not to be confirmed
	}
	out := append([]byte{kind | byte(len(m.token)), code, b[2], b[3]}, m.token...)
	if len(body) > 0 {
		out = append(out, 0xc1, format, 0xff)
		out = append(out, body...)
	}
	return out
}

func (c coap) serve(m coapMessage) (code, format byte, body []byte) {
	switch m.path {
	case ".well-known/core":
		if m.code != coapGET {
			return coapNo, 0, nil
		}
		return coapContent, 40, []byte(c.list)
	case "settings":
		if c.kept == nil {
			return coapMissing, 0, nil
		}
		c.kept.mu.Lock()
		defer c.kept.mu.Unlock()
		switch {
		case m.code == coapGET && c.read:
			return coapContent, 50, append([]byte{}, c.kept.value...)
		case (m.code == coapPUT || m.code == coapPOST) && c.write && len(m.body) <= 256:
			c.kept.value = append([]byte{}, m.body...)
			return coapChanged, 0, nil
		case m.code <= coapDELETE:
			return coapUnauth, 0, nil
		}
		return coapNo, 0, nil
	}
	return coapMissing, 0, nil
}

type coapMessage struct {
	kind  byte // 0 confirmable, 1 not, 2 acknowledgement, 3 reset
	code  byte
	token []byte
	path  string
	body  []byte
}

// parseCoAP reads a message as far as the server needs it.
func parseCoAP(b []byte) (m coapMessage, ok bool) {
	if len(b) < 4 || b[0]>>6 != 1 || b[0]&15 > 8 || len(b) < 4+int(b[0]&15) {
		return m, false
	}
	m.kind, m.code = b[0]>>4&3, b[1]
	m.token, b = b[4:4+int(b[0]&15)], b[4+int(b[0]&15):]
	var path []string
	for option := 0; len(b) > 0; {
		if b[0] == 0xff {
			m.body = b[1:]
			break
		}
		delta, size := int(b[0]>>4), int(b[0]&15)
		b = b[1:]
		for _, x := range []*int{&delta, &size} {
			switch *x {
			case 13:
				if len(b) < 1 {
					return m, false
				}
				*x, b = int(b[0])+13, b[1:]
			case 14:
				if len(b) < 2 {
					return m, false
				}
				*x, b = int(binary.BigEndian.Uint16(b))+269, b[2:]
			case 15:
				return m, false
			}
		}
		if len(b) < size {
			return m, false
		}
		if option += delta; option == 11 { // Uri-Path
			path = append(path, string(b[:size]))
		}
		b = b[size:]
	}
	m.path = strings.Join(path, "/")
	return m, true
}
