package casework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/fact"
	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// BundleReader verifies a sealed bundle against the keys and replays it: facts
// from raw transcripts, verdicts from facts by the edition given. It refuses what
// is cut short, altered, signed by none of the keys, or made under another edition
// (fault.Invalid). The rules that the bundle itself carries are never run.
type BundleReader func(r io.Reader, keys []scheme.SigningKey, edition *criteria.Edition) (*Sealed, error)

// Sealed is what casework needs of a sealed bundle.
type Sealed struct {
	KeyID    string // of the enrolled key that signed it
	Product  string // product name in its product.yaml
	Models   []string
	Edition  string // edition digest
	Started  time.Time
	Tool     string // name and version of what made it
	Facts    fact.Set
	Verdicts []criteria.Verdict
}

// bundleResult is what the store keeps of a replayed bundle.
type bundleResult struct {
	Verdicts []criteria.Verdict `json:"verdicts"`
	Facts    fact.Set           `json:"facts,omitempty"` // only of a bundle that the portal keeps
}

// maxBundles bounds the bundles of one evaluation.
const maxBundles = 20

// AttachBundle reads a sealed bundle, checks that one of the vendor's or the
// evaluator's enrolled keys signed it and that it was made for this product and
// this edition, replays it, and writes its verdicts into the answers as proposals.
// A file over the limit is refused before it is read; size is what the client
// announced. keep leaves the file in the portal's store, for the vendor and its
// evaluator only.
func (s *Service) AttachBundle(ctx context.Context, actor policy.Actor, evaluationID, name string, size int64, r io.Reader, keep bool) (scheme.Evaluation, []criteria.Verdict, error) {
	const op = "casework.AttachBundle"
	var none scheme.Evaluation
	limit := s.Settings.MaxBundleBytes
	tooLarge := fault.New(fault.TooLarge, op, "casework.bundle.large", "limit", limit>>20)
	if size > limit {
		return none, nil, tooLarge
	}
	var c shape
	c.line("evaluation.bundle", &name)
	if err := c.err(op); err != nil {
		return none, nil, err
	}
	// Who may not attach is told so before anything is read.
	before, err := see(ctx, s, actor, func(tx *store.Tx) (attaching, error) { return s.attaching(ctx, tx, actor, evaluationID) })
	if err != nil {
		return none, nil, err
	}
	file, err := spool(r, limit)
	if err != nil {
		return none, nil, err
	}
	defer file.discard()
	if file.size > limit {
		return none, nil, tooLarge
	}
	sealed, err := s.OpenBundle(file.rewind(), before.keys, before.edition)
	if err != nil {
		return none, nil, err
	}
	b := scheme.Bundle{Digest: file.digest, Name: name, Size: file.size, SignedBy: sealed.KeyID, Product: sealed.Product,
		Models: sealed.Models, Edition: sealed.Edition, Started: sealed.Started, Tool: sealed.Tool, Kept: keep}
	if err := before.fits(b); err != nil {
		return none, nil, err
	}
	if keep {
		if _, err := s.Blobs.Put(ctx, file.rewind()); err != nil {
			return none, nil, err
		}
	}
	e, err := do(ctx, s, "AttachBundle", actor, "", func(tx *store.Tx) (scheme.Evaluation, error) {
		now, err := s.attaching(ctx, tx, actor, evaluationID)
		if err != nil {
			return none, err
		}
		if err := now.fits(b); err != nil {
			return none, err
		}
		e := now.evaluation
		if i := slices.IndexFunc(e.Bundles, func(o scheme.Bundle) bool { return o.Digest == b.Digest }); i >= 0 {
			b.Kept = b.Kept || e.Bundles[i].Kept
			e.Bundles[i] = b
		} else {
			e.Bundles = append(e.Bundles, b)
		}
		if len(e.Bundles) > maxBundles {
			return none, fault.New(fault.Invalid, op, "casework.shape.many", "n", len(e.Bundles), "limit", maxBundles)
		}
		propose(&e, sealed.Verdicts)
		result := bundleResult{Verdicts: sealed.Verdicts}
		if b.Kept {
			result.Facts = sealed.Facts
		}
		doc, err := json.Marshal(result)
		if err != nil {
			return none, err
		}
		if err := store.PutBundleResult(ctx, tx, e.ID, b.Digest, doc); err != nil {
			return none, err
		}
		if err := store.UpdateEvaluation(ctx, tx, &e); err != nil {
			return none, err
		}
		return e, s.audit(ctx, tx, actor, policy.EvidenceAttach, "evaluation", e.ID, map[string]string{"digest": b.Digest, "name": name})
	})
	if err != nil {
		if keep { // the evaluation changed meanwhile: keep nothing that nobody refers to
			err = errors.Join(err, s.ForgetFile(context.WithoutCancel(ctx), b.Digest))
		}
		return none, nil, err
	}
	return e, sealed.Verdicts, nil
}

