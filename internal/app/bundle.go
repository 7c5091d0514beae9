package app

import (
	"io"
	"slices"

	"hoshi/internal/casework"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
)

// OpenBundle is how the portal reads a sealed bundle: whole, signed by one of the
// keys, and replayed from its raw transcripts. What the bundle says of facts and
// verdicts is not looked at.
func OpenBundle(r io.Reader, keys []scheme.SigningKey) (*casework.Sealed, error) {
	b, err := evidence.Open(r, evidence.DefaultLimits())
	if err != nil {
		return nil, err
	}
	key, err := signedBy(b, keys)
	if err != nil {
		return nil, err
	}
	p, err := evidence.ParseProduct(evidence.ProductFile, b.Product)
	if err != nil {
		return nil, err
	}
	facts, verdicts, err := evidence.Replay(b)
	if err != nil {
		return nil, err
	}
	return &casework.Sealed{KeyID: key, Product: p.Product.Name.JA, Models: p.Product.Models, Edition: evidence.Digest(b.Edition),
		Started: b.Info.Started, Tool: b.Info.Tool, Facts: facts, Verdicts: verdicts}, nil
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
