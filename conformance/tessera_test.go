package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/ledgertest/labeltest"
	"hoshi/internal/ledger/sequence"
)

// Sizes on both sides of a tile's edge, and a log of three levels of tiles.
var sizes = []int{1, 2, 255, 256, 257, 700, 65_800}

// published is a log of Hoshi's, in a folder, served over HTTP on loopback.
type published struct {
	*ledgertest.Log
	store *ledgertest.Store
	fetch *client.HTTPFetcher
	have  int
}

func publish(t *testing.T) *published {
	t.Helper()
	folder := t.TempDir()
	dir, err := sequence.NewDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(site.Close)
	u, err := url.Parse(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.NewHTTPFetcher(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	store := ledgertest.NewStore()
	return &published{Log: ledgertest.NewLog(t, store, dir), store: store, fetch: f}
}

func (p *published) growTo(t *testing.T, size int) {
	t.Helper()
	for ; p.have < size; p.have++ {
		if err := p.store.Append(t.Context(), ledgertest.Event(p.have)); err != nil {
			t.Fatal(err)
		}
	}
	for {
		res, err := p.Seq.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !res.More {
			break
		}
	}
}

func verifier(t *testing.T, p *published) note.Verifier {
	t.Helper()
	v, err := note.NewVerifier(p.Keys.Log)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Tessera's client follows the log as it grows: each checkpoint verifies, extends
// the one before, and every leaf of the bundles is where its inclusion proof says.
func TestTesseraClientFollowsTheLog(t *testing.T) {
	ctx := t.Context()
	p := publish(t)
	v := verifier(t, p)
	consensus := client.UnilateralConsensus(p.fetch.ReadCheckpoint)
	var tracker *client.LogStateTracker
	for _, size := range sizes {
		p.growTo(t, size)
		if tracker == nil {
			var err error
			if tracker, err = client.NewLogStateTracker(ctx, p.fetch.ReadTile, nil, v, ledgertest.Origin, consensus); err != nil {
				t.Fatal(err)
			}
		} else if _, _, _, err := tracker.Update(ctx); err != nil {
			t.Fatalf("growing to %d: %v", size, err)
		}
		cp := tracker.Latest()
		if cp.Size != uint64(size) {
			t.Fatalf("the client sees %d leaves, want %d", cp.Size, size)
		}
		builder, err := client.NewProofBuilder(ctx, cp.Size, p.fetch.ReadTile)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, 1, 254, 255, 256, 511, 512, size / 2, size - 2, size - 1} {
			if i < 0 || i >= size {
				continue
			}
			bundle, err := client.GetEntryBundle(ctx, p.fetch.ReadEntryBundle, uint64(i)/256, cp.Size)
			if err != nil {
				t.Fatal(err)
			}
			leaf := bundle.Entries[i%256]
			want, err := ledgertest.Event(i).Encode()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(leaf, want) {
				t.Fatalf("entry %d of %d is %s", i, size, leaf)
			}
			inc, err := builder.InclusionProof(ctx, uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			if err := merkle.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), cp.Size, rfc6962.DefaultHasher.HashLeaf(leaf), inc, cp.Hash); err != nil {
				t.Errorf("entry %d of %d: %v", i, size, err)
			}
		}
		for _, old := range sizes {
			if old >= size {
				break
			}
			con, err := builder.ConsistencyProof(ctx, uint64(old), cp.Size)
			if err != nil {
				t.Fatal(err)
			}
			root, err := ledger.ProveConsistency(int64(old), int64(size), ledger.TileReader(tree(t, p), func(path string) ([]byte, error) { return p.Files.Get(ctx, path) }))
			if err != nil {
				t.Fatal(err)
			}
			if len(root) != len(con) {
				t.Fatalf("%d → %d: their proof has %d hashes, ours %d", old, size, len(con), len(root))
			}
			for i := range con {
				if !bytes.Equal(con[i], root[i][:]) {
					t.Errorf("%d → %d: hash %d differs", old, size, i)
				}
			}
		}
	}
}

func tree(t *testing.T, p *published) ledger.Tree {
	t.Helper()
	v, err := p.Keys.Open()
	if err != nil {
		t.Fatal(err)
	}
	msg, err := p.Files.Get(context.Background(), ledger.CheckpointPath)
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.OpenCheckpoint(msg)
	if err != nil {
		t.Fatal(err)
	}
	return c.Tree
}

// The client streams every entry in order.
func TestTesseraClientStreamsEntries(t *testing.T) {
	p := publish(t)
	p.growTo(t, 600)
	n := 0
	size := func(context.Context) (uint64, error) { return 600, nil }
	for b, err := range client.EntryBundles(t.Context(), 2, size, p.fetch.ReadEntryBundle, 0, 600) {
		if err != nil {
			t.Fatal(err)
		}
		entries, err := ledger.ParseEntries(b.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			want, err := ledgertest.Event(n).Encode()
			if err != nil || !bytes.Equal(e, want) {
				t.Fatalf("entry %d is %s, %v", n, e, err)
			}
			n++
		}
	}
	if n != 600 {
		t.Errorf("%d entries, want 600", n)
	}
}

// The proof file of a label is read by the formats package, and every signature in
// it verifies there: the log's, and the witness's with its time.
func TestProofFileReadsElsewhere(t *testing.T) {
	s := labeltest.New(t, "https://star.example.test")
	var p proof.TLogProof
	if err := p.Unmarshal(s.Proof); err != nil {
		t.Fatal(err)
	}
	if again := p.Marshal(); !bytes.Equal(again, s.Proof) {
		t.Errorf("written by the other side:\n%s\nby Hoshi:\n%s", again, s.Proof)
	}
	logV, err := note.NewVerifier(s.Manifest.Log)
	if err != nil {
		t.Fatal(err)
	}
	witness, err := fnote.NewVerifierForCosignatureV1(s.Manifest.Witnesses[0])
	if err != nil {
		t.Fatal(err)
	}
	cp, rest, n, err := log.ParseCheckpoint(p.Checkpoint, s.Manifest.Origin, logV, witness)
	if err != nil || len(rest) > 0 || len(n.Sigs) != 2 || len(n.UnverifiedSigs) > 0 {
		t.Fatalf("checkpoint %+v with %d verified signatures and %q: %v", cp, len(n.Sigs), rest, err)
	}
	at, err := fnote.CoSigV1Timestamp(n.Sigs[1])
	if err != nil || !at.Equal(ledgertest.Now()) {
		t.Errorf("cosigned at %v, %v", at, err)
	}
	leaf, err := s.Whole.Leaf.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var hashes [][]byte
	for _, h := range p.Hashes {
		hashes = append(hashes, h[:])
	}
	if err := merkle.VerifyInclusion(rfc6962.DefaultHasher, p.Index, cp.Size, rfc6962.DefaultHasher.HashLeaf(leaf), hashes, cp.Hash); err != nil {
		t.Error(err)
	}
}

// A cosignature that the formats package makes is accepted by Hoshi.
func TestTheirCosignatureReadsHere(t *testing.T) {
	skey, vkey, err := note.GenerateKey(rand.Reader, "witness.other.test/w")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := fnote.VKeyToCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	s := labeltest.New(t, "https://star.example.test")
	keys := s.Manifest
	keys.Witnesses, keys.Quorum = append(keys.Witnesses, ours), 2
	v, err := keys.Open()
	if err != nil {
		t.Fatal(err)
	}
	p, err := ledger.ParseProof(s.Proof)
	if err != nil {
		t.Fatal(err)
	}
	logV, err := note.NewVerifier(keys.Log)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(p.Checkpoint, note.VerifierList(logV))
	if err != nil {
		t.Fatal(err)
	}
	both, err := note.Sign(n, signer)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := v.OpenCheckpoint(both)
	if err != nil || !v.Enough(seen) {
		t.Errorf("cosignatures %v, %v", seen.Cosignatures, err)
	}
}

// An altered tile is noticed by the other side too: the test above can fail.
func TestAlteredTileIsNoticed(t *testing.T) {
	ctx := t.Context()
	p := publish(t)
	p.growTo(t, 300)
	cp, _, _, err := client.FetchCheckpoint(ctx, p.fetch.ReadCheckpoint, verifier(t, p), ledgertest.Origin)
	if err != nil {
		t.Fatal(err)
	}
	altered := func(ctx context.Context, level, index uint64, part uint8) ([]byte, error) {
		b, err := p.fetch.ReadTile(ctx, level, index, part)
		if err == nil && level == 0 && index == 1 {
			b[5] ^= 1
		}
		return b, err
	}
	b, err := client.NewProofBuilder(ctx, cp.Size, altered)
	if err != nil {
		return // refused at once
	}
	inc, err := b.InclusionProof(ctx, 299)
	if err != nil {
		return
	}
	leaf, err := ledgertest.Event(299).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if merkle.VerifyInclusion(rfc6962.DefaultHasher, 299, cp.Size, rfc6962.DefaultHasher.HashLeaf(leaf), inc, cp.Hash) == nil {
		t.Error("an altered tile still proves")
	}
}
