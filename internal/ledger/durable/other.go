//go:build !unix

package durable

import (
	"errors"
	"fmt"
)

// SyncDir does nothing where folders cannot be synced.
func SyncDir(string) error { return nil }

// TryLock is not to be had here: signer and witness run on Unix systems.
func TryLock(path string) (*Lock, error) {
	return nil, fmt.Errorf("%s: %w", path, errors.ErrUnsupported)
}
