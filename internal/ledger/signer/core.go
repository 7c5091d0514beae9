// Package signer holds the log's keys, in a process of its own, and signs only what
// continues what it signed before.
//
// Its state file keeps the last signed checkpoint outside the database: a database
// restored from an old backup, or altered, cannot make it sign a second history.
// The keys never leave the process; package sequence and the registry reach it
// through [Client] over a Unix socket. It knows no label and no leaf.
//
// Start at [Core.Sign].
package signer

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/durable"
)

// clockSlack is how far ahead of the signer's clock a status list may be dated.
const clockSlack = time.Minute

// state is the file that outlives the process.
type state struct {
	V          int    `json:"v"`
	Log        string `json:"log"`        // verifier key that the state belongs to
	Checkpoint string `json:"checkpoint"` // last signed checkpoint; "" before the first
	StatusAsOf string `json:"statusAsOf"` // time of the last signed status list; "" before the first
	StatusTree int64  `json:"statusTree"` // log size that the last status list reflects
	StatusList string `json:"statusList"` // payload of the last signed status list; "" before the first
}

// Core signs. It is safe for concurrent use; one Core at a time holds a state file.
type Core struct {
	origin string
	log    note.Signer
	verify note.Verifier
	vkey   string
	status crypto.Signer
	pub    ed25519.PublicKey
	path   string
	now    func() time.Time
	lock   *durable.Lock

	mu sync.Mutex // held from comparison to durable state
	st state
}

// CreateState makes the state of a log that has signed nothing. It never replaces
// a state that has signed something (fault.Conflict).
func CreateState(path, origin string, log crypto.Signer) error {
	pub, ok := log.Public().(ed25519.PublicKey)
	if !ok {
		return fault.New(fault.Invalid, "signer.CreateState", "ledger.key.bad", "why", "not an Ed25519 key")
	}
	if have, err := readState(path); err == nil && (have.Checkpoint != "" || have.StatusAsOf != "") {
		return fault.New(fault.Conflict, "signer.CreateState", "ledger.signer.exists", "path", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return writeState(path, state{V: 1, Log: ledger.LogVKey(origin, pub)})
}

// New opens the state file, which [CreateState] made, and locks it. The keys must
// be Ed25519. now is the signer's own clock.
func New(origin string, log, status crypto.Signer, statePath string, now func() time.Time) (*Core, error) {
	s, err := ledger.NewLogSigner(origin, log)
	if err != nil {
		return nil, err
	}
	pub, ok := status.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fault.New(fault.Invalid, "signer.New", "ledger.key.bad", "why", "not an Ed25519 key")
	}
	c := &Core{origin: origin, log: s, vkey: ledger.LogVKey(origin, log.Public().(ed25519.PublicKey)), status: status, pub: pub, path: statePath, now: now}
	if c.verify, err = ledger.LogVerifier(c.vkey); err != nil {
		return nil, fault.Wrap(fault.Invalid, "signer.New", err, "ledger.key.bad", "why", err.Error())
	}
	if c.lock, err = durable.TryLock(statePath); err != nil {
		return nil, fault.Wrap(fault.Conflict, "signer.New", err, "ledger.signer.locked", "path", statePath)
	}
	if c.st, err = readState(statePath); err == nil {
		err = c.checkState()
	}
	if err != nil {
		c.lock.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Wrap(fault.NotFound, "signer.New", err, "ledger.signer.nostate", "path", statePath)
		}
		return nil, fault.Wrap(fault.Invalid, "signer.New", err, "ledger.signer.badstate", "path", statePath)
	}
	return c, nil
}

// Close releases the state file.
func (c *Core) Close() error { return c.lock.Close() }

// LogVKey is the log's verifier key, for the manifest.
func (c *Core) LogVKey() string { return c.vkey }

// StatusKey is the status list's public key, for the manifest.
func (c *Core) StatusKey() string { return ledger.StatusKey(c.pub) }

// Last returns the last tree that was signed; size 0 before the first.
func (c *Core) Last(context.Context) (ledger.Tree, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last()
}

func (c *Core) last() (ledger.Tree, error) {
	if c.st.Checkpoint == "" {
		return ledger.EmptyTree(), nil
	}
	cp, err := ledger.OpenCheckpoint([]byte(c.st.Checkpoint), c.origin, c.verify)
	return cp.Tree, err
}

func (c *Core) checkState() error {
	if c.st.V != 1 || c.st.Log != c.vkey {
		return fmt.Errorf("the state belongs to %q", c.st.Log)
	}
	if _, err := c.last(); err != nil {
		return err
	}
	_, err := c.lastStatus()
	return err
}

