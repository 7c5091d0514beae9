package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
)

// MaxLeaf is the largest leaf in bytes: entry bundles prefix each with 16 bits.
const MaxLeaf = 65535

// Type says which public act a leaf records.
type Type string

const (
	LabelGranted    Type = "label-granted"
	LabelUpdated    Type = "label-updated" // the public fields changed and the label goes on
	LabelRenewed    Type = "label-renewed" // new last day
	LabelSuspended  Type = "label-suspended"
	LabelReinstated Type = "label-reinstated"
	LabelInquiry    Type = "label-inquiry" // under investigation, publicly
	LabelRevoked    Type = "label-revoked"
	LabelWithdrawn  Type = "label-withdrawn"
	LabelSuperseded Type = "label-superseded"
	LabelLapsed     Type = "label-lapsed"  // by a change report (report 3.7)
	LabelExpired    Type = "label-expired" // the last day has passed
	EditionAdopted  Type = "edition-adopted"
	EditionRetired  Type = "edition-retired"
	StatusListed    Type = "status-list" // Hash is the hash of a signed status list
	KeyAdded        Type = "key-added"
	KeyRetired      Type = "key-retired"
	ActSealed       Type = "act-sealed"   // committed now, told later
	ActRevealed     Type = "act-revealed" // Subject.Act names the sealed leaf
)

// Leaf is one public act as the log keeps it: ids, dates, statuses and hashes, and
// for everything a person may later want erased only salted commitments. It is
// never changed; a later act is a later leaf.
type Leaf struct {
	V    int    `json:"v"`    // 1
	Type Type   `json:"type"` // what happened
	ID   string `json:"id"`   // unique in the log, such as "grant-01J…"; 1 to 64 of [A-Za-z0-9._:-]
	At   string `json:"at"`   // when, UTC to the second: "2026-11-23T01:02:03Z"

	Scheme  string  `json:"scheme"` // id of the scheme
	Subject Subject `json:"subject"`

	Issued  string `json:"issued,omitempty"`  // first day, scheme calendar: "2026-11-23"
	Expires string `json:"expires,omitempty"` // last day, inclusive
	Hash    string `json:"hash,omitempty"`    // hex SHA-256 of what enters by hash (status list, edition, bulk act)
	Reason  string `json:"reason,omitempty"`  // code of the public reason, such as "false-application"

	Commitments map[string]string `json:"commitments,omitempty"` // field → see Commit
}

// Subject holds the ids of what a leaf is about; those that do not apply are absent.
type Subject struct {
	Label        string `json:"label,omitempty"`        // label id, 12 symbols
	Serial       *int64 `json:"serial,omitempty"`       // the label's place in the status list, from 0
	Registration string `json:"registration,omitempty"` // 登録番号
	Level        string `json:"level,omitempty"`        // level id of the scheme
	Edition      string `json:"edition,omitempty"`      // edition id
	Act          string `json:"act,omitempty"`          // ID of the leaf that this one continues
	Key          string `json:"key,omitempty"`          // verifier key added or retired
}

// rule says what a type of leaf must and may hold beside type, id, at, scheme.
type rule struct {
	label, serial, grant, expires, edition, key, act, hash bool
	commitments                                            bool
}

var rules = map[Type]rule{
	LabelGranted:    {label: true, serial: true, grant: true, expires: true, edition: true, commitments: true},
	LabelUpdated:    {label: true, serial: true, grant: true, expires: true, edition: true, commitments: true},
	LabelRenewed:    {label: true, serial: true, grant: true, expires: true, edition: true, commitments: true},
	LabelSuspended:  {label: true, serial: true, commitments: true},
	LabelReinstated: {label: true, serial: true, commitments: true},
	LabelInquiry:    {label: true, serial: true, commitments: true},
	LabelRevoked:    {label: true, serial: true, commitments: true},
	LabelWithdrawn:  {label: true, serial: true, commitments: true},
	LabelSuperseded: {label: true, serial: true, commitments: true},
	LabelLapsed:     {label: true, serial: true, commitments: true},
	LabelExpired:    {label: true, serial: true, commitments: true},
	EditionAdopted:  {edition: true, hash: true, commitments: true},
	EditionRetired:  {edition: true, hash: true, commitments: true},
	StatusListed:    {hash: true},
	KeyAdded:        {key: true, hash: true},
	KeyRetired:      {key: true, hash: true},
	ActSealed:       {commitments: true},
	ActRevealed:     {act: true, hash: true, commitments: true},
}

// Types lists every type of leaf, for tests and docs.
func Types() []Type {
	return []Type{LabelGranted, LabelUpdated, LabelRenewed, LabelSuspended, LabelReinstated, LabelInquiry, LabelRevoked,
		LabelWithdrawn, LabelSuperseded, LabelLapsed, LabelExpired, EditionAdopted, EditionRetired, StatusListed,
		KeyAdded, KeyRetired, ActSealed, ActRevealed}
}