// attaching is what a bundle is held against.
type attaching struct {
	evaluation scheme.Evaluation
	product    scheme.Product
	edition    *criteria.Edition
	keys       []scheme.SigningKey // in use
}

// fits refuses a bundle that another signed, or that is of another edition or product.
func (a attaching) fits(b scheme.Bundle) error {
	const op = "casework.AttachBundle"
	if !slices.ContainsFunc(a.keys, func(k scheme.SigningKey) bool { return k.ID == b.SignedBy }) {
		return fault.New(fault.Invalid, op, "casework.bundle.key")
	}
	if b.Edition != a.edition.Digest() {
		return fault.New(fault.Invalid, op, "casework.bundle.edition")
	}
	if !slices.ContainsFunc(a.product.Models, func(m scheme.Model) bool { return slices.Contains(b.Models, m.Number) }) {
		return fault.New(fault.Invalid, op, "casework.bundle.product", "product", b.Product)
	}
	return nil
}

func (s *Service) attaching(ctx context.Context, tx *store.Tx, actor policy.Actor, evaluationID string) (a attaching, err error) {
	if a.evaluation, err = s.evaluation(ctx, tx, actor, policy.EvidenceAttach, evaluationID); err != nil {
		return a, err
	}
	if err = unlocked(ctx, tx, evaluationID); err != nil {
		return a, err
	}
	if a.product, err = store.Product(ctx, tx, a.evaluation.ProductID, store.Everyone); err != nil {
		return a, err
	}
	if a.edition, err = s.Editions(a.evaluation.EditionID); err != nil {
		return a, err
	}
	keys, err := s.evaluationKeys(ctx, tx, a.evaluation)
	a.keys = slices.DeleteFunc(keys, func(k scheme.SigningKey) bool { return !k.Retired.IsZero() })
	return a, err
}

// evaluationKeys returns the keys enrolled by the vendor and by the evaluator.
func (s *Service) evaluationKeys(ctx context.Context, tx *store.Tx, e scheme.Evaluation) ([]scheme.SigningKey, error) {
	keys, err := store.Keys(ctx, tx, e.OrganisationID)
	if err != nil || e.EvaluatorOrgID == "" {
		return keys, err
	}
	more, err := store.Keys(ctx, tx, e.EvaluatorOrgID)
	return append(keys, more...), err
}

// DetachBundle takes a bundle out of the evaluation. Answers that a person or a
// rule gave stay; that a rule gave them is forgotten when no bundle is left.
func (s *Service) DetachBundle(ctx context.Context, actor policy.Actor, evaluationID, digest string) (scheme.Evaluation, error) {
	return do(ctx, s, "DetachBundle", actor, "", func(tx *store.Tx) (scheme.Evaluation, error) {
		e, err := s.evaluation(ctx, tx, actor, policy.EvidenceAttach, evaluationID)
		if err != nil {
			return e, err
		}
		if err := unlocked(ctx, tx, e.ID); err != nil {
			return e, err
		}
		i := slices.IndexFunc(e.Bundles, func(b scheme.Bundle) bool { return b.Digest == digest })
		if i < 0 {
			return e, fault.New(fault.NotFound, "casework.DetachBundle", "fault.not-found")
		}
		e.Bundles = slices.Delete(e.Bundles, i, i+1)
		if err := store.DeleteBundleResult(ctx, tx, e.ID, digest); err != nil {
			return e, err
		}
		for j := range e.Answers {
			a := &e.Answers[j]
			if followsRule(a) {
				a.Result = scheme.ResultNone // it stood on what is now gone
			}
			a.Verdict, a.Rule = "", ""
		}
		if n := len(e.Bundles); n > 0 { // the last one attached speaks again
			r, err := s.bundleResult(ctx, tx, e.ID, e.Bundles[n-1].Digest)
			if err != nil {
				return e, err
			}
			propose(&e, r.Verdicts)
		}
		if err := store.UpdateEvaluation(ctx, tx, &e); err != nil {
			return e, err
		}
		if err := s.enqueue(ctx, tx, JobForgetFile, digest, map[string]string{"digest": digest}); err != nil {
			return e, err
		}
		return e, s.audit(ctx, tx, actor, policy.EvidenceAttach, "evaluation", e.ID, map[string]string{"detached": digest})
	})
}

