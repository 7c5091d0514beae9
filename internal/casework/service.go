// Package casework is the use cases of the scheme: what people do with
// organisations, products, evaluations, applications and labels. One file per
// verb; each asks the policy, loads, takes the transition table's row, checks its
// guards, and saves the thing with its audit row, leaf and jobs in one
// transaction. It knows no pages (web), no order of the log (ledger), no SQL (store).
//
// Start at grant.go: it is the longest of them and does everything that the
// others do; act.go is what they share.
package casework

import (
	"io"

	"hoshi/internal/blob"
	"hoshi/internal/criteria"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Service runs the use cases. All fields must be set.
type Service struct {
	DB       *store.DB
	Settings *scheme.Settings
	// Editions returns an edition; fault.NotFound when there is none of the id.
	Editions func(id string) (*criteria.Edition, error)
	Blobs    blob.Store
	// OpenBundle reads a sealed bundle.
	OpenBundle BundleReader
	// Fold brings texts into the one form that the public list is searched in (registry.Fold).
	Fold func(fields ...string) string
	// StatusListURL is where the signed status list is found; it stands in every statement.
	StatusListURL string
	// Rand is the source of ids and salts.
	Rand io.Reader
}

// Once is the token of a form. The same token sent twice by the same account
// gives the first result again, never a second act. Empty = no such promise.
type Once string
