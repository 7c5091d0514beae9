package practice

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"io"
	"sync"
	"time"
)

// snmp is an agent with a handful of objects. Well made it speaks version 3 with
// authentication and encryption only; flaws add version 2c for anybody, whatever
// community is named.
type snmp struct {
	d       *Device
	read    bool // version 2c is answered
	write   bool // and may write
	engine  []byte
	started time.Time

	mu   sync.Mutex
	mib  []snmpObject // ascending
	keys map[string][]byte
}

type snmpObject struct {
	oid   []byte
	value func() []byte // in BER
	set   func([]byte)  // nil = read only
}

// PDU tags and errors of SNMP.
const (
	snmpGet      = 0xa0
	snmpNext     = 0xa1
	snmpResponse = 0xa2
	snmpSet      = 0xa3
	snmpBulk     = 0xa5
	snmpReport   = 0xa8

	snmpNoSuchName  = 2
	snmpWrongType   = 7
	snmpNotWritable = 17
)

func (d *Device) snmp() (*snmp, error) {
	s := &snmp{d: d, started: d.o.Now(), keys: map[string][]byte{}, engine: make([]byte, 13)}
	s.write = d.has("snmp-write")
	s.read = s.write || d.has("snmp-read")
	if _, err := io.ReadFull(d.o.Rand, s.engine[5:]); err != nil {
		return nil, err
	}
	copy(s.engine, []byte{0x80, 0, 0, 0, 5})
	fixed := func(b []byte) func() []byte { return func() []byte { return b } }
	text := func(id, v string) snmpObject {
		o := snmpObject{oid: oid(id)}
		o.value = func() []byte { return ber(berBytes, []byte(v)) }
		o.set = func(b []byte) { v = string(b) }
		return o
	}
	s.mib = []snmpObject{
		{oid: oid("1.3.6.1.2.1.1.1.0"), value: fixed(ber(berBytes, []byte("Practice gateway")))},
		{oid: oid("1.3.6.1.2.1.1.2.0"), value: fixed(ber(berOID, oid("1.3.6.1.4.1.0")))},
		{oid: oid("1.3.6.1.2.1.1.3.0"), value: func() []byte {
			return berNumber(berTicks, uint64(d.o.Now().Sub(s.started)/(10*time.Millisecond))&0xffffffff)
		}},
		text("1.3.6.1.2.1.1.4.0", "practice"),
		text("1.3.6.1.2.1.1.5.0", "gateway"),
		text("1.3.6.1.2.1.1.6.0", "bench"),
	}
	return s, nil
}

func (s *snmp) answer(b []byte, from string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := berReader{b: b}
	r = berReader{b: r.next(berSeq), bad: r.bad}
	switch version := r.number(); {
	case r.bad:
		return nil
	case version == 1:
		return s.community(r)
	case version == 3:
		return s.v3(b, r, from)
	}
	return nil
}

// community answers version 2c.
func (s *snmp) community(r berReader) []byte {
	name := r.next(berBytes)
	if r.bad || !s.read {
		return nil
	}
	pdu := s.serve(r.b, s.write)
	if pdu == nil {
		return nil
	}
	return ber(berSeq, berNumber(berInt, 1), ber(berBytes, name), pdu)
}

