// Package backup writes everything that a server keeps into one file and puts it
// back: database (in a form that either engine reads), kept evidence, the log's
// public files. It never holds the signer's keys or memory: those have their own
// keeper, so that restoring an old backup cannot make the log tell another story.
//
// Start at [Write] and [Restore].
package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/blob"
	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/durable"
	"hoshi/internal/store"
)

// Format is the format of the file.
const Format = "hoshi-backup/1"

const (
	manifestName = "manifest.json"
	dbFolder     = "db/"
	blobFolder   = "blobs/"
	publicFolder = "public/"
)

// Manifest is the first entry of a backup.
type Manifest struct {
	Format string `json:"format"`
	Scheme string `json:"scheme"` // id of the scheme that the data belongs to
	Leaves int64  `json:"leaves"` // leaves with a place in the log
}

// Place is where a server keeps its data.
type Place struct {
	DB     *store.DB
	Blobs  string // folder of kept evidence
	Public string // folder of the public files
	Scheme string // id of the scheme
}

var blobFile = regexp.MustCompile(`^[0-9a-f]{2}/([0-9a-f]{64})$`)

// Write writes a backup of one moment of the database. The same data gives the
// same bytes, on either engine. Evidence is copied after the database was read, so
// everything that a row names is there.
func Write(ctx context.Context, p Place, w io.Writer) (Manifest, error) {
	const op = "backup.Write"
	m := Manifest{Format: Format, Scheme: p.Scheme}
	dir, err := os.MkdirTemp("", "hoshi-backup-")
	if err != nil {
		return m, fault.Wrap(fault.Internal, op, err, "backup.write")
	}
	defer os.RemoveAll(dir)
	if m.Leaves, err = dump(ctx, p.DB, dir); err != nil {
		return m, err
	}
	gz := gzip.NewWriter(w)
	t := tar.NewWriter(gz)
	b, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	for _, step := range []func() error{
		func() error { return add(t, manifestName, int64(len(b)), bytes.NewReader(b)) },
		func() error { return addTables(t, dir) },
		func() error { return addFolder(t, blobFolder, p.Blobs, blobFile.MatchString) },
		func() error { return addFolder(t, publicFolder, p.Public, publicLog) },
		t.Close,
		gz.Close,
	} {
		if err := step(); err != nil {
			return m, fault.Wrap(fault.Internal, op, err, "backup.write")
		}
	}
	return m, nil
}

// publicLog reports whether a public file is the log's: pages are written anew.
func publicLog(name string) bool {
	if name == ledger.CheckpointPath || name == "keys.json" || name == "status-list" {
		return true
	}
	_, err := ledger.ParseTilePath(name)
	return err == nil
}

