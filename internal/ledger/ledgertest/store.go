package ledgertest

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/sequence"
)

// Store keeps leaves and state in memory; it is what the contract says and no more.
type Store struct {
	mu      sync.Mutex
	ids     map[string]bool
	leaves  [][]byte // in order of insertion; those below indexed have their places
	indexed int64
	signed  []byte
	public  []byte
}

// NewStore makes an empty Store.
func NewStore() *Store { return &Store{ids: make(map[string]bool)} }

var _ sequence.Store = (*Store)(nil)

// Append commits a leaf, unindexed.
func (s *Store) Append(_ context.Context, l ledger.Leaf) error {
	b, err := l.Encode()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids[l.ID] {
		return fmt.Errorf("leaf %s exists", l.ID)
	}
	s.ids[l.ID] = true
	s.leaves = append(s.leaves, b)
	return nil
}

// State implements sequence.Store.
func (s *Store) State(ctx context.Context) (sequence.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sequence.State{Indexed: s.indexed, Signed: bytes.Clone(s.signed), Published: bytes.Clone(s.public)}, ctx.Err()
}

// Assign implements sequence.Store.
func (s *Store) Assign(ctx context.Context, from int64, max int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if from != s.indexed {
		return 0, sequence.ErrMoved
	}
	n := min(max, len(s.leaves)-int(s.indexed))
	s.indexed += int64(n)
	return n, nil
}

// Leaves implements sequence.Store.
func (s *Store) Leaves(ctx context.Context, lo, hi int64) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if lo < 0 || hi < lo || hi > s.indexed {
		return nil, fmt.Errorf("leaves %d to %d of %d", lo, hi, s.indexed)
	}
	return append([][]byte(nil), s.leaves[lo:hi]...), ctx.Err()
}

// SaveSigned implements sequence.Store.
func (s *Store) SaveSigned(ctx context.Context, old, next []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return swap(ctx, &s.signed, old, next)
}

// SavePublished implements sequence.Store.
func (s *Store) SavePublished(ctx context.Context, old, next []byte, _ int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return swap(ctx, &s.public, old, next)
}

func swap(ctx context.Context, at *[]byte, old, next []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !bytes.Equal(*at, old) {
		return sequence.ErrMoved
	}
	*at = bytes.Clone(next)
	return nil
}

// Snapshot copies the store as a backup would.
func (s *Store) Snapshot() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Store{ids: make(map[string]bool), leaves: append([][]byte(nil), s.leaves...), indexed: s.indexed,
		signed: bytes.Clone(s.signed), public: bytes.Clone(s.public)}
	for k := range s.ids {
		c.ids[k] = true
	}
	return c
}