// ForgetFile deletes a kept file that no evaluation refers to any more. It is what
// JobForgetFile asks for.
func (s *Service) ForgetFile(ctx context.Context, digest string) error {
	used := true
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		used, err = store.BundleInUse(ctx, tx, digest)
		return err
	})
	if err != nil || used {
		return err
	}
	return s.Blobs.Delete(ctx, digest)
}

// OpenEvidence opens a bundle that the portal keeps.
func (s *Service) OpenEvidence(ctx context.Context, actor policy.Actor, evaluationID, digest string) (io.ReadCloser, error) {
	_, err := do(ctx, s, "OpenEvidence", actor, "", func(tx *store.Tx) (struct{}, error) {
		var none struct{}
		e, err := s.evaluation(ctx, tx, actor, policy.EvidenceOpen, evaluationID)
		if err != nil {
			return none, err
		}
		if !slices.ContainsFunc(e.Bundles, func(b scheme.Bundle) bool { return b.Digest == digest && b.Kept }) {
			return none, fault.New(fault.NotFound, "casework.OpenEvidence", "fault.not-found")
		}
		return none, s.audit(ctx, tx, actor, policy.EvidenceOpen, "evaluation", e.ID, map[string]string{"digest": digest})
	})
	if err != nil {
		return nil, err
	}
	return s.Blobs.Get(ctx, digest)
}

// Verdicts returns what the rules made of the bundle that was attached last, with
// the facts when the portal keeps the bundle; nil when there is no bundle.
func (s *Service) Verdicts(ctx context.Context, actor policy.Actor, evaluationID string) ([]criteria.Verdict, fact.Set, error) {
	r, err := see(ctx, s, actor, func(tx *store.Tx) (bundleResult, error) {
		e, err := s.evaluation(ctx, tx, actor, policy.EvidenceOpen, evaluationID)
		if err != nil || len(e.Bundles) == 0 {
			return bundleResult{}, err
		}
		return s.bundleResult(ctx, tx, e.ID, e.Bundles[len(e.Bundles)-1].Digest)
	})
	return r.Verdicts, r.Facts, err
}

func (s *Service) bundleResult(ctx context.Context, tx *store.Tx, evaluationID, digest string) (r bundleResult, err error) {
	doc, err := store.BundleResult(ctx, tx, evaluationID, digest)
	if err != nil {
		return r, err
	}
	if err = json.Unmarshal(doc, &r); err != nil {
		return r, fmt.Errorf("casework: verdicts of a bundle: %w", err)
	}
	return r, nil
}

// spooled is an upload in a temporary file.
type spooled struct {
	f      *os.File
	size   int64
	digest string
}

// spool writes at most limit+1 bytes of r to a temporary file.
func spool(r io.Reader, limit int64) (*spooled, error) {
	f, err := os.CreateTemp("", "hoshi-bundle-")
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "casework.spool", err, "fault.unavailable")
	}
	s := &spooled{f: f}
	h := newDigest()
	s.size, err = io.Copy(io.MultiWriter(f, h), io.LimitReader(r, limit+1))
	if err != nil {
		s.discard()
		return nil, fault.Wrap(fault.Invalid, "casework.spool", err, "casework.bundle.cut")
	}
	s.digest = h.String()
	return s, nil
}

func (s *spooled) rewind() io.Reader { return io.NewSectionReader(s.f, 0, s.size) }

func (s *spooled) discard() {
	_ = errors.Join(s.f.Close(), os.Remove(s.f.Name())) // a temporary file; the system clears it too
}