// serve answers one PDU.
func (s *snmp) serve(b []byte, writes bool) []byte {
	tag, content, _, ok := unber(b)
	if !ok {
		return nil
	}
	r := berReader{b: content}
	id := r.next(berInt)
	first, second := r.number(), r.number() // error status and index, or the two numbers of a bulk request
	binds := berReader{b: r.next(berSeq), bad: r.bad}
	var asked [][2][]byte // name, value in BER
	for len(binds.b) > 0 && !binds.bad && len(asked) < 16 {
		one := berReader{b: binds.next(berSeq), bad: binds.bad}
		asked = append(asked, [2][]byte{one.next(berOID), one.b})
		binds.bad = binds.bad || one.bad
	}
	if binds.bad {
		return nil
	}
	status, index := uint64(0), uint64(0)
	var out []byte
	add := func(name, value []byte) { out = append(out, ber(berSeq, ber(berOID, name), value)...) }
	fail := func(i int, code uint64) {
		if status == 0 {
			status, index = code, uint64(i+1)
		}
	}
	for i, a := range asked {
		switch tag {
		case snmpGet:
			if o := s.find(a[0]); o != nil {
				add(a[0], o.value())
			} else {
				add(a[0], []byte{0x80, 0}) // no such object
			}
		case snmpNext, snmpBulk:
			// The same name twice in a bulk request is enough for a client, and keeps
			// the answer from being much longer than the question.
			times := uint64(1)
			if tag == snmpBulk && uint64(i) >= first {
				times = min(second, 2)
			}
			name := a[0]
			for range times {
				if o := s.after(name); o != nil {
					name = o.oid
					add(name, o.value())
				} else {
					add(name, []byte{0x82, 0}) // end of the view
					break
				}
			}
		case snmpSet:
			add(a[0], a[1])
			kind, value, _, _ := unber(a[1])
			switch o := s.find(a[0]); {
			case o == nil || o.set == nil || !writes:
				fail(i, snmpNotWritable)
			case kind != berBytes || len(value) > 64:
				fail(i, snmpWrongType)
			}
		default:
			return nil
		}
	}
	if tag == snmpSet && status == 0 {
		for _, a := range asked {
			_, value, _, _ := unber(a[1])
			s.find(a[0]).set(bytes.Clone(value))
		}
	}
	return ber(snmpResponse, ber(berInt, id), berNumber(berInt, status), berNumber(berInt, index), ber(berSeq, out))
}

func (s *snmp) find(name []byte) *snmpObject {
	for i := range s.mib {
		if bytes.Equal(s.mib[i].oid, name) {
			return &s.mib[i]
		}
	}
	return nil
}

func (s *snmp) after(name []byte) *snmpObject {
	for i := range s.mib {
		if bytes.Compare(s.mib[i].oid, name) > 0 { // all arcs here are below 128
			return &s.mib[i]
		}
	}
	return nil
}

// v3 answers version 3 with the user-based security model (RFC 3414).
func (s *snmp) v3(whole []byte, r berReader, from string) []byte {
	head := berReader{b: r.next(berSeq), bad: r.bad}
	id, _, flags, model := head.next(berInt), head.number(), head.next(berBytes), head.number()
	sec := berReader{b: r.next(berBytes), bad: r.bad || head.bad || len(flags) != 1 || model != 3}
	sec = berReader{b: sec.next(berSeq), bad: sec.bad}
	engine, boots, seconds, user, mac, salt := sec.next(berBytes), sec.number(), sec.number(), sec.next(berBytes), sec.next(berBytes), sec.next(berBytes)
	if sec.bad || len(r.b) == 0 {
		return nil
	}
	uptime := uint64(s.d.o.Now().Sub(s.started) / time.Second)
	report := func(object string, key []byte, algorithm func() hash.Hash, size int) []byte {
		if flags[0]&4 == 0 {
			return nil // no report wanted
		}
		scoped := ber(berSeq, ber(berBytes, s.engine), ber(berBytes), ber(snmpReport, ber(berInt, []byte{0}), berNumber(berInt, 0), berNumber(berInt, 0),
			ber(berSeq, ber(berSeq, ber(berOID, oid("1.3.6.1.6.3.15.1.1."+object+".0")), berNumber(0x41, 1)))))
		if key == nil {
			return s.seal(id, 0, user, uptime, nil, nil, 0, nil, scoped)
		}
		return s.seal(id, 1, user, uptime, key, algorithm, size, nil, scoped)
	}
	const unsupported, notInTime, unknownUser, unknownEngine, wrongDigest = "1", "2", "3", "4", "5"
	if !bytes.Equal(engine, s.engine) {
		return report(unknownEngine, nil, nil, 0)
	}
	if string(user) != "admin" {
		return report(unknownUser, nil, nil, 0)
	}
	algorithm, size := sha1.New, 12
	switch {
	case len(mac) == 24:
		algorithm, size = sha256.New, 24
	case len(mac) != 12 || flags[0]&1 == 0:
		return report(unsupported, nil, nil, 0)
	}
	// The digest is of the message with zeros in its place.
	at := bytes.Index(whole, mac)
	blank := bytes.Clone(whole)
	copy(blank[at:], make([]byte, len(mac)))
	var key []byte
	ok, wait := s.d.guard.try("snmp", from, string(user), func(v string) bool {
		k := s.key(algorithm, size, v)
		h := hmac.New(algorithm, k)
		h.Write(blank)
		if subtle.ConstantTimeCompare(h.Sum(nil)[:size], mac) == 1 {
			key = k
			return true
		}
		return false
	})
	if wait > 0 {
		return nil
	}
	if !ok {
		return report(wrongDigest, nil, nil, 0)
	}
	if boots != 1 || seconds+150 < uptime || seconds > uptime+150 {
		return report(notInTime, key, algorithm, size)
	}
	sealed := r.next(berBytes)
	if flags[0]&2 == 0 || r.bad || len(salt) != 8 {
		return report(unsupported, nil, nil, 0)
	}
	scoped := berReader{b: snmpCrypt(key, boots, seconds, salt, sealed, false)}
	scoped = berReader{b: scoped.next(berSeq), bad: scoped.bad}
	context, name := scoped.next(berBytes), scoped.next(berBytes)
	if scoped.bad {
		return nil
	}
	pdu := s.serve(scoped.b, true)
	if pdu == nil {
		return nil
	}
	fresh := make([]byte, 8)
	if _, err := io.ReadFull(s.d.o.Rand, fresh); err != nil {
		return nil
	}
	return s.seal(id, 3, user, uptime, key, algorithm, size, fresh, ber(berSeq, ber(berBytes, context), ber(berBytes, name), pdu))
}

