package ledgertest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/ledger/signer"
	"hoshi/internal/ledger/witness"
)

// Origin of every log that this package makes.
const Origin = "log.sample.test/star"

// Key makes a fixed Ed25519 key for a name: tests sign the same bytes everywhere.
func Key(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, "ledgertest "+name)
	return ed25519.NewKeyFromSeed(seed)
}

// Now is the clock of test logs; it stands still.
func Now() time.Time { return time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC) }

// Log is a whole log around one store: files, signer, one witness, sequencer.
type Log struct {
	Keys    ledger.Keys
	Store   sequence.Store
	Files   sequence.Files
	Signer  *signer.Core
	Witness *witness.Core
	Seq     *sequence.Sequencer
}

// NewLog wires a log of fixed keys; files may be nil for files in memory. State of
// signer and witness lives in a temporary folder.
func NewLog(t testing.TB, store sequence.Store, files sequence.Files) *Log {
	t.Helper()
	if files == nil {
		files = NewFiles()
	}
	dir := t.TempDir()
	if err := errors.Join(signer.CreateState(dir+"/signer.json", Origin, Key("log")), witness.CreateState(dir+"/witness.json")); err != nil {
		t.Fatal(err)
	}
	core, err := signer.New(Origin, Key("log"), Key("status"), dir+"/signer.json", Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { core.Close() })
	l, err := wire(dir, store, files, core)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Witness.Close() })
	return l
}

func wire(dir string, store sequence.Store, files sequence.Files, core *signer.Core) (*Log, error) {
	w, err := witness.New("witness.sample.test/w1", Key("witness"), dir+"/witness.json", []string{core.LogVKey()}, Now)
	if err != nil {
		return nil, err
	}
	keys := ledger.Keys{V: 1, Scheme: "sample", Origin: Origin, Log: core.LogVKey(), Status: core.StatusKey(), Witnesses: []string{w.VKey()}, Quorum: 1}
	seq, err := sequence.New(sequence.Options{Keys: keys, Store: store, Files: files, Signer: core, Witnesses: []sequence.Witness{w}})
	if err != nil {
		return nil, err
	}
	return &Log{Keys: keys, Store: store, Files: files, Signer: core, Witness: w, Seq: seq}, nil
}

// Run runs the sequencer until nothing waits and checks the published log from the
// outside: checkpoint, every leaf against its bundle and its proof.
func (l *Log) Run(t testing.TB, want int64) sequence.Result {
	t.Helper()
	var res sequence.Result
	for more := true; more; more = res.More {
		var err error
		if res, err = l.Seq.Run(context.Background()); err != nil {
			t.Fatalf("Run: %v", err)
		}
	}
	if res.Tree.Size != want {
		t.Fatalf("published %d leaves, want %d", res.Tree.Size, want)
	}
	if err := Audit(l.Keys, l.Files, want); err != nil {
		t.Fatalf("the published log: %v", err)
	}
	return res
}

// Audit reads a published log with public keys only and checks that it holds size
// leaves, each where its tiles and its proof say.
func Audit(keys ledger.Keys, files sequence.Files, size int64) error {
	ctx := context.Background()
	get := func(p string) ([]byte, error) { return files.Get(ctx, p) }
	v, err := keys.Open()
	if err != nil {
		return err
	}
	note, err := get(ledger.CheckpointPath)
	if err != nil {
		return err
	}
	c, err := v.OpenCheckpoint(note)
	if err != nil {
		return err
	}
	if c.Size != size || !v.Enough(c) {
		return fmt.Errorf("checkpoint of %d leaves with %d cosignatures", c.Size, len(c.Cosignatures))
	}
	var whole ledger.Hashes
	r := ledger.TileReader(c.Tree, get)
	for lo := int64(0); lo < size; lo += ledger.TileWidth {
		n := min(size-lo, ledger.TileWidth)
		b, err := get(ledger.EntriesPath(lo/ledger.TileWidth, int(n)))
		if err != nil {
			return err
		}
		leaves, err := ledger.ParseEntries(b)
		if err != nil || int64(len(leaves)) != n {
			return fmt.Errorf("bundle at %d has %d entries: %v", lo, len(leaves), err)
		}
		for i, leaf := range leaves {
			if _, err := ledger.DecodeLeaf(leaf); err != nil {
				return err
			}
			if err := whole.Append(lo+int64(i), leaf); err != nil {
				return err
			}
			if i%50 != 0 && int64(i) != n-1 {
				continue
			}
			p, err := tlog.ProveRecord(size, lo+int64(i), r)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(p, size, c.Root, lo+int64(i), ledger.RecordHash(leaf)); err != nil {
				return fmt.Errorf("leaf %d: %w", lo+int64(i), err)
			}
		}
	}
	if root, err := tlog.TreeHash(size, whole); err != nil || root != c.Root {
		return fmt.Errorf("the bundles lead to root %s, the checkpoint says %s: %v", root, c.Root, err)
	}
	return nil
}

// Files keeps published files in memory.
type Files struct {
	mu sync.Mutex
	m  map[string][]byte
}

// NewFiles makes empty Files.
func NewFiles() *Files { return &Files{m: make(map[string][]byte)} }

var _ sequence.Files = (*Files)(nil)

// Get implements sequence.Files.
func (f *Files) Get(_ context.Context, path string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.m[path]
	if !ok {
		return nil, &fs.PathError{Op: "get", Path: path, Err: fs.ErrNotExist}
	}
	return bytes.Clone(b), nil
}

// Put implements sequence.Files.
func (f *Files) Put(_ context.Context, path string, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b, ok := f.m[path]; ok && !bytes.Equal(b, data) {
		return fmt.Errorf("%s exists with other content", path)
	}
	return f.set(path, data)
}

// Replace implements sequence.Files.
func (f *Files) Replace(_ context.Context, path string, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set(path, data)
}

func (f *Files) set(path string, data []byte) error {
	if !fs.ValidPath(path) || path == "." {
		return fmt.Errorf("path %q leaves the log", path)
	}
	f.m[path] = bytes.Clone(data)
	return nil
}

// Remove loses a file, as a broken disk would.
func (f *Files) Remove(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.m, path)
}

// Paths lists what is there.
func (f *Files) Paths() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for p := range f.m {
		out = append(out, p)
	}
	return out
}
