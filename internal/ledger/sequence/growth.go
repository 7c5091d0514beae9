package sequence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
)

// growth is a tree that grows in memory on top of the signed one: hashes of the
// signed tree are read from its tiles and checked against its root, new hashes are
// kept here until they are written.
type growth struct {
	q     *Sequencer
	from  ledger.Tree // the signed tree
	base  tlog.HashReader
	size  int64
	last  int64               // size that the signer signed last, from mustExtend
	fresh map[int64]tlog.Hash // stored-hash index → hash, above from
}

// grow starts from the newest signed checkpoint. When its tiles are gone (files
// were not in the backup), it starts from nothing and so rebuilds them all.
func (q *Sequencer) grow(ctx context.Context, st State) (*growth, error) {
	g := &growth{q: q, from: ledger.EmptyTree(), fresh: make(map[int64]tlog.Hash)}
	if st.Signed == nil {
		return g, nil
	}
	c, err := q.verify.OpenCheckpoint(st.Signed)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "sequence.Run", err, "ledger.state.bad")
	}
	if c.Size > st.Indexed {
		return nil, errForked(ledger.Tree{Size: st.Indexed}, c.Tree)
	}
	g.base = ledger.TileReader(c.Tree, func(p string) ([]byte, error) { return q.Files.Get(ctx, p) })
	// Reading the right edge proves that every tile needed to go on is there.
	_, err = tlog.TreeHash(c.Size, g.base)
	switch {
	case err == nil:
		g.from, g.size = c.Tree, c.Size
	case notExist(err):
		g.base = nil
	default:
		return nil, fault.Wrap(fault.Internal, "sequence.Run", err, "ledger.tiles.bad")
	}
	return g, nil
}

// ReadHashes implements tlog.HashReader over old tiles and new hashes.
func (g *growth) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var old []int64
	for i, x := range indexes {
		h, ok := g.fresh[x]
		if !ok {
			old = append(old, x)
		}
		out[i] = h
	}
	if len(old) == 0 {
		return out, nil
	}
	if g.base == nil {
		return nil, fmt.Errorf("hash %d of a tree of %d leaves is missing", old[0], g.size)
	}
	read, err := g.base.ReadHashes(old)
	if err != nil {
		return nil, err
	}
	for i, x := range indexes {
		if len(old) > 0 && x == old[0] {
			out[i], old, read = read[0], old[1:], read[1:]
		}
	}
	return out, nil
}

// extend adds the leaves up to size from the database.
func (g *growth) extend(ctx context.Context, size int64) error {
	for g.size < size {
		hi := min(size, g.size+ledger.TileWidth)
		leaves, err := g.q.Store.Leaves(ctx, g.size, hi)
		if err != nil {
			return err
		}
		if int64(len(leaves)) != hi-g.size {
			return fault.Wrap(fault.Internal, "sequence.Run", fmt.Errorf("leaves %d to %d: got %d", g.size, hi-1, len(leaves)), "ledger.state.bad")
		}
		for _, l := range leaves {
			hashes, err := tlog.StoredHashes(g.size, l, g)
			if err != nil {
				return err
			}
			at := tlog.StoredHashIndex(0, g.size)
			for i, h := range hashes {
				g.fresh[at+int64(i)] = h
			}
			g.size++
		}
	}
	return nil
}

func (g *growth) tree() (ledger.Tree, error) {
	h, err := tlog.TreeHash(g.size, g)
	return ledger.Tree{Size: g.size, Root: h}, err
}

// mustExtend compares the leaves of the database with the last tree that was signed.
func (g *growth) mustExtend(signed ledger.Tree) error {
	g.last = signed.Size
	root, err := tlog.TreeHash(signed.Size, g)
	if err != nil {
		return err
	}
	if root != signed.Root {
		return errForked(ledger.Tree{Size: g.size, Root: root}, signed)
	}
	return nil
}

// write puts bundles and tiles between the signed size and the present one.
func (g *growth) write(ctx context.Context) error {
	if g.size == g.from.Size {
		return nil
	}
	for lo := g.from.Size &^ (ledger.TileWidth - 1); lo < g.size; lo += ledger.TileWidth {
		hi := min(lo+ledger.TileWidth, g.size)
		leaves, err := g.q.Store.Leaves(ctx, lo, hi)
		if err != nil {
			return err
		}
		var bundle []byte
		for i, l := range leaves {
			// A leaf that changed between two reads would publish a lie.
			h, err := g.ReadHashes([]int64{tlog.StoredHashIndex(0, lo+int64(i))})
			if err != nil {
				return err
			}
			if h[0] != tlog.RecordHash(l) {
				return fault.Wrap(fault.Internal, "sequence.Run", fmt.Errorf("leaf %d does not hash to its tile", lo+int64(i)), "ledger.state.bad")
			}
			if bundle, err = ledger.AppendEntry(bundle, l); err != nil {
				return err
			}
		}
		if err := g.put(ctx, ledger.EntriesPath(lo/ledger.TileWidth, int(hi-lo)), hi, bundle); err != nil {
			return err
		}
	}
	for _, t := range tlog.NewTiles(ledger.TileHeight, g.from.Size, g.size) {
		data, err := tlog.ReadTileData(t, g)
		if err != nil {
			return err
		}
		end := (t.N*ledger.TileWidth + int64(t.W)) << (ledger.TileHeight * t.L)
		if err := g.put(ctx, ledger.TilePath(t), end, data); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file that covers leaves up to end. Other bytes in its place are a
// fork, unless no checkpoint was ever signed that names them: then they are left
// from leaves whose places were lost with a crash and an older backup.
func (g *growth) put(ctx context.Context, path string, end int64, data []byte) error {
	err := g.q.Files.Put(ctx, path, data)
	if err == nil {
		return nil
	}
	have, gerr := g.q.Files.Get(ctx, path)
	switch {
	case gerr != nil || bytes.Equal(have, data):
		return err
	case end > g.last:
		return g.q.Files.Replace(ctx, path, data)
	}
	return fault.Wrap(fault.Conflict, "sequence.Run", err, "ledger.tiles.other", "path", path)
}

func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
