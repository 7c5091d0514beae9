// Package evidence keeps what a device test saw so that anybody can judge it
// again: raw transcripts, the declaration, the edition, and what was concluded
// from them, sealed in one deterministic archive with a signature.
//
// Facts and verdicts in a bundle are a convenience. [Replay] computes both anew
// from transcripts and declaration alone. A signature says who sealed the
// bundle, never that its facts are true.
//
// Start with [Run] (what is sealed), [Seal] and [Open] (the archive), [Replay].
package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence/imported"
	"hoshi/internal/fact"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
)

// PredicateType is the type of the in-toto predicate in every bundle.
const PredicateType = "urn:hoshi:assessment-run:1"

// Run is one device test: what was asked of whom, what was seen, what follows.
type Run struct {
	Info        Info
	Product     []byte // product.yaml as given
	Edition     []byte // the edition's source
	Transcripts map[string][]probe.Record
	Imports     map[string][]byte  // output of other tools by file name, as it was given
	Facts       fact.Set           // nil in a bundle from which they were taken out
	Verdicts    []criteria.Verdict // likewise
}

// Info is run.json: the circumstances of a run.
type Info struct {
	Format        string         `json:"format"` // "hoshi-run/1"
	Tool          string         `json:"tool"`   // program and version
	Target        string         `json:"target"` // the address as resolved
	Network       string         `json:"network"`
	HostMixed     bool           `json:"hostMixed"` // listeners of the testing host are mixed in
	Parameters    map[string]any `json:"parameters"`
	Started       time.Time      `json:"started"` // UTC
	Finished      time.Time      `json:"finished"`
	EditionID     string         `json:"edition"`
	EditionDigest string         `json:"editionDigest"`
	ProductDigest string         `json:"productDigest"` // "sha256:…" of product.yaml
	Models        []string       `json:"models"`
}

// RunFormat is the format of run.json.
const RunFormat = "hoshi-run/1"

// Facts rebuilds all facts from transcripts and declaration, in canonical order.
// It uses no clock, no network, no locale.
func Facts(p *Product, transcripts map[string][]probe.Record) fact.Set {
	out := append(p.Facts(), registry.Parse(transcripts)...)
	out.Sort()
	return out
}

// Conclude computes the facts and verdicts of the run from its raw parts.
func (r *Run) Conclude() (fact.Set, []criteria.Verdict, error) {
	p, err := ParseProduct(ProductFile, r.Product)
	if err != nil {
		return nil, nil, err
	}
	e, err := criteria.Parse(EditionFile, r.Edition)
	if err != nil {
		return nil, nil, err
	}
	facts := Facts(p, r.Transcripts)
	for _, name := range slices.Sorted(maps.Keys(r.Imports)) {
		f, err := imported.Parse(name, r.Imports[name])
		if err != nil {
			return nil, nil, fault.Wrap(fault.Invalid, "evidence.Conclude", err, "evidence.import-unread", "file", name)
		}
		facts = append(facts, f.Facts...)
	}
	facts.Sort()
	return facts, e.Judge(facts), nil
}

// Replay rebuilds facts and verdicts from the raw transcripts, product.yaml and
// the edition of a bundle, whatever else it holds.
func Replay(b *Bundle) (fact.Set, []criteria.Verdict, error) { return b.Run.Conclude() }

// What a bundle tells beside its raw parts, against what follows from them.
const (
	Identical = "identical" // the same
	Rebuilt   = "rebuilt"   // it tells no facts
	Different = "different" // somebody wrote down something else
)

// Told compares the facts and verdicts that a bundle tells with those computed from
// its raw parts. nil verdicts are not compared.
func (b *Bundle) Told(facts fact.Set, verdicts []criteria.Verdict) (string, error) {
	same := func(told, now []byte, err, err2 error) (bool, error) {
		return bytes.Equal(told, now), errors.Join(err, err2)
	}
	if b.Verdicts != nil && verdicts != nil {
		told, err := MarshalVerdicts(b.Verdicts)
		now, err2 := MarshalVerdicts(verdicts)
		if ok, err := same(told, now, err, err2); err != nil || !ok {
			return Different, err
		}
	}
	if b.Facts == nil {
		return Rebuilt, nil
	}
	told, err := MarshalFacts(b.Facts)
	now, err2 := MarshalFacts(facts)
	if ok, err := same(told, now, err, err2); err != nil || !ok {
		return Different, err
	}
	return Identical, nil
}

// ForeignRules reports that the bundle's edition is none that this program has:
// whoever made the file may have made the rules too.
func (b *Bundle) ForeignRules(e *criteria.Edition) bool {
	own, err := criteria.Builtin(e.ID)
	return err != nil || own.Digest() != Digest(b.Edition)
}

// MarshalFacts renders facts canonically: the same facts are the same bytes.
func MarshalFacts(s fact.Set) ([]byte, error) { return lines(s) }

// MarshalVerdicts renders verdicts canonically.
func MarshalVerdicts(v []criteria.Verdict) ([]byte, error) { return lines(v) }

// lines renders a list as JSON with one element a line, so that tools for text
// can compare two bundles.
func lines[T any](list []T) ([]byte, error) {
	var b strings.Builder
	b.WriteString("[")
	for i, x := range list {
		if i > 0 {
			b.WriteString(",")
		}
		j, err := json.Marshal(x)
		if err != nil {
			return nil, err
		}
		b.WriteString("\n")
		b.Write(j)
	}
	b.WriteString("\n]\n")
	return []byte(b.String()), nil
}
