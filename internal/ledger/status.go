package ledger

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Status is the four bits of one label in a status list. That the last day has
// passed is no status: it is computed from the signed date.
type Status uint8

const (
	Valid         Status = 0
	Suspended     Status = 1
	Revoked       Status = 2 // 取消し
	Withdrawn     Status = 3 // 自主取下げ
	Superseded    Status = 4
	Lapsed        Status = 5 // by a change report
	Investigation Status = 6 // a public inquiry runs; the label still holds
	NeverIssued   Status = 15
)

// Known reports whether the value has a meaning; 7 to 14 have none.
func (s Status) Known() bool { return s <= Investigation || s == NeverIssued }

// String is the name that data files and catalogue keys use.
func (s Status) String() string {
	switch s {
	case Valid:
		return "valid"
	case Suspended:
		return "suspended"
	case Revoked:
		return "revoked"
	case Withdrawn:
		return "withdrawn"
	case Superseded:
		return "superseded"
	case Lapsed:
		return "lapsed"
	case Investigation:
		return "investigation"
	case NeverIssued:
		return "never-issued"
	}
	return fmt.Sprintf("unknown-%d", uint8(s))
}

// Holds reports whether a label in this status holds, its dates apart.
func (s Status) Holds() bool { return s == Valid || s == Investigation }

// Limits of a status list.
const (
	MaxStatusSize = 1 << 24  // labels
	MaxStatusFile = 24 << 20 // bytes of a signed list
	// MaxStatusTTL is the longest life of a list that the signer signs; package scheme
	// holds settings to the same.
	MaxStatusTTL = 31 * 24 * time.Hour
)

// StatusList is the state of every label at one time: label serial → Status.
type StatusList struct {
	Scheme  string
	Origin  string    // log that the list belongs to
	AsOf    time.Time // every act up to here is in it
	Expires time.Time // not to be trusted after this
	TTL     int       // seconds for which a copy may be kept before asking again
	Tree    int64     // size of the log when the list was made: it reflects every leaf below
	size    int64
	packed  []byte // two labels a byte, the lower serial in the low bits
}

// NewStatusList makes a list of size labels, all never issued.
func NewStatusList(size int64) (*StatusList, error) {
	if size < 0 || size > MaxStatusSize {
		return nil, fmt.Errorf("a status list of %d labels", size)
	}
	return &StatusList{size: size, packed: bytes.Repeat([]byte{0xff}, int((size+1)/2))}, nil
}

// Len is the number of labels that the list covers.
func (l *StatusList) Len() int64 { return l.size }

// Set records a label's status; a serial outside the list is an error.
func (l *StatusList) Set(serial int64, s Status) error {
	if serial < 0 || serial >= l.size || !s.Known() {
		return fmt.Errorf("status %d for label %d of %d", s, serial, l.size)
	}
	shift := 4 * uint(serial&1)
	b := &l.packed[serial/2]
	*b = *b&^(0xf<<shift) | byte(s)<<shift
	return nil
}

// Get returns a label's status; outside the list it is NeverIssued.
func (l *StatusList) Get(serial int64) Status {
	if serial < 0 || serial >= l.size {
		return NeverIssued
	}
	return Status(l.packed[serial/2] >> (4 * uint(serial&1)) & 0xf)
}

// Follows compares the list with one that was signed before it: an end is for good
// (a revocation may still follow it), and what was issued stays issued. ok is false
// when a label breaks this; serial is the first that does.
func (l *StatusList) Follows(last *StatusList) (serial int64, ok bool) {
	for i := range last.size {
		was, is := last.Get(i), l.Get(i)
		switch was {
		case is, NeverIssued:
			continue
		case Revoked:
			return i, false
		case Withdrawn, Superseded, Lapsed:
			if is != Revoked {
				return i, false
			}
		}
		if is == NeverIssued {
			return i, false
		}
	}
	return 0, true
}

// claims is the signed JSON of a list.
type claims struct {
	V       int    `json:"v"`
	Scheme  string `json:"scheme"`
	Origin  string `json:"origin"`
	AsOf    string `json:"asOf"`
	Expires string `json:"expires"`
	TTL     int    `json:"ttl"`
	Tree    int64  `json:"tree"`
	Bits    int    `json:"bits"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"` // of the uncompressed list
	List    string `json:"list"`   // zlib, unpadded base64url
}

type jwsHeader struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

const statusTyp = "hoshi-status-list+jws"

