package snmp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"

	"hoshi/internal/probe"
)

// Objects with which an engine says why it did not take a message of the
// user-based security model (RFC 3414, section 5).
const (
	unsupportedLevel = "1.3.6.1.6.3.15.1.1.1.0"
	notInTime        = "1.3.6.1.6.3.15.1.1.2.0"
	unknownUser      = "1.3.6.1.6.3.15.1.1.3.0"
	unknownEngine    = "1.3.6.1.6.3.15.1.1.4.0"
	wrongDigest      = "1.3.6.1.6.3.15.1.1.5.0"
	decryptionError  = "1.3.6.1.6.3.15.1.1.6.0"
)

// Flags of a message (RFC 3412, section 6.4).
const (
	flagAuth       = 0x01
	flagPrivacy    = 0x02
	flagReportable = 0x04
)

// digest is a way to sign messages: its hash and the length that is sent.
type digest struct {
	hash func() hash.Hash
	size int
}

// digests by the names of a declaration (RFC 3414, RFC 7860).
var digests = map[string]digest{
	"md5": {md5.New, 12}, "sha1": {sha1.New, 12}, "sha224": {sha256.New224, 16},
	"sha256": {sha256.New, 24}, "sha384": {sha512.New384, 32}, "sha512": {sha512.New, 48},
}

// key makes the key of a value for one engine (RFC 3414, A.2). The value is not empty.
func (d digest) key(value string, engine []byte) []byte {
	h := d.hash()
	const whole = 1 << 20
	block := bytes.Repeat([]byte(value), 1+4096/len(value))
	block = block[:len(block)/len(value)*len(value)]
	for left := whole; left > 0; left -= len(block) {
		h.Write(block[:min(left, len(block))])
	}
	ku := h.Sum(nil)
	h.Reset()
	h.Write(ku)
	h.Write(engine)
	h.Write(ku)
	return h.Sum(nil)
}

// question3 is a message of version 3 that asks for one object.
type question3 struct {
	user    string
	engine  Engine
	object  string
	digest  digest // zero = not signed
	key     []byte
	privacy string // "" = not encrypted, "des", "aes"
	cipher  []byte // key of the encryption, at least 16 bytes
	salt    uint64
}

// bytes is the message as it is sent, and as it may be kept: without its signature,
// from which a weak value could be guessed, and without encryption.
func (q question3) bytes() (sent, kept []byte) {
	flags := byte(flagReportable)
	if q.key != nil {
		flags |= flagAuth
	}
	if q.privacy != "" {
		flags |= flagPrivacy
	}
	scoped := tlv(tagSequence, tlv(tagString, q.engine.ID), tlv(tagString), tlv(Get, integer(id), integer(0), integer(0),
		tlv(tagSequence, tlv(tagSequence, objectID(q.object), tlv(tagNull)))))
	salt := binary.BigEndian.AppendUint64(nil, q.salt)
	build := func(user string, mac, salt, data []byte) []byte {
		return tlv(tagSequence, integer(V3), tlv(tagSequence, integer(id), integer(65507), tlv(tagString, []byte{flags}), integer(3)),
			tlv(tagString, tlv(tagSequence, tlv(tagString, q.engine.ID), integer(q.engine.Boots), integer(q.engine.Time),
				tlv(tagString, []byte(user)), tlv(tagString, mac), tlv(tagString, salt))), data)
	}
	kept = build("", make([]byte, q.digest.size), nil, scoped)
	if q.privacy == "" {
		salt = nil
	} else {
		scoped = tlv(tagString, crypt(q.privacy, q.cipher, q.engine, salt, scoped, true))
	}
	mac := make([]byte, q.digest.size)
	if q.key != nil {
		mac = sign(q.digest, q.key, build(q.user, mac, salt, scoped))
	}
	return build(q.user, mac, salt, scoped), kept
}

func sign(d digest, key, message []byte) []byte {
	h := hmac.New(d.hash, key)
	h.Write(message)
	return h.Sum(nil)[:d.size]
}

