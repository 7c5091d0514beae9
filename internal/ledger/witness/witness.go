// Package witness cosigns a log's checkpoints once it has seen that each extends
// the one before: C2SP tlog-witness, add-checkpoint.
//
// A witness belongs to somebody other than the log's operator; it needs no
// database and trusts nothing but the log's public key and its own state file.
// Start at [Core.AddCheckpoint]; [Handler] is its HTTP face, [Client] asks one.
package witness

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/durable"
	"hoshi/internal/ledger/sequence"
)

// state is the file that outlives the process: origin → newest cosigned checkpoint.
type state struct {
	V    int               `json:"v"`
	Seen map[string]string `json:"seen"`
}

// Why AddCheckpoint refuses, beside *sequence.WitnessSizeError; each is one status
// of the protocol.
var (
	ErrUnknownLog   = errors.New("witness: unknown log")             // 404
	ErrUntrusted    = errors.New("witness: no trusted signature")    // 403
	ErrMalformed    = errors.New("witness: malformed request")       // 400
	ErrInconsistent = errors.New("witness: no consistent extension") // 422
)

// Core is one witness. It is safe for concurrent use; one Core at a time holds a
// state file.
type Core struct {
	name   string
	vkey   string
	signer note.Signer
	self   *ledger.Cosigner
	logs   map[string][]note.Verifier
	path   string
	lock   *durable.Lock

	mu sync.Mutex // held from comparison to durable state
	st state
}

var _ sequence.Witness = (*Core)(nil)

// CreateState makes the state of a witness that has seen nothing; it never replaces
// one (fault.Conflict).
func CreateState(path string) error {
	if have, err := readState(path); err == nil && len(have.Seen) == 0 {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Conflict, "witness.CreateState", "ledger.signer.exists", "path", path)
	}
	return writeState(path, state{V: 1, Seen: map[string]string{}})
}

// New opens the state file, which [CreateState] made, for the logs of the verifier keys.
func New(name string, key crypto.Signer, statePath string, logs []string, now func() time.Time) (*Core, error) {
	s, err := ledger.NewCosigner(name, key, now)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "witness.New", err, "ledger.key.bad", "why", err.Error())
	}
	c := &Core{name: name, signer: s, path: statePath, logs: make(map[string][]note.Verifier)}
	c.vkey = ledger.CosignerVKey(name, key.Public().(ed25519.PublicKey))
	if c.self, err = ledger.CosignerVerifier(c.vkey); err != nil {
		return nil, fault.Wrap(fault.Invalid, "witness.New", err, "ledger.key.bad", "why", err.Error())
	}
	for _, l := range logs {
		v, err := ledger.LogVerifier(l)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "witness.New", err, "ledger.key.bad", "why", err.Error())
		}
		c.logs[v.Name()] = append(c.logs[v.Name()], v)
	}
	if c.lock, err = durable.TryLock(statePath); err != nil {
		return nil, fault.Wrap(fault.Conflict, "witness.New", err, "ledger.signer.locked", "path", statePath)
	}
	if c.st, err = readState(statePath); err != nil {
		c.lock.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Wrap(fault.NotFound, "witness.New", err, "ledger.signer.nostate", "path", statePath)
		}
		return nil, fault.Wrap(fault.Invalid, "witness.New", err, "ledger.signer.badstate", "path", statePath)
	}
	return c, nil
}

// Close releases the state file.
func (c *Core) Close() error { return c.lock.Close() }

// Name implements sequence.Witness.
func (c *Core) Name() string { return c.name }

// VKey is the witness's verifier key, for manifests.
func (c *Core) VKey() string { return c.vkey }

// AddCheckpoint verifies that the checkpoint is the log's and extends what this
// witness cosigned last, which must have size old; then it makes that durable and
// returns its signature line.
func (c *Core) AddCheckpoint(_ context.Context, old int64, proof tlog.TreeProof, checkpoint []byte) ([]byte, error) {
	origin, _, _ := strings.Cut(string(checkpoint), "\n")
	keys := c.logs[origin]
	if keys == nil {
		return nil, ErrUnknownLog
	}
	n, err := ledger.OpenNote(checkpoint, keys...)
	if err != nil {
		_, unverified := errors.AsType[*note.UnverifiedNoteError](err)
		_, invalid := errors.AsType[*note.InvalidSignatureError](err)
		if unverified || invalid {
			return nil, fmt.Errorf("%w: %v", ErrUntrusted, err)
		}
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	next, err := ledger.ParseCheckpoint(n.Text)
	if err != nil || next.Origin != origin {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if old > next.Size {
		return nil, fmt.Errorf("%w: old size %d of %d", ErrMalformed, old, next.Size)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	last, err := c.last(origin)
	if err != nil {
		return nil, err
	}
	if old != last.Size {
		return nil, &sequence.WitnessSizeError{Size: last.Size}
	}
	if err := ledger.CheckConsistency(proof, last, next.Tree); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInconsistent, err)
	}
	// Keep the log's own signatures and ours, not what strangers appended.
	signed, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs}, c.signer)
	if err != nil {
		return nil, err
	}
	mine, err := ledger.OpenNote(signed, c.self)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]string, len(c.st.Seen)+1)
	for k, v := range c.st.Seen {
		seen[k] = v
	}
	seen[origin] = string(signed)
	if err := writeState(c.path, state{V: 1, Seen: seen}); err != nil {
		return nil, err
	}
	c.st.Seen = seen
	return []byte(ledger.SignatureLine(mine.Sigs[0])), nil
}

func (c *Core) last(origin string) (ledger.Tree, error) {
	text, ok := c.st.Seen[origin]
	if !ok {
		return ledger.EmptyTree(), nil
	}
	n, err := ledger.OpenNote([]byte(text), c.self)
	if err != nil {
		return ledger.Tree{}, err
	}
	cp, err := ledger.ParseCheckpoint(n.Text)
	return cp.Tree, err
}

// Checkpoint returns the newest checkpoint that was cosigned for the log whose
// origin has the hex SHA-256; nil when there is none.
func (c *Core) Checkpoint(originHash string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for origin, text := range c.st.Seen {
		if hashOrigin(origin) == originHash {
			return []byte(text)
		}
	}
	return nil
}

func readState(path string) (state, error) {
	var st state
	b, err := os.ReadFile(path)
	if err != nil {
		return st, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&st); err != nil {
		return st, err
	}
	if st.V != 1 || st.Seen == nil {
		return st, fmt.Errorf("state version %d", st.V)
	}
	return st, nil
}

func writeState(path string, st state) error {
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fault.Wrap(fault.Internal, "witness.save", err, "ledger.signer.disk", "path", path)
	}
	return nil
}
