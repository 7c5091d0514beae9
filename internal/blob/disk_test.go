package blob_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hoshi/internal/blob"
	"hoshi/internal/blob/blobtest"
	"hoshi/internal/fault"
)

func TestDisk(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		d, err := blob.Open(t.TempDir(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

func TestDiskSurvivesAndCleans(t *testing.T) {
	dir := t.TempDir()
	d, err := blob.Open(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	info, err := d.Put(context.Background(), strings.NewReader("kept"))
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "incoming", "put-half")
	if err := os.WriteFile(left, []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = blob.Open(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("what another process may be writing is gone: %v", err)
	}
	if d, err = blob.Open(dir, time.Now().Add(25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Stat(context.Background(), info.Digest); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the left-over of a crash is still there: %v", err)
	}
}

// A file that was changed on disk is noticed by whoever reads it, however it is read.
func TestDiskNoticesChange(t *testing.T) {
	dir := t.TempDir()
	d, err := blob.Open(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	info, err := d.Put(context.Background(), strings.NewReader("genuine"))
	if err != nil {
		t.Fatal(err)
	}
	h := strings.TrimPrefix(info.Digest, "sha256:")
	if err := os.WriteFile(filepath.Join(dir, h[:2], h), []byte("altered"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(io.Reader) error{
		"read all": func(r io.Reader) error { _, err := io.ReadAll(r); return err },
		"copy":     func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
	} {
		r, err := d.Get(context.Background(), info.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := read(r); !fault.Is(err, fault.Internal) {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
