package ledger

import (
	"errors"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// Mark says what a line of a report is.
type Mark string

const (
	Proved    Mark = "proved"     // shown with public keys alone
	NotProved Mark = "not-proved" // what a reader might believe and was not shown
	Refuted   Mark = "refuted"    // shown to be false, or the label was shown not to hold
)

// Line is one sentence of a report: a catalogue key and its arguments.
type Line struct {
	Mark Mark       `json:"mark"`
	Key  string     `json:"key"`
	Args fault.Args `json:"args,omitempty"`
}

// Report says in plain sentences what was proven, as of when, and what was not.
type Report struct {
	Lines []Line `json:"lines"`
	// Authentic: the leaf is in the signed and witnessed log, and what was shown is
	// what was committed to.
	Authentic bool `json:"authentic"`
	// Holds: Authentic, within its dates at the time asked, and good in a status
	// list that is fresh at that time.
	Holds      bool          `json:"holds"`
	At         time.Time     `json:"at"`    // the time asked for
	Index      int64         `json:"index"` // place of the leaf
	TreeSize   int64         `json:"treeSize"`
	Witnesses  []Cosignature `json:"witnesses,omitempty"`
	Status     string        `json:"status,omitempty"`     // of the status list; "" without one
	StatusAsOf *time.Time    `json:"statusAsOf,omitempty"` // nil without a status list
}

// Add appends a line; args are name, value pairs.
func (r *Report) Add(m Mark, key string, args ...any) {
	r.Lines = append(r.Lines, Line{m, key, fault.Pairs(args...)})
}

// Refuted reports whether any line refutes.
func (r *Report) Refuted() bool {
	for _, l := range r.Lines {
		if l.Mark == Refuted {
			return true
		}
	}
	return false
}

// VerifyInput is everything a verification needs; nothing else is consulted.
type VerifyInput struct {
	Keys       Keys
	Now        time.Time          // the time for which the question is asked
	Leaf       []byte             // canonical bytes of the label's leaf
	Proof      []byte             // tlog-proof file; nil when there is none
	Openings   map[string]Opening // public fields with their salts
	Private    []string           // fields whose commitments may stay closed
	StatusList []byte             // signed status list; nil when there is none
}

// JST is the scheme's calendar: a label is good to the end of its last day in Japan.
var JST = time.FixedZone("JST", 9*60*60)

// Verify checks a label from bytes and public keys alone. The error is for input
// that cannot be read at all (fault.Invalid); everything that can be read and is
// wrong is a Refuted line.
func Verify(in VerifyInput) (Report, error) {
	r := Report{At: in.Now.UTC().Truncate(time.Second), Index: -1}
	v, err := in.Keys.Open()
	if err != nil {
		return r, err
	}
	leaf, err := DecodeLeaf(in.Leaf)
	if err != nil {
		return r, err
	}
	switch leaf.Type {
	case LabelGranted, LabelUpdated, LabelRenewed:
	default:
		return r, fault.New(fault.Invalid, "ledger.Verify", "verify.leaf.type", "type", string(leaf.Type))
	}
	if leaf.Scheme != v.Scheme {
		r.Add(Refuted, "verify.scheme", "got", leaf.Scheme, "want", v.Scheme)
	}
	r.openings(leaf, in)
	included, err := r.inclusion(v, leaf, in)
	if err != nil {
		return r, err
	}
	r.Authentic = included && !r.Refuted()
	inDates := r.dates(leaf, in.Now)
	good, err := r.status(v, leaf, in)
	if err != nil {
		return r, err
	}
	r.Holds = r.Authentic && inDates && good && !r.Refuted()
	r.Add(NotProved, "verify.not.newest")
	r.Add(NotProved, "verify.not.secure")
	return r, nil
}

// openings compares every shown field with its commitment.
func (r *Report) openings(leaf Leaf, in VerifyInput) {
	before := len(r.Lines)
	shown, closed := 0, 0
	for _, f := range sortedKeys(in.Openings) {
		o := in.Openings[f]
		switch c, ok := leaf.Commitments[f]; {
		case !ok:
			r.Add(Refuted, "verify.field.unbound", "field", f)
		case c != Commit(o.Salt, f, o.Value):
			r.Add(Refuted, "verify.field.altered", "field", f)
		default:
			shown++
		}
	}
	private := make(map[string]bool)
	for _, f := range in.Private {
		private[f] = true
	}
	for _, f := range sortedKeys(leaf.Commitments) {
		if _, ok := in.Openings[f]; ok {
			continue
		}
		if !private[f] {
			r.Add(Refuted, "verify.field.missing", "field", f)
			continue
		}
		closed++
	}
	if len(r.Lines) == before && shown > 0 {
		r.Add(Proved, "verify.fields", "n", shown)
	}
	if closed > 0 {
		r.Add(NotProved, "verify.fields.private", "n", closed)
	}
}

// inclusion checks checkpoint, witnesses and the leaf's place.
func (r *Report) inclusion(v *Verifiers, leaf Leaf, in VerifyInput) (bool, error) {
	if in.Proof == nil {
		r.Add(NotProved, "verify.not.included")
		return false, nil
	}
	p, err := ParseProof(in.Proof)
	if err != nil {
		return false, fault.Wrap(fault.Invalid, "ledger.Verify", err, "verify.proof.bad", "why", err.Error())
	}
	seen, ok, err := r.checkpoint(v, p.Checkpoint)
	if !ok || err != nil {
		return false, err
	}
	if err := tlog.CheckRecord(p.Hashes, seen.Size, seen.Root, p.Index, RecordHash(in.Leaf)); err != nil {
		r.Add(Refuted, "verify.included.no", "index", p.Index, "size", seen.Size)
		return false, nil
	}
	r.Index = p.Index
	r.Add(Proved, "verify.included", "index", p.Index, "size", seen.Size, "at", showTime(leaf.Time()))
	// A leaf dated later than a witness saw it was dated ahead.
	for _, c := range seen.Cosignatures {
		if leaf.Time().After(c.At.Add(5 * time.Minute)) {
			r.Add(Refuted, "verify.ahead", "at", showTime(leaf.Time()), "seen", showTime(c.At))
			return false, nil
		}
	}
	return v.Enough(seen), nil
}

// checkpoint checks the log's signature and the witnesses of a signed note.
func (r *Report) checkpoint(v *Verifiers, msg []byte) (Seen, bool, error) {
	seen, err := v.OpenCheckpoint(msg)
	if err != nil {
		_, unverified := errors.AsType[*note.UnverifiedNoteError](err)
		_, invalid := errors.AsType[*note.InvalidSignatureError](err)
		if unverified || invalid || errors.Is(err, ErrSignature) {
			r.Add(Refuted, "verify.authentic.no", "origin", v.Origin)
			return seen, false, nil
		}
		return seen, false, fault.Wrap(fault.Invalid, "ledger.Verify", err, "verify.checkpoint.bad", "why", err.Error())
	}
	r.TreeSize, r.Witnesses = seen.Size, seen.Cosignatures
	r.Add(Proved, "verify.authentic", "origin", v.Origin)
	switch n := len(seen.Cosignatures); {
	case !v.Enough(seen):
		r.Add(Refuted, "verify.witnessed.few", "n", n, "need", v.Quorum)
	case n == 0:
		r.Add(NotProved, "verify.not.witnessed")
	default:
		first := seen.Cosignatures[0].At
		for _, c := range seen.Cosignatures {
			if c.At.Before(first) {
				first = c.At
			}
		}
		r.Add(Proved, "verify.witnessed", "n", n, "of", len(v.witnesses), "at", showTime(first))
	}
	return seen, true, nil
}

// claim marks what the leaf says: its days and serial are only as good as itself.
func (r *Report) claim() Mark {
	if r.Authentic {
		return Proved
	}
	return NotProved
}

// dates compares the signed days with the scheme's calendar.
func (r *Report) dates(leaf Leaf, now time.Time) bool {
	today := now.In(JST).Format(time.DateOnly)
	mark := r.claim()
	r.Add(mark, "verify.granted", "issued", leaf.Issued, "edition", leaf.Subject.Edition, "level", leaf.Subject.Level)
	switch {
	case today > leaf.Expires:
		r.Add(Refuted, "verify.expired", "expires", leaf.Expires, "today", today)
		return false
	case today < leaf.Issued:
		r.Add(Refuted, "verify.early", "issued", leaf.Issued, "today", today)
		return false
	}
	r.Add(mark, "verify.within", "expires", leaf.Expires, "today", today)
	return true
}

// status looks the label up in the signed list.
func (r *Report) status(v *Verifiers, leaf Leaf, in VerifyInput) (bool, error) {
	if in.StatusList == nil {
		r.Add(NotProved, "verify.not.revocation")
		return false, nil
	}
	l, ok, err := r.list(v, in.StatusList)
	if !ok || err != nil {
		return false, err
	}
	s := l.Get(*leaf.Subject.Serial)
	r.Status, r.StatusAsOf = s.String(), &l.AsOf
	name, asOf := i18n.Key("status."+s.String()), showTime(l.AsOf)
	switch {
	case s == NeverIssued && l.Tree <= r.Index:
		r.Add(NotProved, "verify.list.before", "asof", asOf)
		return false, nil
	case !s.Holds():
		r.Add(Refuted, "verify.status.no", "status", name, "asof", asOf)
		return false, nil
	}
	r.Add(r.claim(), "verify.status", "status", name, "asof", asOf)
	return r.fresh(l, in.Now), nil
}

// fresh says whether the list may answer for the time asked.
func (r *Report) fresh(l *StatusList, now time.Time) bool {
	switch {
	case now.After(l.Expires):
		r.Add(NotProved, "verify.not.stale", "asof", showTime(l.AsOf), "expires", showTime(l.Expires), "now", showTime(now))
		return false
	case now.Before(l.AsOf.Add(-5 * time.Minute)):
		r.Add(NotProved, "verify.not.later", "asof", showTime(l.AsOf), "now", showTime(now))
		return false
	}
	r.Add(NotProved, "verify.not.since", "asof", showTime(l.AsOf))
	return true
}

// list opens a status list; a wrong signature refutes, an unreadable one is an error.
func (r *Report) list(v *Verifiers, jws []byte) (*StatusList, bool, error) {
	l, _, err := v.OpenStatus(jws)
	if errors.Is(err, ErrSignature) {
		r.Add(Refuted, "verify.list.signature")
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fault.Wrap(fault.Invalid, "ledger.Verify", err, "verify.list.bad", "why", err.Error())
	}
	return l, true, nil
}

// VerifyStatusList checks a status list by itself. Holds is true when it is signed
// and fresh at now.
func VerifyStatusList(keys Keys, jws []byte, now time.Time) (Report, error) {
	r := Report{At: now.UTC().Truncate(time.Second), Index: -1}
	v, err := keys.Open()
	if err != nil {
		return r, err
	}
	l, ok, err := r.list(v, jws)
	if !ok || err != nil {
		return r, err
	}
	r.Authentic, r.StatusAsOf = true, &l.AsOf
	r.Add(Proved, "verify.list", "n", l.Len(), "asof", showTime(l.AsOf), "origin", l.Origin)
	r.Holds = r.fresh(l, now)
	r.Add(NotProved, "verify.not.listlogged")
	return r, nil
}

// VerifyProof checks a proof file without the leaf that it is about: only that its
// checkpoint is the log's. It never holds.
func VerifyProof(keys Keys, proof []byte, now time.Time) (Report, error) {
	r := Report{At: now.UTC().Truncate(time.Second), Index: -1}
	v, err := keys.Open()
	if err != nil {
		return r, err
	}
	p, err := ParseProof(proof)
	if err != nil {
		return r, fault.Wrap(fault.Invalid, "ledger.Verify", err, "verify.proof.bad", "why", err.Error())
	}
	if _, ok, err := r.checkpoint(v, p.Checkpoint); !ok || err != nil {
		return r, err
	}
	r.Add(NotProved, "verify.not.statement", "index", p.Index)
	return r, nil
}

// showTime prints a time for people: Japan time to the minute.
func showTime(t time.Time) string { return t.In(JST).Format("2006-01-02 15:04") }
