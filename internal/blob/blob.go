// Package blob keeps files by the hash of their content: evidence bundles that a
// vendor lets the portal keep. It knows no owners and no rights; package
// casework asks the policy before it reads.
//
// Start at [Store]; [Disk] is the implementation on a folder. Package blobtest
// holds implementations to the promises.
package blob

import (
	"context"
	"io"
)

// Info is what is known of a kept file.
type Info struct {
	Digest string // "sha256:" and 64 hex digits of the content
	Size   int64  // bytes
}

// Store keeps files by content. A Put that returned survives the loss of power.
// All methods are safe for concurrent use.
type Store interface {
	// Put reads r to its end, keeps it, and says under which digest. Content that
	// is kept already is no error. When r fails, nothing is kept.
	Put(ctx context.Context, r io.Reader) (Info, error)
	// Get opens a file; fault.NotFound when there is none. The reader fails at its
	// end when the content no longer fits the digest.
	Get(ctx context.Context, digest string) (io.ReadCloser, error)
	// Stat says what is kept; fault.NotFound when there is none.
	Stat(ctx context.Context, digest string) (Info, error)
	// Delete forgets a file; one that is not there is no error.
	Delete(ctx context.Context, digest string) error
}