// dump writes the tables to files and counts the leaves that have a place.
func dump(ctx context.Context, db *store.DB, dir string) (int64, error) {
	var open []*os.File
	err := db.Dump(ctx, func(table string) (io.Writer, error) {
		f, err := os.Create(filepath.Join(dir, table))
		open = append(open, f)
		return f, err
	})
	for _, f := range open {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return 0, err
	}
	f, err := os.Open(filepath.Join(dir, "log_state"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var row struct {
		Indexed int64 `json:"indexed"`
	}
	return row.Indexed, json.NewDecoder(f).Decode(&row)
}

func addTables(t *tar.Writer, dir string) error {
	for i, name := range store.Tables() {
		if err := addFile(t, fmt.Sprintf("%s%02d-%s.jsonl", dbFolder, i, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// addFolder adds the files below a folder that want names, in the order of names.
func addFolder(t *tar.Writer, prefix, root string, want func(name string) bool) error {
	var names []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && p == root {
			return filepath.SkipAll
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if name := filepath.ToSlash(rel); err == nil && want(name) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, n := range names {
		// A file may have been replaced or forgotten since it was listed.
		if err := addFile(t, prefix+n, filepath.Join(root, filepath.FromSlash(n))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func addFile(t *tar.Writer, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return add(t, name, st.Size(), f)
}

func add(t *tar.Writer, name string, size int64, r io.Reader) error {
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.CopyN(t, r, size)
	return err
}

// Restore fills an empty database and empty folders from a backup. Anything that
// is there already is fault.Conflict; a backup of another scheme, or one cut short
// or altered, is fault.Invalid, and then the database stays empty.
func Restore(ctx context.Context, p Place, r io.Reader) (Manifest, error) {
	const op = "backup.Restore"
	var m Manifest
	checked, done, err := whole(r)
	if err != nil {
		return m, err
	}
	defer done()
	gz, err := gzip.NewReader(bufio.NewReader(checked))
	if err != nil {
		return m, damaged(op, err)
	}
	t := tar.NewReader(gz)
	h, err := t.Next()
	if err != nil || h.Name != manifestName || h.Size > 1<<16 {
		return m, damaged(op, err)
	}
	if err := json.NewDecoder(t).Decode(&m); err != nil || m.Format != Format {
		return m, damaged(op, err)
	}
	if m.Scheme != p.Scheme {
		return m, fault.New(fault.Invalid, op, "backup.scheme", "got", m.Scheme, "want", p.Scheme)
	}
	left := map[string]bool{}
	for _, n := range store.Tables() {
		left[n] = true
	}
	// The database comes first in the file and is loaded in one transaction.
	err = p.DB.Load(ctx, func() (string, io.Reader, error) {
		if len(left) == 0 {
			return "", nil, io.EOF
		}
		h, err := t.Next()
		if err != nil {
			return "", nil, damaged(op, err)
		}
		name := strings.TrimSuffix(path.Base(h.Name), ".jsonl")
		if _, after, ok := strings.Cut(name, "-"); ok && strings.HasPrefix(h.Name, dbFolder) {
			name = after
		}
		delete(left, name)
		return name, t, nil
	})
	if err != nil {
		return m, err
	}
	return m, files(ctx, p, t)
}

// whole reads a backup to its end, where its checksum stands, and gives it back
// from the beginning: the database must not take in what turns out to be damaged.
// What cannot be read twice is put aside first. done takes that away again.
func whole(r io.Reader) (checked io.Reader, done func(), err error) {
	const op = "backup.Restore"
	done = func() {}
	s, ok := r.(io.ReadSeeker)
	var start int64
	if ok {
		start, err = s.Seek(0, io.SeekCurrent)
	}
	if !ok || err != nil { // such as a pipe
		f, err := os.CreateTemp("", "hoshi-restore-")
		if err != nil {
			return nil, done, fault.Wrap(fault.Internal, op, err, "backup.write")
		}
		done = func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }
		if _, err := io.Copy(f, r); err != nil {
			done()
			return nil, func() {}, fault.Wrap(fault.Internal, op, err, "backup.write")
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			done()
			return nil, func() {}, fault.Wrap(fault.Internal, op, err, "backup.write")
		}
		s, start = f, 0
	}
	gz, err := gzip.NewReader(bufio.NewReader(s))
	if err == nil {
		_, err = io.Copy(io.Discard, gz)
	}
	if err == nil {
		_, err = s.Seek(start, io.SeekStart)
	}
	if err != nil {
		done()
		return nil, func() {}, damaged(op, err)
	}
	return s, done, nil
}

// files puts evidence and the log's files back.
func files(ctx context.Context, p Place, t *tar.Reader) error {
	const op = "backup.Restore"
	blobs, err := blob.Open(p.Blobs, p.DB.Now())
	if err != nil {
		return err
	}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return damaged(op, err)
		}
		switch {
		case strings.HasPrefix(h.Name, blobFolder):
			m := blobFile.FindStringSubmatch(strings.TrimPrefix(h.Name, blobFolder))
			if m == nil {
				return damaged(op, fmt.Errorf("entry %q", h.Name))
			}
			info, err := blobs.Put(ctx, t)
			if err != nil {
				return err
			}
			if info.Digest != "sha256:"+m[1] {
				return damaged(op, fmt.Errorf("%s holds %s", h.Name, info.Digest))
			}
		case strings.HasPrefix(h.Name, publicFolder) && publicLog(strings.TrimPrefix(h.Name, publicFolder)):
			b, err := io.ReadAll(io.LimitReader(t, ledger.MaxStatusFile*2))
			if err != nil {
				return damaged(op, err)
			}
			to := filepath.Join(p.Public, filepath.FromSlash(strings.TrimPrefix(h.Name, publicFolder)))
			if err = durable.MkdirAll(filepath.Dir(to), 0o755); err == nil {
				err = durable.WriteFile(to, b, 0o644)
			}
			if err != nil {
				return fault.Wrap(fault.Internal, op, err, "backup.write")
			}
		default:
			return damaged(op, fmt.Errorf("entry %q", h.Name))
		}
	}
}

func damaged(op string, err error) error {
	why := "?"
	if err != nil {
		why = err.Error()
	}
	return fault.Wrap(fault.Invalid, op, err, "backup.damaged", "why", why)
}
