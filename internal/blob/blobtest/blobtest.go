// Package blobtest holds every implementation of blob.Store to the same promises.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"hoshi/internal/blob"
	"hoshi/internal/fault"
)

// Run runs the suite; open gives a fresh, empty store.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	ctx := context.Background()
	put := func(t *testing.T, s blob.Store, content string) blob.Info {
		t.Helper()
		info, err := s.Put(ctx, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	t.Run("what is put can be got", func(t *testing.T) {
		s := open(t)
		for _, content := range []string{"", "a", strings.Repeat("界", 100_000)} {
			info := put(t, s, content)
			if info.Size != int64(len(content)) {
				t.Errorf("size %d, want %d", info.Size, len(content))
			}
			r, err := s.Get(ctx, info.Digest)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err = errors.Join(err, r.Close()); err != nil || string(b) != content {
				t.Errorf("got %d bytes, %v", len(b), err)
			}
			if st, err := s.Stat(ctx, info.Digest); err != nil || st != info {
				t.Errorf("stat %+v, %v; want %+v", st, err, info)
			}
		}
	})
	t.Run("the digest is that of the content", func(t *testing.T) {
		const abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
		if info := put(t, open(t), "abc"); info.Digest != abc {
			t.Error(info.Digest)
		}
	})
	t.Run("twice is once", func(t *testing.T) {
		s := open(t)
		if a, b := put(t, s, "same"), put(t, s, "same"); a != b {
			t.Error(a, b)
		}
	})
	t.Run("what is not there", func(t *testing.T) {
		s := open(t)
		for _, d := range []string{"sha256:" + strings.Repeat("0", 64), "", "sha256:", "../../etc/passwd", "sha256:" + strings.Repeat("Z", 64)} {
			if _, err := s.Get(ctx, d); !fault.Is(err, fault.NotFound) {
				t.Errorf("Get(%q): %v", d, err)
			}
			if _, err := s.Stat(ctx, d); !fault.Is(err, fault.NotFound) {
				t.Errorf("Stat(%q): %v", d, err)
			}
			if err := s.Delete(ctx, d); err != nil {
				t.Errorf("Delete(%q): %v", d, err)
			}
		}
	})
	t.Run("a reader that fails leaves nothing", func(t *testing.T) {
		s := open(t)
		broken := errors.New("the line went dead")
		if _, err := s.Put(ctx, io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.Put(ended, strings.NewReader("abc")); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if _, err := s.Stat(ctx, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); !fault.Is(err, fault.NotFound) {
			t.Errorf("half a file was kept: %v", err)
		}
	})
	t.Run("deleted is gone", func(t *testing.T) {
		s := open(t)
		info := put(t, s, "forget me")
		if err := s.Delete(ctx, info.Digest); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(ctx, info.Digest); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		s := open(t)
		content := bytes.Repeat([]byte("x"), 1<<16)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				if _, err := s.Put(ctx, bytes.NewReader(content[:len(content)-i%2])); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}
