package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hoshi/internal/fault"
)

// Disk keeps files in a folder, one file for each content, spread over 256 folders.
type Disk struct{ dir string }

var _ Store = (*Disk)(nil)

// leftOver is how old an unfinished Put must be to be a crash's left-over, and not
// one that another process is at this moment doing.
const leftOver = 24 * time.Hour

// Open uses a folder, which it makes when it is not there. Left-overs of a Put
// that a crash cut short are removed; now is the present time.
func Open(dir string, now time.Time) (*Disk, error) {
	d := &Disk{dir: dir}
	if err := os.MkdirAll(d.incoming(), 0o700); err != nil {
		return nil, fault.Wrap(fault.Unavailable, "blob.Open", err, "fault.unavailable")
	}
	left, err := os.ReadDir(d.incoming())
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "blob.Open", err, "fault.unavailable")
	}
	for _, e := range left {
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < leftOver {
			continue // in use, or gone meanwhile
		}
		if err := os.Remove(filepath.Join(d.incoming(), e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Wrap(fault.Unavailable, "blob.Open", err, "fault.unavailable")
		}
	}
	return d, nil
}

func (d *Disk) incoming() string { return filepath.Join(d.dir, "incoming") }

// path is where the content of a digest lies; NotFound for what is no digest, so
// that no name of a stranger ever reaches the file system.
func (d *Disk) path(digest string) (string, error) {
	h, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(h) != 2*sha256.Size || strings.Trim(h, "0123456789abcdef") != "" {
		return "", fault.New(fault.NotFound, "blob.path", "fault.not-found")
	}
	return filepath.Join(d.dir, h[:2], h), nil
}

// Put writes to a temporary file, syncs it, renames it, and syncs the folder: a
// file under its digest is always whole.
func (d *Disk) Put(ctx context.Context, r io.Reader) (info Info, err error) {
	const op = "blob.Put"
	f, err := os.CreateTemp(d.incoming(), "put-")
	if err != nil {
		return Info{}, fault.Wrap(fault.Unavailable, op, err, "fault.unavailable")
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // Open removes it otherwise
		}
	}()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), reader{ctx, r})
	if err != nil {
		return Info{}, errors.Join(err, f.Close())
	}
	info = Info{Digest: "sha256:" + hex.EncodeToString(h.Sum(nil)), Size: n}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return Info{}, fault.Wrap(fault.Unavailable, op, err, "fault.unavailable")
	}
	to, err := d.path(info.Digest)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err == nil {
		err = errors.Join(syncDir(filepath.Dir(to)), syncDir(d.dir))
	}
	if err != nil {
		return Info{}, fault.Wrap(fault.Unavailable, op, err, "fault.unavailable")
	}
	return info, nil
}

// Get opens a file; its reader compares the content with the digest at the end.
func (d *Disk) Get(_ context.Context, digest string) (io.ReadCloser, error) {
	p, err := d.path(digest)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, kind("blob.Get", err)
	}
	return &checked{File: f, hash: sha256.New(), want: strings.TrimPrefix(digest, "sha256:")}, nil
}

// Stat says how large a file is.
func (d *Disk) Stat(_ context.Context, digest string) (Info, error) {
	p, err := d.path(digest)
	if err != nil {
		return Info{}, err
	}
	st, err := os.Stat(p)
	if err != nil {
		return Info{}, kind("blob.Stat", err)
	}
	return Info{Digest: digest, Size: st.Size()}, nil
}

// Delete removes a file.
func (d *Disk) Delete(_ context.Context, digest string) error {
	p, err := d.path(digest)
	if err != nil {
		return nil
	}
	if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return kind("blob.Delete", err)
	}
	return nil
}

func kind(op string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.NotFound, op, err, "fault.not-found")
	}
	return fault.Wrap(fault.Unavailable, op, err, "fault.unavailable")
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// reader stops when the context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// checked fails at the end of a file that is not what its name says.
type checked struct {
	*os.File
	hash hash.Hash
	want string
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.hash.Write(p[:n])
	if err == io.EOF && hex.EncodeToString(c.hash.Sum(nil)) != c.want {
		return n, fault.Wrap(fault.Internal, "blob.Get", fmt.Errorf("the content of sha256:%s has changed", c.want), "fault.internal")
	}
	return n, err
}

// WriteTo hides the method of os.File, which would go past the check.
func (c *checked) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{c}) }