// Payload renders the list as the bytes that are signed.
func (l *StatusList) Payload() ([]byte, error) {
	var z bytes.Buffer
	w, err := zlib.NewWriterLevel(&z, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(l.packed); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(l.packed)
	c := claims{V: 1, Scheme: l.Scheme, Origin: l.Origin, AsOf: Seconds(l.AsOf), Expires: Seconds(l.Expires), TTL: l.TTL,
		Tree: l.Tree, Bits: 4, Size: l.size, SHA256: hex.EncodeToString(sum[:]), List: base64.RawURLEncoding.EncodeToString(z.Bytes())}
	if _, err := c.open(); err != nil {
		return nil, err
	}
	return Canonical(c)
}

// PayloadHash is what a leaf of type status-list commits to: hex SHA-256.
func PayloadHash(payload []byte) string {
	h := sha256.Sum256(payload)
	return hex.EncodeToString(h[:])
}

// DecodeStatusPayload reads the signed bytes, without a signature.
func DecodeStatusPayload(b []byte) (*StatusList, error) {
	if len(b) > MaxStatusFile {
		return nil, errors.New("a status list is too large")
	}
	var c claims
	if err := DecodeCanonical(b, &c); err != nil {
		return nil, err
	}
	return c.open()
}

func (c claims) open() (*StatusList, error) {
	switch {
	case c.V != 1 || c.Bits != 4:
		return nil, fmt.Errorf("status list version %d with %d bits", c.V, c.Bits)
	case !isID(c.Scheme) || c.Origin == "":
		return nil, errors.New("a status list names its scheme and its log")
	case !isTime(c.AsOf) || !isTime(c.Expires) || c.Expires < c.AsOf:
		return nil, fmt.Errorf("times %.30q to %.30q", c.AsOf, c.Expires)
	case c.TTL < 0 || c.Tree < 0 || c.Size < 0 || c.Size > MaxStatusSize:
		return nil, errors.New("a number is out of range")
	}
	compressed, err := base64.RawURLEncoding.Strict().DecodeString(c.List)
	if err != nil {
		return nil, err
	}
	in := bytes.NewReader(compressed)
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, err
	}
	packed := make([]byte, (c.Size+1)/2)
	if _, err := io.ReadFull(z, packed); err != nil {
		return nil, fmt.Errorf("the list is shorter than %d labels: %w", c.Size, err)
	}
	if n, err := z.Read(make([]byte, 1)); n != 0 || err != io.EOF || in.Len() != 0 {
		return nil, fmt.Errorf("the list does not end at %d labels", c.Size)
	}
	sum := sha256.Sum256(packed)
	if hex.EncodeToString(sum[:]) != c.SHA256 {
		return nil, errors.New("the list does not match its hash")
	}
	l := &StatusList{Scheme: c.Scheme, Origin: c.Origin, TTL: c.TTL, Tree: c.Tree, size: c.Size, packed: packed}
	l.AsOf, _ = time.Parse(time.RFC3339, c.AsOf)
	l.Expires, _ = time.Parse(time.RFC3339, c.Expires)
	for i := range l.size {
		if s := l.Get(i); !s.Known() {
			return nil, fmt.Errorf("label %d has status %d", i, s)
		}
	}
	if c.Size%2 == 1 && packed[len(packed)-1]>>4 != byte(NeverIssued) {
		return nil, errors.New("the unused half of the last byte is not filled")
	}
	return l, nil
}

// SignStatus wraps a payload as a compact JWS (RFC 7515, EdDSA).
func SignStatus(payload []byte, key crypto.Signer) ([]byte, error) {
	pub, err := ed25519Public(key)
	if err != nil {
		return nil, err
	}
	h, err := Canonical(jwsHeader{Alg: "EdDSA", Kid: statusKeyID(pub), Typ: statusTyp})
	if err != nil {
		return nil, err
	}
	signed := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sig, err := key.Sign(rand.Reader, []byte(signed), crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	return []byte(signed + "." + base64.RawURLEncoding.EncodeToString(sig)), nil
}

// ErrSignature says that the signature of the expected key is missing or does not
// fit the bytes.
var ErrSignature = errors.New("no fitting signature")

// OpenStatus verifies a signed list. The payload is returned for its hash.
// A list that is well formed but not signed by the manifest's key gives ErrSignature.
func (v *Verifiers) OpenStatus(jws []byte) (l *StatusList, payload []byte, err error) {
	if len(jws) > MaxStatusFile {
		return nil, nil, errors.New("a status list is too large")
	}
	head, rest, ok := strings.Cut(string(jws), ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return nil, nil, errors.New("a status list has three parts")
	}
	strict := base64.RawURLEncoding.Strict()
	h, err := strict.DecodeString(head)
	if err != nil || strings.ContainsAny(head+sig, "\r\n") {
		return nil, nil, errors.New("the header is not base64url")
	}
	rawSig, err := strict.DecodeString(sig)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: not base64url", ErrSignature)
	}
	if !ed25519.Verify(v.status, jws[:len(head)+1+len(body)], rawSig) {
		return nil, nil, ErrSignature
	}
	var header jwsHeader
	if err := DecodeCanonical(h, &header); err != nil {
		return nil, nil, err
	}
	if header.Alg != "EdDSA" || header.Typ != statusTyp || header.Kid != statusKeyID(v.status) {
		return nil, nil, fmt.Errorf("header %+v", header)
	}
	if payload, err = strict.DecodeString(body); err != nil {
		return nil, nil, err
	}
	if l, err = DecodeStatusPayload(payload); err != nil {
		return nil, nil, err
	}
	if l.Origin != v.Origin || l.Scheme != v.Scheme {
		return nil, nil, fmt.Errorf("status list of %s, %s; expected %s, %s", l.Scheme, l.Origin, v.Scheme, v.Origin)
	}
	return l, payload, nil
}
