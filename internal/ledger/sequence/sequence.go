// Package sequence extends the log: it gives committed leaves their places, writes
// tiles, has the next checkpoint signed and witnessed, and publishes it.
//
// It holds no key, no SQL and no clock: database, files, signer and witnesses are
// interfaces declared here ([Store], [Files], [Signer], [Witness]), with their
// contracts, and package ledgertest holds every implementation to them.
//
// Start at [Sequencer.Run]; its comment gives the order of the steps and why a kill
// between any two of them loses nothing and forks nothing.
package sequence

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
)

// State is where the log stands in the database.
type State struct {
	Indexed   int64  // leaves that have a place: 0 to Indexed-1, without a gap
	Signed    []byte // newest signed checkpoint; nil before the first
	Published []byte // newest published checkpoint with its cosignatures; nil before the first
}

// ErrMoved says that somebody else moved the log meanwhile; the next run starts
// from what is there then.
var ErrMoved = errors.New("sequence: another sequencer moved the log")

// Store is what the sequencer needs of the database. Leaves enter by the business
// transactions, not by this interface: unindexed, each with a unique id, and each
// numbered when it is inserted.
//
// Every method is one transaction, durable when it returns nil. When it returns an
// error, nothing of it is to be seen, or (a connection lost at commit) all of it.
type Store interface {
	// State reads the three values of one moment.
	State(ctx context.Context) (State, error)

	// Assign gives the places from, from+1, … to at most max unindexed leaves that
	// are committed, in ascending order of their insertion number, and returns how
	// many. It compares first: when Indexed is not from any more, it changes
	// nothing and returns ErrMoved. A place once given never changes.
	Assign(ctx context.Context, from int64, max int) (int, error)

	// Leaves returns the encoded leaves of places lo to hi-1 in order, byte for
	// byte as they were committed. A place that has no leaf is an error.
	Leaves(ctx context.Context, lo, hi int64) ([][]byte, error)

	// SaveSigned replaces State.Signed when it is still old (byte for byte, nil for
	// none), else it returns ErrMoved.
	SaveSigned(ctx context.Context, old, next []byte) error

	// SavePublished does the same for State.Published. Leaves below size are public
	// from then on; what waits for publication (mails, pages) starts in this
	// transaction.
	SavePublished(ctx context.Context, old, next []byte, size int64) error
}

// Files is where the log is published, below its prefix. Every Put and Replace is
// durable when it returns nil, and a reader sees the whole file or none.
type Files interface {
	// Get returns a file; errors.Is(err, fs.ErrNotExist) when it does not exist.
	Get(ctx context.Context, path string) ([]byte, error)
	// Put writes a file that never changes. Writing the same bytes again succeeds;
	// other bytes under a path that exists are an error and change nothing.
	Put(ctx context.Context, path string, data []byte) error
	// Replace writes a file that may exist: the checkpoint, and in rare cases a
	// tile that no checkpoint has named yet.
	Replace(ctx context.Context, path string, data []byte) error
}

// Signer holds the log's key and, outside the database, the last checkpoint that it
// signed. Package signer has the process and its client.
type Signer interface {
	// Last returns the newest tree that was ever signed; size 0 before the first.
	Last(ctx context.Context) (ledger.Tree, error)
	// Sign signs next when the last signed tree is old and proof shows that next
	// extends it. Signing the last tree once more is allowed and changes nothing.
	// When the last tree is not old, or the proof fails, it returns an error of
	// kind fault.Conflict and signs nothing.
	Sign(ctx context.Context, old, next ledger.Tree, proof tlog.TreeProof) (checkpoint []byte, err error)
}

// Witness cosigns what it has seen to extend what it saw before: C2SP tlog-witness.
type Witness interface {
	Name() string
	// AddCheckpoint returns signature lines for the checkpoint, or *WitnessSizeError
	// when the witness last saw another size than old.
	AddCheckpoint(ctx context.Context, old int64, proof tlog.TreeProof, checkpoint []byte) (lines []byte, err error)
}

// WitnessSizeError says which size a witness saw last.
type WitnessSizeError struct{ Size int64 }

func (e *WitnessSizeError) Error() string {
	return fmt.Sprintf("the witness last saw a tree of %d leaves", e.Size)
}

// Options make a Sequencer.
type Options struct {
	Keys      ledger.Keys // public keys of log and witnesses; Quorum decides when a checkpoint is published
	Store     Store
	Files     Files
	Signer    Signer
	Witnesses []Witness
	Batch     int // leaves that get their places in one run at most; 0 = 1024
}

// Sequencer moves the log forward. Several may run on one database: each step
// compares before it changes, so that only their speed suffers. Usually one holds
// a lease and the others wait. A Sequencer is for one goroutine.
type Sequencer struct {
	Options
	verify    *ledger.Verifiers
	witnessed map[string]int64 // size that each witness saw last, as far as known
}

