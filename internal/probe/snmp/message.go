package snmp

import (
	"bytes"
	"encoding/binary"

	"hoshi/internal/probe"
)

// Versions as they stand in a message.
const (
	V1  = 0
	V2c = 1
	V3  = 3
)

// Kinds of protocol data units.
const (
	Get      = 0xa0
	Response = 0xa2
	Set      = 0xa3
	GetBulk  = 0xa5
	Report   = 0xa8
)

// Objects that are asked for.
const (
	SysDescr   = "1.3.6.1.2.1.1.1.0"
	SysObject  = "1.3.6.1.2.1.1.2.0"
	SysUpTime  = "1.3.6.1.2.1.1.3.0"    // of the agent, in hundredths of a second
	SysContact = "1.3.6.1.2.1.1.4.0"    // a text for people
	SysName    = "1.3.6.1.2.1.1.5.0"    // host name
	HostUpTime = "1.3.6.1.2.1.25.1.1.0" // of the device, in hundredths of a second
	mib2       = "1.3.6.1.2.1"
)

// id is the request id of every question: an answer carries it back.
const id = 0x486f7368

// Message is an SNMP message of any version.
type Message struct {
	Version   int
	Community string // v1 and v2c
	PDU       byte   // 0 when it is encrypted
	ID        int64
	Status    int64 // error-status, 0 = no error
	Binds     []Bind
	Engine    Engine // v3
	Encrypted bool
}

// Engine is what an SNMPv3 engine says of itself.
type Engine struct {
	ID    []byte
	Boots int64 // how often it started
	Time  int64 // seconds since the last start
}

// Bind is an object and its value.
type Bind struct {
	OID   string
	Tag   byte
	Value []byte
}

// Text returns the value when it is a string.
func (b Bind) Text() string {
	if b.Tag != tagString {
		return ""
	}
	return string(b.Value)
}

// Question builds a v1 or v2c message that asks for objects.
func Question(version int, community string, pdu byte, oids ...string) []byte {
	var binds [][]byte
	for _, o := range oids {
		binds = append(binds, tlv(tagSequence, objectID(o), tlv(tagNull)))
	}
	a, b := int64(0), int64(0)
	if pdu == GetBulk {
		b = bulk
	}
	return wrap(version, community, tlv(pdu, integer(id), integer(a), integer(b), tlv(tagSequence, binds...)))
}

// bulk is how many objects an answer to GetBulk may hold.
const bulk = 24

// Write builds a message that sets one object to a text.
func Write(version int, community, oid string, value []byte) []byte {
	return wrap(version, community, tlv(Set, integer(id), integer(0), integer(0), tlv(tagSequence, tlv(tagSequence, objectID(oid), tlv(tagString, value)))))
}

func wrap(version int, community string, pdu []byte) []byte {
	return tlv(tagSequence, integer(int64(version)), tlv(tagString, []byte(community)), pdu)
}

// Discovery builds the SNMPv3 message that makes an engine name itself: a request
// of an unknown user for an unknown engine, which is answered with a report
// (RFC 3414, section 4).
func Discovery() []byte {
	empty := tlv(tagString)
	usm := tlv(tagSequence, empty, integer(0), integer(0), empty, empty, empty)
	const reportable = 0x04
	return tlv(tagSequence, integer(V3), tlv(tagSequence, integer(id), integer(65507), tlv(tagString, []byte{reportable}), integer(3)),
		tlv(tagString, usm), tlv(tagSequence, empty, empty, tlv(Get, integer(id), integer(0), integer(0), tlv(tagSequence))))
}

// Parse reads a message, also one in whose community the recorder put its mask.
func Parse(b []byte) (Message, bool) {
	var m Message
	r := &reader{b: (&reader{b: unmask(b)}).want(tagSequence)}
	m.Version = int(r.number())
	var pdu []byte
	switch {
	case r.bad:
		return m, false
	case m.Version == V1 || m.Version == V2c:
		m.Community = string(r.want(tagString))
		m.PDU, pdu = r.next()
	case m.Version == V3:
		head := &reader{b: r.want(tagSequence)}
		m.ID = head.number()
		usm := &reader{b: (&reader{b: r.want(tagString)}).want(tagSequence)}
		m.Engine = Engine{ID: usm.want(tagString), Boots: usm.number(), Time: usm.number()}
		tag, scoped := r.next()
		if r.bad || head.bad || usm.bad {
			return m, false
		}
		if m.Encrypted = tag == tagString; m.Encrypted {
			return m, true
		}
		if tag != tagSequence {
			return m, false
		}
		s := &reader{b: scoped}
		s.want(tagString)
		s.want(tagString)
		m.PDU, pdu = s.next()
		r.bad = s.bad
	default:
		return m, false
	}
	p := &reader{b: pdu}
	m.ID, m.Status, _ = p.number(), p.number(), p.number()
	list := &reader{b: p.want(tagSequence)}
	if r.bad || p.bad || m.PDU&0xe0 != 0xa0 {
		return m, false
	}
	for len(list.b) > 0 && len(m.Binds) < 256 {
		one := &reader{b: list.want(tagSequence)}
		bind := Bind{OID: dotted(one.want(tagOID))}
		bind.Tag, bind.Value = one.next()
		if one.bad || list.bad {
			return m, false
		}
		m.Binds = append(m.Binds, bind)
	}
	return m, true
}

// Answers reports that the message answers one of ours.
func (m Message) Answers() bool {
	return m.PDU == Response && m.ID == id || m.Version == V3 && m.PDU == Report
}

// Value returns the object's value; false when it is absent or an exception.
func (m Message) Value(oid string) (Bind, bool) {
	for _, b := range m.Binds {
		if b.OID == oid && b.Tag != tagNull && b.Tag&0xf0 != 0x80 {
			return b, true
		}
	}
	return Bind{}, false
}

// unmask gives a masked community its length back, so that the elements around it
// can be read.
func unmask(b []byte) []byte {
	i := bytes.Index(b, []byte(probe.Mask))
	if i < 2 || i > 16 || b[i-1] >= 0x80 || b[i-2] != tagString {
		return b
	}
	n := int(b[i-1])
	return append(append(bytes.Clone(b[:i]), bytes.Repeat([]byte("*"), n)...), b[i+len(probe.Mask):]...)
}

// Maker returns the enterprise number in an engine id (RFC 3411, section 5), 0 when
// there is none.
func (e Engine) Maker() int64 {
	if len(e.ID) < 5 {
		return 0
	}
	return int64(binary.BigEndian.Uint32(e.ID) &^ (1 << 31))
}
