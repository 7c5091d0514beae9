package app

import (
	"io"
	"slices"

	"hoshi/internal/casework"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

// opening bounds the memory that bundles take at once: each may unfold to the
// limit of package evidence.
var opening = make(chan struct{}, 2)

// OpenBundle is how the portal reads a sealed bundle: whole, signed by one of the
// keys, and replayed from its raw transcripts by the portal's own edition. What the
// bundle says of facts and verdicts is not looked at. Its edition, a stranger's
// text, is compared by its digest and not even parsed.
func OpenBundle(r io.Reader, keys []scheme.SigningKey, edition *criteria.Edition) (*casework.Sealed, error) {
	opening <- struct{}{}
	defer func() { <-opening }()
	b, err := evidence.Open(r, evidence.DefaultLimits())
	if err != nil {
		return nil, err
	}
	key, err := signedBy(b, keys)
	if err != nil {
		return nil, err
	}
	digest := evidence.Digest(b.Edition)
	if digest != edition.Digest() {
		return nil, fault.New(fault.Invalid, "app.OpenBundle", "casework.bundle.edition")
	}
	p, err := evidence.ParseProduct(evidence.ProductFile, b.Product)
	if err != nil {
		return nil, err
	}
	facts := evidence.Facts(p, b.Transcripts)
	return &casework.Sealed{KeyID: key, Product: p.Product.Name.JA, Models: p.Product.Models, Edition: digest,
		Started: b.Info.Started, Tool: b.Info.Tool, Facts: facts, Verdicts: edition.Judge(facts)}, nil
}

// signedBy returns the enrolled key that signed the bundle.
func signedBy(b *evidence.Bundle, keys []scheme.SigningKey) (string, error) {
	for _, k := range keys {
		pub, err := evidence.ParsePublic([]byte(k.PublicPEM))
		if err != nil {
			return "", err
		}
		if slices.Contains(b.SignedBy(), evidence.KeyID(pub)) {
			return k.ID, b.Verify(pub)
		}
	}
	return "", fault.New(fault.Invalid, "app.OpenBundle", "evidence.stranger")
}