// New makes a Sequencer.
func New(o Options) (*Sequencer, error) {
	v, err := o.Keys.Open()
	if err != nil {
		return nil, err
	}
	if o.Batch <= 0 {
		o.Batch = 1024
	}
	return &Sequencer{Options: o, verify: v, witnessed: make(map[string]int64)}, nil
}

// Result is what one run did.
type Result struct {
	Tree         ledger.Tree // the published tree
	Assigned     int         // leaves that got their places
	Signed       bool        // a new checkpoint was signed
	Published    bool        // a new checkpoint was published
	Cosignatures int         // on the checkpoint that was published
	Missing      error       // why cosignatures beyond the quorum are missing
	More         bool        // leaves may be waiting: run again at once
}

// errForked wraps the one answer that needs the operator.
func errForked(db, signed ledger.Tree) error {
	return fault.Wrap(fault.Conflict, "sequence.Run", fmt.Errorf("database %d, signer %d %s", db.Size, signed.Size, signed.Root),
		"ledger.fork", "db", db.Size, "signed", signed.Size)
}

// Run takes the log from wherever it stands to a published checkpoint that
// includes every leaf it found. The order of its steps:
//
//  1. Compare the database with what the signer signed last. A database that holds
//     fewer leaves, or others, is an old backup or was altered: nothing is changed,
//     assigned or written, and the operator is told (fault.Conflict, ledger.fork).
//  2. Store.Assign: places are durable. Killed after it: the next run finds the
//     leaves with their places and goes on.
//  3. Put tiles and bundles: their bytes follow from the places alone, so a second
//     run writes the same. Nobody reads them before a checkpoint names them.
//  4. Signer.Sign: the signer makes its own note durable before it answers. Killed
//     after it: the signer is ahead of State.Signed; the next run sees that at 1,
//     and that its leaves lead to the very same root.
//  5. Store.SaveSigned.
//  6. Witnesses. Fewer than the quorum: the checkpoint stays unpublished, Run
//     returns fault.Unavailable, and the next run asks again.
//  7. Replace the checkpoint file, then Store.SavePublished: a leaf counts as public
//     only when the file that proves it can be fetched.
func (q *Sequencer) Run(ctx context.Context) (Result, error) {
	var res Result
	st, last, err := q.look(ctx)
	if err != nil {
		return res, err
	}
	g, err := q.grow(ctx, st)
	if err != nil {
		return res, err
	}
	// What already has a place must lead to what was signed, before anything moves.
	if err := g.extend(ctx, st.Indexed); err != nil {
		return res, err
	}
	if err := g.mustExtend(last); err != nil {
		return res, err
	}

	if res.Assigned, err = q.Store.Assign(ctx, st.Indexed, q.Batch); err != nil {
		return res, err
	}
	res.More = res.Assigned == q.Batch
	size := st.Indexed + int64(res.Assigned)
	if size == 0 {
		return res, nil
	}
	if err := g.extend(ctx, size); err != nil {
		return res, err
	}
	next, err := g.tree()
	if err != nil {
		return res, err
	}
	if err := g.write(ctx); err != nil {
		return res, err
	}

	signed := st.Signed
	if g.from.Size != size || signed == nil {
		proof, err := ledger.ProveConsistency(last.Size, size, g)
		if err != nil {
			return res, err
		}
		if signed, err = q.Signer.Sign(ctx, last, next, proof); err != nil {
			return res, err
		}
		if c, err := q.verify.OpenCheckpoint(signed); err != nil || c.Tree != next {
			return res, fault.Wrap(fault.Internal, "sequence.Run", errors.Join(errors.New("the signer signed something else"), err), "ledger.signer.wrong")
		}
		if err := q.Store.SaveSigned(ctx, st.Signed, signed); err != nil {
			return res, err
		}
		res.Signed = true
	}
	return res, q.publish(ctx, st, g, next, signed, &res)
}

// Restore writes every bundle and tile of the signed log anew from the leaves, for
// files that were lost or came from an older backup. Files that are there must
// agree. It signs and publishes nothing.
func (q *Sequencer) Restore(ctx context.Context) error {
	st, last, err := q.look(ctx)
	if err != nil {
		return err
	}
	g := &growth{q: q, from: ledger.EmptyTree(), fresh: make(map[int64]tlog.Hash)}
	if err := g.extend(ctx, last.Size); err != nil {
		return err
	}
	if err := g.mustExtend(last); err != nil {
		return err
	}
	if err := g.write(ctx); err != nil || st.Published == nil {
		return err
	}
	return q.restoreFile(ctx, st.Published)
}