// lastStatus returns the last signed status list, nil before the first.
func (c *Core) lastStatus() (*ledger.StatusList, error) {
	if c.st.StatusList == "" {
		return nil, nil
	}
	return ledger.DecodeStatusPayload([]byte(c.st.StatusList))
}

// Sign signs next when it extends the last signed tree, which must be old. The
// state is durable before the signature is returned; if it cannot be, nothing is
// signed. Signing the last tree again returns the same bytes.
func (c *Core) Sign(_ context.Context, old, next ledger.Tree, proof tlog.TreeProof) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, err := c.last()
	if err != nil {
		return nil, err
	}
	if next == last && c.st.Checkpoint != "" {
		return []byte(c.st.Checkpoint), nil
	}
	if next.Size < last.Size || next.Size == last.Size && next.Root != last.Root {
		return nil, fault.New(fault.Conflict, "signer.Sign", "ledger.fork", "db", next.Size, "signed", last.Size)
	}
	if old != last {
		return nil, fault.New(fault.Conflict, "signer.Sign", "ledger.signer.moved", "old", old.Size, "signed", last.Size)
	}
	if err := ledger.CheckConsistency(proof, last, next); err != nil {
		return nil, fault.Wrap(fault.Conflict, "signer.Sign", err, "ledger.fork", "db", next.Size, "signed", last.Size)
	}
	msg, err := note.Sign(&note.Note{Text: ledger.Checkpoint{Origin: c.origin, Tree: next}.Text()}, c.log)
	if err != nil {
		return nil, err
	}
	st := c.st
	st.Checkpoint = string(msg)
	if err := c.save(st); err != nil {
		return nil, err
	}
	return msg, nil
}

// SignStatus signs the payload of a status list when it is dated no earlier than
// the last one, reflects no fewer leaves, and no more than were signed, takes no
// end back that the last one told, and does not live long: revocations cannot fall
// out of a list by restoring an old backup, nor by a server that lies.
func (c *Core) SignStatus(_ context.Context, payload []byte) ([]byte, error) {
	l, err := ledger.DecodeStatusPayload(payload)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "signer.SignStatus", err, "ledger.status.bad", "why", err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	last, err := c.last()
	if err != nil {
		return nil, err
	}
	asOf := ledger.Seconds(l.AsOf)
	switch {
	case l.Origin != c.origin:
		return nil, fault.New(fault.Invalid, "signer.SignStatus", "ledger.status.origin", "got", l.Origin, "want", c.origin)
	case l.Expires.Sub(l.AsOf) > ledger.MaxStatusTTL:
		return nil, fault.New(fault.Invalid, "signer.SignStatus", "ledger.status.long", "expires", ledger.Seconds(l.Expires),
			"limit", int(ledger.MaxStatusTTL/(24*time.Hour)))
	case asOf < c.st.StatusAsOf:
		return nil, fault.New(fault.Conflict, "signer.SignStatus", "ledger.status.back", "asof", asOf, "last", c.st.StatusAsOf)
	case l.AsOf.After(c.now().Add(clockSlack)):
		return nil, fault.New(fault.Invalid, "signer.SignStatus", "ledger.status.future", "asof", asOf)
	case l.Tree < c.st.StatusTree:
		return nil, fault.New(fault.Conflict, "signer.SignStatus", "ledger.status.older", "tree", l.Tree, "last", c.st.StatusTree)
	case l.Tree > last.Size:
		return nil, fault.New(fault.Conflict, "signer.SignStatus", "ledger.status.ahead", "tree", l.Tree, "signed", last.Size)
	}
	before, err := c.lastStatus()
	if err != nil {
		return nil, err
	}
	if before != nil {
		if serial, ok := l.Follows(before); !ok {
			return nil, fault.New(fault.Conflict, "signer.SignStatus", "ledger.status.undone", "serial", serial,
				"was", before.Get(serial).String(), "is", l.Get(serial).String())
		}
	}
	jws, err := ledger.SignStatus(payload, c.status)
	if err != nil {
		return nil, err
	}
	st := c.st
	st.StatusAsOf, st.StatusTree, st.StatusList = asOf, l.Tree, string(payload)
	if err := c.save(st); err != nil {
		return nil, err
	}
	return jws, nil
}

func (c *Core) save(st state) error {
	if st == c.st {
		return nil
	}
	if err := writeState(c.path, st); err != nil {
		return err
	}
	c.st = st
	return nil
}

func readState(path string) (state, error) {
	var st state
	b, err := os.ReadFile(path)
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal(b, &st)
}

func writeState(path string, st state) error {
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fault.Wrap(fault.Internal, "signer.save", err, "ledger.signer.disk", "path", path)
	}
	return nil
}
