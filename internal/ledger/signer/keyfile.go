package signer

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"hoshi/internal/fault"
	"hoshi/internal/ledger/durable"
)

// pemUse is the PEM header that says what a key in the file is for.
const pemUse = "Use"

// KeyFile is what a PEM file of private keys holds, by use: "log", "status", "witness".
type KeyFile map[string]ed25519.PrivateKey

// CreateKeys makes one Ed25519 key for each use and writes them with mode 0600.
// A file that exists is never replaced (fault.Conflict).
func CreateKeys(path string, rand io.Reader, uses ...string) (KeyFile, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Conflict, "signer.CreateKeys", "ledger.key.exists", "path", path)
	}
	keys, text, err := newKeys(rand, uses)
	if err != nil {
		return nil, err
	}
	return keys, durable.WriteFile(path, text, 0o600)
}

func newKeys(rand io.Reader, uses []string) (KeyFile, []byte, error) {
	keys := make(KeyFile)
	var text []byte
	for _, u := range uses {
		// Read the seed ourselves: GenerateKey may consume one byte more at random.
		seed := make([]byte, ed25519.SeedSize)
		if _, err := io.ReadFull(rand, seed); err != nil {
			return nil, nil, err
		}
		keys[u] = ed25519.NewKeyFromSeed(seed)
		der, err := x509.MarshalPKCS8PrivateKey(keys[u])
		if err != nil {
			return nil, nil, err
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Headers: map[string]string{pemUse: u}, Bytes: der})...)
	}
	return keys, text, nil
}

// ReadKeys reads a file of CreateKeys that must hold exactly the uses. A file that
// others than its owner may read is refused.
func ReadKeys(path string, uses ...string) (KeyFile, error) {
	bad := func(why string, err error) error {
		return fault.Wrap(fault.Invalid, "signer.ReadKeys", err, "ledger.key.file", "path", path, "why", why)
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, bad("cannot be read", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Invalid, "signer.ReadKeys", "ledger.key.mode", "path", path, "mode", fmt.Sprintf("%04o", st.Mode().Perm()))
	}
	if st.Size() > 64<<10 {
		return nil, bad("too large", nil)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, bad("cannot be read", err)
	}
	keys := make(KeyFile)
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, bad("not a PKCS #8 key", nil) // the cause could quote key bytes
		}
		ed, ok := k.(ed25519.PrivateKey)
		if !ok || keys[block.Headers[pemUse]] != nil {
			return nil, bad("not one Ed25519 key for each use", nil)
		}
		keys[block.Headers[pemUse]] = ed
	}
	if len(keys) != len(uses) {
		return nil, bad(fmt.Sprintf("holds %d keys, not %d", len(keys), len(uses)), nil)
	}
	for _, u := range uses {
		if keys[u] == nil {
			return nil, bad("no key for "+u, nil)
		}
	}
	return keys, nil
}

// Init makes the keys and the state of a new log and returns them. It refuses when
// the key file exists, and when the state file belongs to a log that has signed.
func Init(keyPath, statePath, origin string, rand io.Reader) (KeyFile, error) {
	if _, err := os.Lstat(keyPath); !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Conflict, "signer.Init", "ledger.key.exists", "path", keyPath)
	}
	keys, text, err := newKeys(rand, []string{"log", "status"})
	if err != nil {
		return nil, err
	}
	// State first: killed in between, there is an empty state and no key, and Init
	// can run again.
	if err := CreateState(statePath, origin, keys["log"]); err != nil {
		return nil, err
	}
	return keys, durable.WriteFile(keyPath, text, 0o600)
}

// Open reads what Init made. The origin is the one in the state file.
func Open(keyPath, statePath string, now Clock) (*Core, error) {
	keys, err := ReadKeys(keyPath, "log", "status")
	if err != nil {
		return nil, err
	}
	st, err := readState(statePath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, "signer.Open", err, "ledger.signer.nostate", "path", statePath)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "signer.Open", err, "ledger.signer.badstate", "path", statePath)
	}
	return New(originOf(st.Log), keys["log"], keys["status"], statePath, now)
}