// look reads signer and database so that another sequencer, at work in between,
// cannot be taken for a fork: what was signed before the database was read must be
// in it; what the database holds as signed, the signer must know when asked again.
func (q *Sequencer) look(ctx context.Context) (State, ledger.Tree, error) {
	last, err := q.Signer.Last(ctx)
	if err != nil {
		return State{}, last, err
	}
	st, err := q.Store.State(ctx)
	if err != nil {
		return State{}, last, err
	}
	if last.Size > st.Indexed {
		return State{}, last, errForked(ledger.Tree{Size: st.Indexed}, last)
	}
	if st.Signed == nil {
		return st, last, nil
	}
	c, err := q.verify.OpenCheckpoint(st.Signed)
	if err != nil {
		return State{}, last, fault.Wrap(fault.Internal, "sequence.Run", err, "ledger.state.bad")
	}
	if c.Size <= last.Size {
		return st, last, nil
	}
	if last, err = q.Signer.Last(ctx); err != nil {
		return State{}, last, err
	}
	switch {
	case last.Size < c.Size:
		err = fault.New(fault.Conflict, "sequence.Run", "ledger.signer.behind", "db", c.Size, "signed", last.Size)
	case last.Size > st.Indexed:
		err = ErrMoved
	}
	return st, last, err
}

// publish is steps 6 and 7.
func (q *Sequencer) publish(ctx context.Context, st State, g *growth, next ledger.Tree, signed []byte, res *Result) error {
	if st.Published != nil {
		c, err := q.verify.OpenCheckpoint(st.Published)
		if err != nil {
			return fault.Wrap(fault.Internal, "sequence.Run", err, "ledger.state.bad")
		}
		if c.Tree == next && q.verify.Enough(c) {
			res.Tree, res.Cosignatures = next, len(c.Cosignatures)
			return q.restoreFile(ctx, st.Published)
		}
	}
	full, werr := q.cosign(ctx, g, next, signed)
	c, err := q.verify.OpenCheckpoint(full)
	if err != nil {
		return fault.Wrap(fault.Internal, "sequence.Run", err, "ledger.state.bad")
	}
	if !q.verify.Enough(c) {
		return fault.Wrap(fault.Unavailable, "sequence.Run", werr, "ledger.witness.few", "have", len(c.Cosignatures), "need", q.Keys.Quorum)
	}
	if err := q.Files.Replace(ctx, ledger.CheckpointPath, full); err != nil {
		return err
	}
	if err := q.Store.SavePublished(ctx, st.Published, full, next.Size); err != nil {
		return err
	}
	res.Tree, res.Published, res.Cosignatures, res.Missing = next, true, len(c.Cosignatures), werr
	return nil
}

// restoreFile puts the published checkpoint back when its file is gone, or when a
// slower sequencer replaced it by an older one.
func (q *Sequencer) restoreFile(ctx context.Context, published []byte) error {
	have, err := q.Files.Get(ctx, ledger.CheckpointPath)
	if err != nil && !notExist(err) || err == nil && bytes.Equal(have, published) {
		return err
	}
	return q.Files.Replace(ctx, ledger.CheckpointPath, published)
}

// cosign asks every witness and returns the checkpoint with the lines that verify,
// and why others are missing.
func (q *Sequencer) cosign(ctx context.Context, g *growth, next ledger.Tree, signed []byte) ([]byte, error) {
	full := append([]byte(nil), signed...)
	var errs []error
	for _, w := range q.Witnesses {
		lines, err := q.ask(ctx, w, g, next, signed)
		if err != nil {
			errs = append(errs, fmt.Errorf("witness %s: %w", w.Name(), err))
			continue
		}
		with := append(append([]byte(nil), full...), lines...)
		if _, err := q.verify.OpenCheckpoint(with); err != nil {
			errs = append(errs, fmt.Errorf("witness %s: %w", w.Name(), err))
			continue
		}
		q.witnessed[w.Name()] = next.Size
		full = with
	}
	return full, errors.Join(errs...)
}

// ask sends one checkpoint; when the witness remembers another size, it asks again
// from there, once.
func (q *Sequencer) ask(ctx context.Context, w Witness, g *growth, next ledger.Tree, signed []byte) ([]byte, error) {
	old := min(q.witnessed[w.Name()], next.Size)
	for again := true; ; again = false {
		proof, err := ledger.ProveConsistency(old, next.Size, g)
		if err != nil {
			return nil, err
		}
		lines, err := w.AddCheckpoint(ctx, old, proof, signed)
		conflict, ok := errors.AsType[*WitnessSizeError](err)
		if !ok || !again || conflict.Size > next.Size {
			return lines, err
		}
		old = conflict.Size
	}
}
