package ledger

import (
	"fmt"
	"iter"
	"maps"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
)

// LabelState is a label as the leaves alone tell it: what the business rows must
// agree with.
type LabelState struct {
	Label        string
	Serial       int64
	Registration string
	Level        string
	Edition      string
	Issued       string
	Expires      string
	Status       Status            // Valid also after the last day; see Expired
	Expired      bool              // an expiry leaf has been written
	Commitments  map[string]string // of the newest leaf that carries the public fields
	Public       int64             // place of that leaf: the one that the label's proof is about
	Last         int64             // place of the newest leaf about the label
	LastAt       time.Time
}

// Replay rebuilds every label from leaves, given in the order of their places.
type Replay struct {
	next    int64
	labels  map[string]*LabelState
	serials map[int64]string
	numbers map[string]string
	ids     map[string]bool
}

// NewReplay starts before the first leaf.
func NewReplay() *Replay {
	return &Replay{labels: make(map[string]*LabelState), serials: make(map[int64]string), numbers: make(map[string]string), ids: make(map[string]bool)}
}

// Labels returns the labels by id. The caller does not change them.
func (r *Replay) Labels() map[string]*LabelState { return r.labels }

// Size is the number of leaves taken in.
func (r *Replay) Size() int64 { return r.next }

// Serials is the number of places that a status list of these labels needs.
func (r *Replay) Serials() int64 {
	var n int64
	for s := range r.serials {
		n = max(n, s+1)
	}
	return n
}

// Add takes in the next leaf. A leaf that cannot follow the ones before (a second
// grant of an id, a serial or a number used twice, a revoked label that comes back)
// is an error with its place, and the log is not to be trusted.
func (r *Replay) Add(leaf []byte) error {
	l, err := DecodeLeaf(leaf)
	if err == nil {
		err = r.apply(l)
	}
	if err != nil {
		return fault.Wrap(fault.Conflict, "ledger.Replay", err, "ledger.replay", "index", r.next, "why", err.Error())
	}
	r.next++
	return nil
}

func (r *Replay) apply(l Leaf) error {
	if r.ids[l.ID] {
		return fmt.Errorf("event %s stands twice", l.ID)
	}
	r.ids[l.ID] = true
	if l.Subject.Label == "" {
		return nil
	}
	s := r.labels[l.Subject.Label]
	if l.Type == LabelGranted {
		if s != nil {
			return fmt.Errorf("label %s is granted twice", l.Subject.Label)
		}
		if other, ok := r.serials[*l.Subject.Serial]; ok {
			return fmt.Errorf("serial %d belongs to label %s", *l.Subject.Serial, other)
		}
		if other, ok := r.numbers[l.Subject.Registration]; ok {
			return fmt.Errorf("registration %s belongs to label %s", l.Subject.Registration, other)
		}
		s = &LabelState{Label: l.Subject.Label, Serial: *l.Subject.Serial, Registration: l.Subject.Registration}
		r.labels[s.Label], r.serials[s.Serial], r.numbers[s.Registration] = s, s.Label, s.Label
		r.fields(s, l)
		return nil
	}
	switch {
	case s == nil:
		return fmt.Errorf("label %s was not granted", l.Subject.Label)
	case s.Serial != *l.Subject.Serial:
		return fmt.Errorf("label %s has serial %d, not %d", s.Label, s.Serial, *l.Subject.Serial)
	}
	next, carries := s.Status, false
	switch l.Type {
	case LabelUpdated, LabelRenewed:
		carries = true
		if s.Registration != l.Subject.Registration {
			return fmt.Errorf("label %s has registration %s, not %s", s.Label, s.Registration, l.Subject.Registration)
		}
	case LabelSuspended:
		next = Suspended
	case LabelInquiry:
		next = Investigation
	case LabelReinstated:
		next = Valid
	case LabelRevoked:
		next = Revoked
	case LabelWithdrawn:
		next = Withdrawn
	case LabelSuperseded:
		next = Superseded
	case LabelLapsed:
		next = Lapsed
	case LabelExpired:
		s.Expired = true
	}
	// An ended label stays ended; only a withdrawn or lapsed one can still be revoked.
	ended := s.Status == Revoked || s.Status == Withdrawn || s.Status == Superseded || s.Status == Lapsed
	if ended && l.Type != LabelExpired && !(next == Revoked && s.Status != Revoked) {
		return fmt.Errorf("label %s is %s and cannot be %s", s.Label, s.Status, l.Type)
	}
	s.Status = next
	if carries {
		if l.Type == LabelRenewed {
			s.Expired = false
		}
		r.fields(s, l)
		return nil
	}
	s.Last, s.LastAt = r.next, l.Time()
	return nil
}

func (r *Replay) fields(s *LabelState, l Leaf) {
	s.Level, s.Edition, s.Issued, s.Expires = l.Subject.Level, l.Subject.Edition, l.Issued, l.Expires
	s.Commitments = maps.Clone(l.Commitments)
	s.Public, s.Last, s.LastAt = r.next, r.next, l.Time()
}

// StatusList makes the list that these labels call for, not yet dated.
func (r *Replay) StatusList() (*StatusList, error) {
	list, err := NewStatusList(r.Serials())
	if err != nil {
		return nil, err
	}
	for _, s := range r.labels {
		if err := list.Set(s.Serial, s.Status); err != nil {
			return nil, err
		}
	}
	list.Tree = r.next
	return list, nil
}

// Rebuild takes in a whole log and returns its labels and its tree, to compare with
// business rows and with a signed checkpoint. It holds about 64 bytes a leaf.
func Rebuild(leaves iter.Seq2[[]byte, error]) (*Replay, Tree, error) {
	r := NewReplay()
	var h Hashes
	for leaf, err := range leaves {
		if err != nil {
			return nil, Tree{}, err
		}
		n := r.Size()
		if err := r.Add(leaf); err != nil {
			return nil, Tree{}, err
		}
		if err := h.Append(n, leaf); err != nil {
			return nil, Tree{}, err
		}
	}
	root, err := tlog.TreeHash(r.Size(), h)
	return r, Tree{Size: r.Size(), Root: root}, err
}