// seal builds a version 3 message. flags 1 signs, 3 also encrypts.
func (s *snmp) seal(id []byte, flags byte, user []byte, uptime uint64, key []byte, algorithm func() hash.Hash, size int, salt, scoped []byte) []byte {
	if flags&2 != 0 {
		scoped = ber(berBytes, snmpCrypt(key, 1, uptime, salt, scoped, true))
	}
	build := func(mac []byte) []byte {
		return ber(berSeq, berNumber(berInt, 3),
			ber(berSeq, ber(berInt, id), berNumber(berInt, 4096), ber(berBytes, []byte{flags}), berNumber(berInt, 3)),
			ber(berBytes, ber(berSeq, ber(berBytes, s.engine), berNumber(berInt, 1), berNumber(berInt, uptime), ber(berBytes, user), ber(berBytes, mac), ber(berBytes, salt))),
			scoped)
	}
	if flags&1 == 0 {
		return build(nil)
	}
	h := hmac.New(algorithm, key)
	h.Write(build(make([]byte, size)))
	return build(h.Sum(nil)[:size])
}

// key derives the localised key of a password (RFC 3414 A.2); it is kept, because
// that takes a megabyte of hashing.
func (s *snmp) key(algorithm func() hash.Hash, size int, password string) []byte {
	name := string(rune(size)) + password
	if k := s.keys[name]; k != nil || password == "" {
		return k
	}
	if len(s.keys) > 16 {
		clear(s.keys)
	}
	h := algorithm()
	block := bytes.Repeat([]byte(password), 1+64/len(password))
	for left := 1 << 20; left > 0; left -= len(block) / len(password) * len(password) {
		part := block[:len(block)/len(password)*len(password)]
		h.Write(part[:min(len(part), left)])
	}
	ku := h.Sum(nil)
	h.Reset()
	h.Write(ku)
	h.Write(s.engine)
	h.Write(ku)
	s.keys[name] = h.Sum(nil)
	return s.keys[name]
}

// snmpCrypt is AES-128 in CFB mode (RFC 3826).
func snmpCrypt(key []byte, boots, seconds uint64, salt, b []byte, encrypt bool) []byte {
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil
	}
	iv := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(boots)), uint32(seconds))
	out := make([]byte, len(b))
	if iv = append(iv, salt...); encrypt {
		cipher.NewCFBEncrypter(block, iv).XORKeyStream(out, b)
	} else {
		cipher.NewCFBDecrypter(block, iv).XORKeyStream(out, b)
	}
	return out
}
