package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
)

// Salt hides a committed value from guessing; it is as erasable as the value.
type Salt [16]byte

// NewSalt draws a salt.
func NewSalt(rand io.Reader) (Salt, error) {
	var s Salt
	_, err := io.ReadFull(rand, s[:])
	return s, err
}

// String is unpadded base64url, as in a statement.
func (s Salt) String() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// ParseSalt reads what String wrote.
func ParseSalt(text string) (Salt, error) {
	var s Salt
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(s) || len(text) != 22 {
		return s, fmt.Errorf("a salt is 22 characters of base64url, not %q", text)
	}
	copy(s[:], b)
	return s, nil
}

// Commit binds a field to a value without showing it: unpadded base64url of
// SHA-256("hoshi-commit/v1\x00" ‖ salt ‖ len16(field) ‖ field ‖ value). The value
// is the canonical JSON of the field. Erasing salt and value leaves a hash that
// nobody can connect with the person again.
func Commit(salt Salt, field, value string) string {
	h := sha256.New()
	h.Write([]byte("hoshi-commit/v1\x00"))
	h.Write(salt[:])
	var n [2]byte
	binary.BigEndian.PutUint16(n[:], uint16(len(field)))
	h.Write(n[:])
	h.Write([]byte(field))
	h.Write([]byte(value))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Opening shows a committed value.
type Opening struct {
	Salt  Salt
	Value string // canonical JSON of the field
}