// crypt encrypts or decrypts what a message holds with DES in CBC mode (RFC 3414,
// section 8) or AES-128 in CFB mode (RFC 3826); nil when it cannot.
func crypt(privacy string, key []byte, e Engine, salt, b []byte, encrypt bool) []byte {
	if len(key) < 16 || len(salt) != 8 {
		return nil
	}
	if privacy == "des" {
		block, err := des.NewCipher(key[:8])
		if err != nil || !encrypt && len(b)%8 != 0 {
			return nil
		}
		iv := bytes.Clone(key[8:16])
		for i := range iv {
			iv[i] ^= salt[i]
		}
		if !encrypt {
			out := make([]byte, len(b))
			cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, b)
			return out
		}
		out := append(bytes.Clone(b), make([]byte, (8-len(b)%8)%8)...)
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
		return out
	}
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil
	}
	iv := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(e.Boots)), uint32(e.Time))
	iv = append(iv, salt...)
	out := make([]byte, len(b))
	if encrypt {
		cipher.NewCFBEncrypter(block, iv).XORKeyStream(out, b) //nolint:staticcheck // what the protocol uses
	} else {
		cipher.NewCFBDecrypter(block, iv).XORKeyStream(out, b) //nolint:staticcheck // as above
	}
	return out
}

// message3 are the parts of a message of version 3, as pieces of its own bytes.
type message3 struct {
	flags           byte
	engine          Engine
	user, mac, salt []byte
	sealed          []byte // encrypted data; nil when it is readable
}

func parse3(b []byte) (m message3, ok bool) {
	r := &reader{b: (&reader{b: b}).want(tagSequence)}
	version := r.number()
	head := &reader{b: r.want(tagSequence)}
	head.number()
	head.number()
	flags := head.want(tagString)
	usm := &reader{b: (&reader{b: r.want(tagString)}).want(tagSequence)}
	m.engine = Engine{ID: usm.want(tagString), Boots: usm.number(), Time: usm.number()}
	m.user, m.mac, m.salt = usm.want(tagString), usm.want(tagString), usm.want(tagString)
	tag, data := r.next()
	if r.bad || head.bad || usm.bad || version != V3 || len(flags) != 1 || len(m.engine.ID) > 32 || m.engine.Boots < 0 || m.engine.Time < 0 {
		return message3{}, false
	}
	if m.flags = flags[0]; tag == tagString {
		m.sealed = data
	}
	return m, true
}

// heardAs is an answer as it may be kept: readable, without its signature, for the
// same reason as a question's, and without the user's name, which stands in the record.
// An encrypted answer of which nothing can be read stays as it is, without signature.
func (q question3) heardAs(b []byte) []byte {
	out := bytes.Clone(b)
	m, ok := parse3(out)
	if !ok {
		return out
	}
	clear(m.mac)
	for i := range m.user {
		m.user[i] = '*'
	}
	if m.sealed == nil {
		return out
	}
	plain := crypt(q.privacy, q.cipher, m.engine, m.salt, m.sealed, false)
	inner := &reader{b: plain}
	scoped := inner.want(tagSequence) // what follows is padding
	if inner.bad {
		return out
	}
	return tlv(tagSequence, integer(V3), tlv(tagSequence, integer(id), integer(65507), tlv(tagString, []byte{m.flags}), integer(3)),
		tlv(tagString, tlv(tagSequence, tlv(tagString, m.engine.ID), integer(m.engine.Boots), integer(m.engine.Time),
			tlv(tagString, m.user), tlv(tagString, m.mac), tlv(tagString))), tlv(tagSequence, scoped))
}

// refusal is the object of a report that says why a message was not taken; "" when
// the message is no report.
func (m Message) refusal() string {
	if m.PDU != Report {
		return ""
	}
	for _, o := range []string{unsupportedLevel, notInTime, unknownUser, unknownEngine, wrongDigest, decryptionError} {
		if _, ok := m.Value(o); ok {
			return o
		}
	}
	return "other"
}

// classifyUser: an engine says in a report what was wrong. It checks the name
// first, then the digest, and only then time and encryption.
func classifyUser(_, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	m, ok := Parse(r.Recv)
	if !ok || m.Version != V3 || !m.Answers() {
		return probe.Unclear
	}
	asked, _ := parse3(r.Sent)
	signed := asked.flags&flagAuth != 0
	switch m.refusal() {
	case "":
	case wrongDigest:
		return probe.Refused
	case unknownUser, unsupportedLevel:
		return probe.Unknown
	default:
		return probe.Unclear
	}
	// A name alone that may read nothing was let in to nothing. A signed message that
	// may not read this object, or not at this level, was signed with the right value.
	if m.Status == authorizationError && !signed {
		return probe.Refused
	}
	return probe.Accepted
}

// authorizationError: the user may not read what was asked for (RFC 3416, section 3).
const authorizationError = 16
