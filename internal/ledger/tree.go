package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight is C2SP's: a full tile has 2^8 hashes.
const TileHeight = 8

// TileWidth is the number of hashes of a full tile and of leaves of a full bundle.
const TileWidth = 1 << TileHeight

// Tree is a size and the root at that size.
type Tree struct {
	Size int64
	Root tlog.Hash
}

// EmptyTree is the tree before the first leaf: RFC 6962's hash of nothing.
func EmptyTree() Tree {
	h, _ := tlog.TreeHash(0, nil)
	return Tree{Root: h}
}

// CheckConsistency reports whether next extends old, by an RFC 6962 proof. Every
// tree extends the empty one, with an empty proof.
func CheckConsistency(proof tlog.TreeProof, old, next Tree) error {
	switch {
	case old.Size < 0 || next.Size < old.Size:
		return fmt.Errorf("a tree of %d leaves does not extend one of %d", next.Size, old.Size)
	case old.Size == 0 && len(proof) > 0:
		return errors.New("a proof from the empty tree has no hashes")
	case old.Size == 0 && old.Root != EmptyTree().Root, next.Size == 0 && next.Root != EmptyTree().Root:
		return errors.New("wrong root of the empty tree")
	case old.Size == 0:
		return nil
	}
	return tlog.CheckTree(proof, next.Size, next.Root, old.Size, old.Root)
}

// ProveConsistency makes the proof that CheckConsistency wants.
func ProveConsistency(old, next int64, r tlog.HashReader) (tlog.TreeProof, error) {
	if old == 0 {
		return nil, nil
	}
	return tlog.ProveTree(next, old, r)
}

// CheckpointPath is where a log serves its newest checkpoint, below its prefix.
const CheckpointPath = "checkpoint"

// TilePath is the C2SP path of a tile of hashes: "tile/0/x001/067.p/8".
func TilePath(t tlog.Tile) string {
	return "tile/" + strconv.Itoa(t.L) + "/" + tileIndex(t.N) + partial(t.W)
}

// EntriesPath is the C2SP path of the n-th bundle of w leaves: "tile/entries/x001/067".
func EntriesPath(n int64, w int) string { return "tile/entries/" + tileIndex(n) + partial(w) }

func partial(w int) string {
	if w == TileWidth {
		return ""
	}
	return ".p/" + strconv.Itoa(w)
}

func tileIndex(n int64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	return s
}

// ParseTilePath reads a path that TilePath or EntriesPath wrote; entries have L = -1.
func ParseTilePath(path string) (tlog.Tile, error) {
	bad := fmt.Errorf("no tile path: %.80q", path)
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return tlog.Tile{}, bad
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return tlog.Tile{}, bad
	}
	t := tlog.Tile{H: TileHeight, L: -1, W: TileWidth}
	if level != "entries" {
		n, err := strconv.Atoi(level)
		if err != nil || n < 0 || n > 63 {
			return tlog.Tile{}, bad
		}
		t.L = n
	}
	if i := strings.Index(rest, ".p/"); i >= 0 {
		w, err := strconv.Atoi(rest[i+3:])
		if err != nil || w < 1 || w >= TileWidth {
			return tlog.Tile{}, bad
		}
		t.W, rest = w, rest[:i]
	}
	for _, e := range strings.Split(rest, "/") {
		n, err := strconv.Atoi(strings.TrimPrefix(e, "x"))
		if err != nil || n < 0 || n > 999 || t.N > (1<<62)/1000 {
			return tlog.Tile{}, bad
		}
		t.N = t.N*1000 + int64(n)
	}
	again := EntriesPath(t.N, t.W)
	if t.L >= 0 {
		again = TilePath(t)
	}
	if again != path {
		return tlog.Tile{}, bad
	}
	return t, nil
}

// AppendEntry adds one leaf to an entry bundle.
func AppendEntry(bundle, leaf []byte) ([]byte, error) {
	if len(leaf) > MaxLeaf {
		return nil, fmt.Errorf("a leaf of %d bytes does not fit a bundle", len(leaf))
	}
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(leaf))), leaf...), nil
}

// ParseEntries splits an entry bundle into its leaves, at most 256.
func ParseEntries(bundle []byte) ([][]byte, error) {
	var out [][]byte
	for len(bundle) > 0 {
		if len(out) == TileWidth {
			return nil, errors.New("a bundle has more than 256 entries")
		}
		if len(bundle) < 2 {
			return nil, errors.New("a bundle is cut in a length")
		}
		n := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+n {
			return nil, errors.New("a bundle is cut in an entry")
		}
		out = append(out, bundle[2:2+n])
		bundle = bundle[2+n:]
	}
	return out, nil
}

// Hashes is a whole tree in memory: about 64 bytes a leaf. It is for rebuilding
// and checking; the running log reads tiles.
type Hashes []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (h Hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(h)) {
			return nil, fmt.Errorf("hash %d is not in a tree of %d hashes", x, len(h))
		}
		out[i] = h[x]
	}
	return out, nil
}

// Append adds the leaf at index n, which must be the next one.
func (h *Hashes) Append(n int64, leaf []byte) error {
	if tlog.StoredHashCount(n) != int64(len(*h)) {
		return fmt.Errorf("leaf %d is not the next of a tree of %d hashes", n, len(*h))
	}
	more, err := tlog.StoredHashes(n, leaf, h)
	if err != nil {
		return err
	}
	*h = append(*h, more...)
	return nil
}

// TileReader reads tiles below a log's prefix by path and checks every hash
// against the tree: what it returns was committed to by the root.
func TileReader(tree Tree, get func(path string) ([]byte, error)) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: tree.Size, Hash: tree.Root}, tiles{get})
}

type tiles struct {
	get func(path string) ([]byte, error)
}

func (tiles) Height() int                     { return TileHeight }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles falls back to the full tile, as C2SP asks: a log may delete a partial
// tile once the full one exists.
func (r tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(list))
	for i, t := range list {
		b, err := r.get(TilePath(t))
		if err != nil && t.W < TileWidth {
			full := t
			full.W = TileWidth
			if b, ferr := r.get(TilePath(full)); ferr == nil && len(b) == TileWidth*tlog.HashSize {
				out[i] = b[:t.W*tlog.HashSize]
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		if len(b) != t.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes, not %d", TilePath(t), len(b), t.W*tlog.HashSize)
		}
		out[i] = b
	}
	return out, nil
}
