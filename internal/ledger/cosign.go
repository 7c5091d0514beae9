package ledger

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Signature types of C2SP signed-note.
const (
	algEd25519     = 0x01
	algCosignature = 0x04
)

func keyHash(name string, alg byte, pub ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{alg})
	h.Write(pub)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func vkey(name string, alg byte, pub ed25519.PublicKey) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, alg, pub), base64.StdEncoding.EncodeToString(append([]byte{alg}, pub...)))
}

// LogVKey is the C2SP verifier key text of a log's Ed25519 key.
func LogVKey(origin string, pub ed25519.PublicKey) string { return vkey(origin, algEd25519, pub) }

// CosignerVKey is the C2SP verifier key text of a witness's Ed25519 key.
func CosignerVKey(name string, pub ed25519.PublicKey) string { return vkey(name, algCosignature, pub) }

// LogVerifier reads what LogVKey wrote.
func LogVerifier(text string) (note.Verifier, error) {
	name, pub, err := parseVKey(text, algEd25519)
	if err != nil {
		return nil, err
	}
	return plain{name: name, hash: keyHash(name, algEd25519, pub), pub: pub}, nil
}

// Cosigner verifies cosignature/v1 lines of one witness.
type Cosigner struct {
	name string
	hash uint32
	pub  ed25519.PublicKey
}

// CosignerVerifier reads what CosignerVKey wrote.
func CosignerVerifier(text string) (*Cosigner, error) {
	name, pub, err := parseVKey(text, algCosignature)
	if err != nil {
		return nil, err
	}
	return &Cosigner{name: name, hash: keyHash(name, algCosignature, pub), pub: pub}, nil
}

func parseVKey(text string, alg byte) (string, ed25519.PublicKey, error) {
	bad := fmt.Errorf("%.80q is not a verifier key of the expected type", text)
	name, rest, ok := strings.Cut(text, "+")
	id, b64, ok2 := strings.Cut(rest, "+")
	if !ok || !ok2 || name == "" || strings.ContainsAny(name, " \t\r\n") || len(name) > 255 {
		return "", nil, bad
	}
	b, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(b) != 1+ed25519.PublicKeySize || b[0] != alg {
		return "", nil, bad
	}
	pub := ed25519.PublicKey(b[1:])
	if id != fmt.Sprintf("%08x", keyHash(name, alg, pub)) || vkey(name, alg, pub) != text {
		return "", nil, bad
	}
	return name, pub, nil
}

// Name is the name of the witness.
func (c *Cosigner) Name() string { return c.name }

// KeyHash is the id in its signature lines.
func (c *Cosigner) KeyHash() uint32 { return c.hash }

// Verify implements note.Verifier over a checkpoint's text.
func (c *Cosigner) Verify(msg, sig []byte) bool {
	t, ok := cosignedAt(sig)
	return ok && ed25519.Verify(c.pub, cosignedMessage(msg, t), sig[8:])
}

func cosignedAt(sig []byte) (int64, bool) {
	if len(sig) != 8+ed25519.SignatureSize {
		return 0, false
	}
	t := binary.BigEndian.Uint64(sig)
	return int64(t), t > 0 && t <= math.MaxInt64
}

func cosignedMessage(text []byte, t int64) []byte {
	return append([]byte("cosignature/v1\ntime "+strconv.FormatInt(t, 10)+"\n"), text...)
}

// NewLogSigner signs checkpoints of an origin with an Ed25519 key.
func NewLogSigner(origin string, key crypto.Signer) (note.Signer, error) {
	pub, err := ed25519Public(key)
	if err != nil {
		return nil, err
	}
	return signer{plain{origin, keyHash(origin, algEd25519, pub), pub}, func(msg []byte) ([]byte, error) {
		return key.Sign(rand.Reader, msg, crypto.Hash(0))
	}}, nil
}

// NewCosigner signs cosignature/v1 lines as of now().
func NewCosigner(name string, key crypto.Signer, now func() time.Time) (note.Signer, error) {
	pub, err := ed25519Public(key)
	if err != nil {
		return nil, err
	}
	return signer{plain{name, keyHash(name, algCosignature, pub), pub}, func(msg []byte) ([]byte, error) {
		t := now().Unix()
		sig, err := key.Sign(rand.Reader, cosignedMessage(msg, t), crypto.Hash(0))
		if err != nil {
			return nil, err
		}
		return append(binary.BigEndian.AppendUint64(nil, uint64(t)), sig...), nil
	}}, nil
}

func ed25519Public(key crypto.Signer) (ed25519.PublicKey, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a %T is not an Ed25519 key", key.Public())
	}
	return pub, nil
}

type plain struct {
	name string
	hash uint32
	pub  ed25519.PublicKey
}

func (p plain) Name() string                { return p.name }
func (p plain) KeyHash() uint32             { return p.hash }
func (p plain) Verify(msg, sig []byte) bool { return ed25519.Verify(p.pub, msg, sig) }

type signer struct {
	plain
	sign func(msg []byte) ([]byte, error)
}

func (s signer) Sign(msg []byte) ([]byte, error) { return s.sign(msg) }

// SignatureLine renders one signature as it stands in a note, with its newline.
func SignatureLine(s note.Signature) string { return "— " + s.Name + " " + s.Base64 + "\n" }

// Cosignature is one witness's word on a checkpoint.
type Cosignature struct {
	Witness string    `json:"witness"`
	At      time.Time `json:"at"`
}

// Cosignatures reads the times of verified cosignatures of the known witnesses,
// one for each witness, the earliest first for each.
func Cosignatures(n *note.Note, known []*Cosigner) []Cosignature {
	var out []Cosignature
	for _, k := range known {
		for _, s := range n.Sigs {
			if s.Name != k.name || s.Hash != k.hash {
				continue
			}
			raw, err := base64.StdEncoding.DecodeString(s.Base64)
			if err != nil || len(raw) < 4 {
				continue
			}
			if t, ok := cosignedAt(raw[4:]); ok {
				out = append(out, Cosignature{Witness: k.name, At: time.Unix(t, 0).UTC()})
				break
			}
		}
	}
	return out
}