// Encode returns the canonical bytes of the leaf: what is hashed, stored and
// published. A leaf that breaks a rule of its type, or is larger than [MaxLeaf],
// is refused (fault.Invalid, fault.TooLarge).
func (l Leaf) Encode() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, fault.Wrap(fault.Invalid, "ledger.Encode", err, "ledger.leaf.bad", "why", err.Error())
	}
	b, err := Canonical(l)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "ledger.Encode", err, "ledger.leaf.bad", "why", err.Error())
	}
	if len(b) > MaxLeaf {
		return nil, fault.New(fault.TooLarge, "ledger.Encode", "ledger.leaf.large", "size", len(b), "limit", MaxLeaf)
	}
	return b, nil
}

// DecodeLeaf reads canonical bytes; anything else, even a space more, is refused.
func DecodeLeaf(b []byte) (Leaf, error) {
	var l Leaf
	if len(b) > MaxLeaf {
		return Leaf{}, fault.New(fault.TooLarge, "ledger.DecodeLeaf", "ledger.leaf.large", "size", len(b), "limit", MaxLeaf)
	}
	if err := DecodeCanonical(b, &l); err != nil {
		return Leaf{}, fault.Wrap(fault.Invalid, "ledger.DecodeLeaf", err, "ledger.leaf.bad", "why", err.Error())
	}
	if err := l.check(); err != nil {
		return Leaf{}, fault.Wrap(fault.Invalid, "ledger.DecodeLeaf", err, "ledger.leaf.bad", "why", err.Error())
	}
	return l, nil
}

// RecordHash is the hash of an encoded leaf in the tree (RFC 6962, 2.1).
func RecordHash(leaf []byte) tlog.Hash { return tlog.RecordHash(leaf) }

// Time returns At.
func (l Leaf) Time() time.Time {
	t, _ := time.Parse(time.RFC3339, l.At) // check has seen it
	return t
}

// Seconds renders a time as At wants it.
func Seconds(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

func (l Leaf) check() error {
	r, known := rules[l.Type]
	s := l.Subject
	switch {
	case l.V != 1:
		return fmt.Errorf("version %d is not 1", l.V)
	case !known:
		return fmt.Errorf("unknown type %q", l.Type)
	case !isID(l.ID):
		return fmt.Errorf("id %q is not 1 to 64 of A-Z a-z 0-9 . _ : -", l.ID)
	case !isID(l.Scheme):
		return fmt.Errorf("scheme %q is not 1 to 64 of A-Z a-z 0-9 . _ : -", l.Scheme)
	case !isTime(l.At):
		return fmt.Errorf("at %q is not a UTC time to the second", l.At)
	case r.label != (s.Label != ""):
		return need("subject.label", r.label)
	case r.serial != (s.Serial != nil):
		return need("subject.serial", r.serial)
	case s.Serial != nil && (*s.Serial < 0 || *s.Serial >= MaxStatusSize):
		return fmt.Errorf("subject.serial %d is out of range", *s.Serial)
	case r.grant != (s.Registration != ""):
		return need("subject.registration", r.grant)
	case r.grant != (s.Level != ""):
		return need("subject.level", r.grant)
	case r.edition != (s.Edition != ""):
		return need("subject.edition", r.edition)
	case r.key != (s.Key != ""):
		return need("subject.key", r.key)
	case r.act != (s.Act != ""):
		return need("subject.act", r.act)
	case r.grant != (l.Issued != ""):
		return need("issued", r.grant)
	case r.expires != (l.Expires != ""):
		return need("expires", r.expires)
	case l.Issued != "" && !isDay(l.Issued):
		return fmt.Errorf("issued %q is not a day", l.Issued)
	case l.Expires != "" && !isDay(l.Expires):
		return fmt.Errorf("expires %q is not a day", l.Expires)
	case l.Expires < l.Issued:
		return fmt.Errorf("expires %s before issued %s", l.Expires, l.Issued)
	case r.hash != (l.Hash != ""):
		return need("hash", r.hash)
	case l.Hash != "" && !isHexHash(l.Hash):
		return fmt.Errorf("hash %q is not 64 hex digits", l.Hash)
	case !r.commitments && len(l.Commitments) > 0:
		return need("commitments", false)
	case len(l.Reason) > 64 || l.Reason != "" && !isID(l.Reason):
		return fmt.Errorf("reason %q is not a code", l.Reason)
	}
	for _, id := range []string{s.Label, s.Registration, s.Level, s.Edition, s.Act} {
		if len(id) > 128 {
			return fmt.Errorf("id of %d bytes", len(id))
		}
	}
	for f, c := range l.Commitments {
		if !isField(f) {
			return fmt.Errorf("commitment to field %q", f)
		}
		if h, err := base64.RawURLEncoding.Strict().DecodeString(c); err != nil || len(h) != sha256.Size || len(c) != 43 {
			return fmt.Errorf("commitment to %s is not a hash", f)
		}
	}
	return nil
}

func need(field string, must bool) error {
	if must {
		return fmt.Errorf("%s is missing", field)
	}
	return fmt.Errorf("%s does not belong in a leaf of this type", field)
}

func isID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '.' || c == '_' || c == ':' || c == '-') {
			return false
		}
	}
	return true
}

func isField(s string) bool { return isID(s) }

func isTime(s string) bool {
	t, err := time.Parse(time.RFC3339, s)
	return err == nil && Seconds(t) == s
}

func isDay(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Format(time.DateOnly) == s
}

func isHexHash(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if !(s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f') {
			return false
		}
	}
	return true
}
