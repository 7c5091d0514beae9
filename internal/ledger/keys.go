package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"hoshi/internal/fault"
)

// maxWitnesses bounds a manifest.
const maxWitnesses = 64

// Keys is the key manifest, keys.json: every public key that a verifier needs, and
// how many witnesses must have seen a checkpoint.
type Keys struct {
	V         int      `json:"v"`         // 1
	Scheme    string   `json:"scheme"`    // id of the scheme
	Origin    string   `json:"origin"`    // name of the log, first line of its checkpoints
	Log       string   `json:"log"`       // C2SP verifier key of the log
	Status    string   `json:"status"`    // Ed25519 key of the status list, unpadded base64url
	Witnesses []string `json:"witnesses"` // C2SP verifier keys, cosignature/v1
	Quorum    int      `json:"quorum"`    // witnesses that must have cosigned; 0 = none asked for
}

// Encode renders keys.json: canonical JSON and a newline.
func (k Keys) Encode() ([]byte, error) {
	if _, err := k.Open(); err != nil {
		return nil, err
	}
	b, err := Canonical(k)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// DecodeKeys reads keys.json. Its layout is free, because people edit it; unknown
// and repeated names are still refused.
func DecodeKeys(b []byte) (Keys, error) {
	var k Keys
	if len(b) > maxNote {
		return k, fault.New(fault.TooLarge, "ledger.DecodeKeys", "ledger.keys.bad", "why", "too large")
	}
	if err := decodeStrict(b, &k); err != nil {
		return Keys{}, fault.Wrap(fault.Invalid, "ledger.DecodeKeys", err, "ledger.keys.bad", "why", err.Error())
	}
	if _, err := k.Open(); err != nil {
		return Keys{}, err
	}
	return k, nil
}

// Verifiers is a manifest with its keys parsed.
type Verifiers struct {
	Keys
	log       note.Verifier
	status    ed25519.PublicKey
	witnesses []*Cosigner
}

// Open parses the keys; a manifest that cannot be satisfied is refused.
func (k Keys) Open() (*Verifiers, error) {
	bad := func(err error) error {
		return fault.Wrap(fault.Invalid, "ledger.Keys", err, "ledger.keys.bad", "why", err.Error())
	}
	v := &Verifiers{Keys: k}
	var err error
	switch {
	case k.V != 1:
		return nil, bad(fmt.Errorf("version %d is not 1", k.V))
	case !isID(k.Scheme):
		return nil, bad(fmt.Errorf("scheme %.80q is not an id", k.Scheme))
	case len(k.Witnesses) > maxWitnesses:
		return nil, bad(fmt.Errorf("more than %d witnesses", maxWitnesses))
	case k.Quorum < 0 || k.Quorum > len(k.Witnesses):
		return nil, bad(fmt.Errorf("quorum %d of %d witnesses", k.Quorum, len(k.Witnesses)))
	}
	if v.log, err = LogVerifier(k.Log); err != nil {
		return nil, bad(err)
	}
	if v.log.Name() != k.Origin {
		return nil, bad(fmt.Errorf("the log key is for %q, the origin is %q", v.log.Name(), k.Origin))
	}
	if v.status, err = parseStatusKey(k.Status); err != nil {
		return nil, bad(err)
	}
	seen := map[string]bool{}
	for _, w := range k.Witnesses {
		c, err := CosignerVerifier(w)
		if err != nil {
			return nil, bad(err)
		}
		// The signed message does not name the witness, so one key counts once.
		if seen[string(c.pub)] || seen[c.name] {
			return nil, bad(fmt.Errorf("witness %s stands twice", c.name))
		}
		seen[string(c.pub)], seen[c.name] = true, true
		v.witnesses = append(v.witnesses, c)
	}
	return v, nil
}

// StatusKey renders the status list's public key as the manifest holds it.
func StatusKey(pub ed25519.PublicKey) string { return base64.RawURLEncoding.EncodeToString(pub) }

func parseStatusKey(s string) (ed25519.PublicKey, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("status key %.60q is not 32 bytes of base64url", s)
	}
	return b, nil
}

// statusKeyID is the kid in a status list's header: 8 bytes of the key's hash, hex.
func statusKeyID(pub ed25519.PublicKey) string {
	h := sha256.Sum256(pub)
	return hex.EncodeToString(h[:8])
}

// Seen is what a verified checkpoint shows.
type Seen struct {
	Checkpoint
	Cosignatures []Cosignature
}

// OpenCheckpoint verifies the log's signature and counts the witnesses; too few
// witnesses is not an error here, see [Seen.Enough].
func (v *Verifiers) OpenCheckpoint(msg []byte) (Seen, error) {
	known := []note.Verifier{v.log}
	for _, w := range v.witnesses {
		known = append(known, w)
	}
	n, err := OpenNote(msg, known...)
	if err != nil {
		return Seen{}, err
	}
	signed := false
	for _, s := range n.Sigs {
		signed = signed || s.Name == v.log.Name() && s.Hash == v.log.KeyHash()
	}
	if !signed {
		return Seen{}, fmt.Errorf("%w: none of the log %s", ErrSignature, v.Origin)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Seen{}, err
	}
	if c.Origin != v.Origin {
		return Seen{}, fmt.Errorf("checkpoint of %q, not of %q", c.Origin, v.Origin)
	}
	return Seen{Checkpoint: c, Cosignatures: Cosignatures(n, v.witnesses)}, nil
}

// Enough reports whether a quorum of witnesses cosigned.
func (v *Verifiers) Enough(s Seen) bool { return len(s.Cosignatures) >= v.Quorum }
