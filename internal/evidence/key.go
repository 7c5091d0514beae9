package evidence

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"

	"hoshi/internal/fault"
)

// NewKey makes a signing key from the randomness given, as PEM in PKCS #8.
func NewKey(random io.Reader) (ed25519.PrivateKey, []byte, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParseKey reads a signing key that NewKey made.
func ParseKey(b []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fault.New(fault.Invalid, "evidence.ParseKey", "evidence.key")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := k.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fault.Wrap(fault.Invalid, "evidence.ParseKey", err, "evidence.key")
	}
	return key, nil
}

// PublicPEM renders a public key for enrolment with an organisation.
func PublicPEM(pub ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// ParsePublic reads a public key that PublicPEM rendered.
func ParsePublic(b []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fault.New(fault.Invalid, "evidence.ParsePublic", "evidence.key-public")
	}
	k, err := x509.ParsePKIXPublicKey(block.Bytes)
	pub, ok := k.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, fault.Wrap(fault.Invalid, "evidence.ParsePublic", err, "evidence.key-public")
	}
	return pub, nil
}

// KeyID names a public key: the SHA-256 of its SubjectPublicKeyInfo, in hex.
func KeyID(pub ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// keyAdapter lets a signer, or a public key, speak DSSE.
type keyAdapter struct {
	signer crypto.Signer
	pub    ed25519.PublicKey
}

func (k keyAdapter) Sign(_ context.Context, data []byte) ([]byte, error) {
	return k.signer.Sign(nil, data, crypto.Hash(0))
}

func (k keyAdapter) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(k.key(), data, sig) {
		return errors.New("the signature does not fit")
	}
	return nil
}

func (k keyAdapter) key() ed25519.PublicKey {
	if k.signer != nil {
		pub, _ := k.signer.Public().(ed25519.PublicKey)
		return pub
	}
	return k.pub
}

func (k keyAdapter) KeyID() (string, error)   { return KeyID(k.key()), nil }
func (k keyAdapter) Public() crypto.PublicKey { return k.key() }
