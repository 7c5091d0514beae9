package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Finding is one disagreement between the log and the database.
type Finding struct {
	Label string     `json:"label,omitempty"` // label id; "" when it is about the log as a whole
	Key   string     `json:"key"`             // catalogue key of the sentence
	Args  fault.Args `json:"args"`            // its values
}

// CheckResult is what a check saw.
type CheckResult struct {
	Leaves   int64     `json:"leaves"`  // with a place
	Waiting  int64     `json:"waiting"` // committed, without a place yet
	Labels   int       `json:"labels"`
	Findings []Finding `json:"findings"`
}

// Check rebuilds every label from the leaves and compares it with the rows; the
// leaves with the newest signed checkpoint; and, when files is not nil, the
// published checkpoint with the file that the world reads. A row, a leaf or a
// statement that was changed behind the program's back is found. It changes
// nothing. The error is for a check that could not be made.
func Check(ctx context.Context, db *store.DB, keys ledger.Keys, files sequence.Files) (CheckResult, error) {
	v, err := keys.Open()
	if err != nil {
		return CheckResult{}, err
	}
	c := &checker{verify: v}
	st, err := db.Log().State(ctx)
	if err != nil {
		return c.CheckResult, err
	}
	c.Leaves = st.Indexed
	// One transaction sees leaves and rows of one moment.
	err = db.View(ctx, func(tx *store.Tx) error {
		c.replay, c.tree, c.count, c.broken, c.last = ledger.NewReplay(), nil, 0, false, make(map[string]ledger.Leaf)
		c.Findings, c.Labels = nil, 0
		if err := store.EachLeaf(ctx, tx, c.leaf); err != nil {
			return err
		}
		return c.rows(ctx, tx)
	})
	if err != nil {
		return c.CheckResult, err
	}
	c.Waiting = c.count - st.Indexed
	c.checkpoint("signed", st.Signed)
	c.checkpoint("published", st.Published)
	if files != nil && st.Published != nil {
		b, err := files.Get(ctx, ledger.CheckpointPath)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			c.find("", "ledger.check.nofile")
		case err != nil:
			return c.CheckResult, err
		default:
			c.checkpoint("file", b)
		}
	}
	return c.CheckResult, nil
}

type checker struct {
	CheckResult
	verify *ledger.Verifiers
	replay *ledger.Replay
	tree   ledger.Hashes
	count  int64
	broken bool                   // a leaf cannot follow the ones before it
	last   map[string]ledger.Leaf // label id → newest leaf about it
}

func (c *checker) find(id, key string, args ...any) {
	c.Findings = append(c.Findings, Finding{id, key, fault.Pairs(args...)})
}

// leaf takes in the next leaf.
func (c *checker) leaf(body []byte) error {
	if err := c.tree.Append(c.count, body); err != nil {
		return err
	}
	c.count++
	if c.broken {
		return nil
	}
	if err := c.replay.Add(body); err != nil {
		c.broken = true
		c.find("", "ledger.check.leaf", "index", c.count-1, "why", err.Error())
		return nil
	}
	l, err := ledger.DecodeLeaf(body)
	if l.Subject.Label != "" {
		c.last[l.Subject.Label] = l
	}
	return err
}

// checkpoint compares a signed note with the tree of the leaves at its size.
func (c *checker) checkpoint(which string, note []byte) {
	if note == nil {
		return
	}
	seen, err := c.verify.OpenCheckpoint(note)
	if err != nil {
		c.find("", "ledger.check.note", "which", which, "why", err.Error())
		return
	}
	if seen.Size > c.count {
		c.find("", "ledger.check.short", "which", which, "size", seen.Size, "leaves", c.count)
		return
	}
	root, err := tlog.TreeHash(seen.Size, c.tree)
	if err != nil || root != seen.Root {
		c.find("", "ledger.check.root", "which", which, "size", seen.Size)
	}
}

