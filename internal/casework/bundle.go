package casework

import (
	"io"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/fact"
	"hoshi/internal/scheme"
)

// BundleReader verifies a sealed bundle against the keys and replays it: facts
// from raw transcripts, verdicts from facts by the edition. It refuses what is cut
// short, altered, or signed by none of the keys (fault.Invalid).
type BundleReader func(r io.ReaderAt, size int64, keys []scheme.SigningKey, edition *criteria.Edition) (*Sealed, error)

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
