package casework

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// digester hashes what is written to it; its String is "sha256:…".
type digester struct{ hash.Hash }

func newDigest() digester { return digester{sha256.New()} }

func (d digester) String() string { return "sha256:" + hex.EncodeToString(d.Sum(nil)) }

func digestOf(b []byte) string {
	d := newDigest()
	d.Write(b) // a hash never fails
	return d.String()
}