// rows compares every label row and public row with what the leaves say.
func (c *checker) rows(ctx context.Context, tx *store.Tx) error {
	public, err := publicRows(ctx, tx)
	if err != nil {
		return err
	}
	want := c.replay.Labels()
	seen := make(map[string]bool)
	err = store.EachLabelRow(ctx, tx, func(r store.LabelRow) error {
		id := r.Columns.ID
		c.Labels++
		seen[id] = true
		w, ok := want[id]
		if !ok {
			c.find(id, "ledger.check.noleaf")
			return nil
		}
		c.row("", r.Columns, w)
		c.row("doc.", r.Doc, w)
		if r.Doc.ID != id || r.Doc.ApplicationID != r.Columns.ApplicationID || r.Doc.OrganisationID != r.Columns.OrganisationID {
			c.find(id, "ledger.check.row", "field", "doc.id", "row", r.Doc.ID, "leaf", id)
		}
		if r.Doc.EditionID != w.Edition {
			c.find(id, "ledger.check.row", "field", "doc.edition", "row", r.Doc.EditionID, "leaf", w.Edition)
		}
		c.statement(id, "sealed", r.Sealed, w)
		if p, ok := public[id]; ok {
			c.public(p, w)
		} else {
			c.find(id, "ledger.check.nopublic")
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if !seen[id] {
			c.find(id, "ledger.check.norow")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(public)) {
		if want[id] == nil {
			c.find(id, "ledger.check.noleaf")
		}
	}
	return nil
}

func publicRows(ctx context.Context, tx *store.Tx) (map[string]store.PublicLabel, error) {
	out := make(map[string]store.PublicLabel)
	for from := int64(0); ; {
		page, err := store.PublicLabels(ctx, tx, from, 1000)
		if err != nil || len(page) == 0 {
			return out, err
		}
		for _, p := range page {
			out[p.LabelID] = p
			from = p.Serial + 1
		}
	}
}

// row compares the fields that a label row and the leaves both have.
func (c *checker) row(part string, l scheme.Label, w *ledger.LabelState) {
	for _, f := range []struct{ name, row, leaf string }{
		{"serial", fmt.Sprint(l.Serial), fmt.Sprint(w.Serial)},
		{"registration", l.Registration, w.Registration},
		{"level", l.Level, w.Level},
		{"issued", l.Issued.String(), w.Issued},
		{"lastDay", l.LastDay.String(), w.Expires},
		{"state", string(l.State), string(recorded(w))},
	} {
		if f.row != f.leaf {
			c.find(w.Label, "ledger.check.row", "field", part+f.name, "row", f.row, "leaf", f.leaf)
		}
	}
}

// recorded is the state that a label row must have.
func recorded(w *ledger.LabelState) scheme.LabelState {
	switch w.Status {
	case ledger.Revoked:
		return scheme.LabelRevoked
	case ledger.Withdrawn:
		return scheme.LabelWithdrawn
	case ledger.Lapsed:
		return scheme.LabelLapsed
	}
	if w.Expired {
		return scheme.LabelExpired
	}
	return scheme.LabelValid
}

// public compares the public row: its copies of row fields, and every field of its
// statement with the commitments of the leaf.
func (c *checker) public(p store.PublicLabel, w *ledger.LabelState) {
	for _, f := range []struct{ name, row, leaf string }{
		{"serial", fmt.Sprint(p.Serial), fmt.Sprint(w.Serial)},
		{"lastDay", p.LastDay.String(), w.Expires},
		{"state", string(p.State), string(recorded(w))},
	} {
		if f.row != f.leaf {
			c.find(p.LabelID, "ledger.check.row", "field", "public."+f.name, "row", f.row, "leaf", f.leaf)
		}
	}
	c.statement(p.LabelID, "public", p.Doc, w)
	if last := c.last[p.LabelID]; p.LastLeafID != last.ID || !reasonFits(p, last) {
		c.find(p.LabelID, "ledger.check.field", "which", "public", "field", "reason")
	}
}

// reasonFits reports whether the public words and code of a label's end are those
// that its leaf stands for.
func reasonFits(p store.PublicLabel, last ledger.Leaf) bool {
	if p.Ground != last.Reason {
		return false
	}
	want, committed := last.Commitments["reason"]
	if !committed || p.Reason == "" || p.ReasonSalt == "" {
		return !committed && p.Reason == ""
	}
	salt, err := ledger.ParseSalt(p.ReasonSalt)
	if err != nil {
		return false
	}
	text, err := ledger.Canonical(p.Reason)
	return err == nil && ledger.Commit(salt, "reason", string(text)) == want
}

// statement opens every commitment of the newest leaf that carries the fields.
func (c *checker) statement(id, which string, doc []byte, w *ledger.LabelState) {
	s, err := label.Decode(doc)
	if err != nil {
		c.find(id, "ledger.check.statement", "which", which, "why", err.Error())
		return
	}
	if !maps.Equal(s.Leaf.Commitments, w.Commitments) {
		c.find(id, "ledger.check.statement", "which", which, "why", "the statement stands on another leaf")
		return
	}
	_, r, err := label.Verify(label.VerifyInput{Keys: c.verify.Keys, Statement: doc, Now: w.LastAt})
	if err != nil {
		c.find(id, "ledger.check.statement", "which", which, "why", err.Error())
		return
	}
	for _, l := range r.Lines {
		if f, ok := l.Args["field"]; ok && l.Mark == ledger.Refuted {
			c.find(id, "ledger.check.field", "which", which, "field", f)
		}
	}
}
