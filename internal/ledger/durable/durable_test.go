package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(dir, 0o755); err != nil {
		t.Errorf("MkdirAll of a folder that exists: %v", err)
	}
	path := filepath.Join(dir, "f")
	for _, text := range []string{"one", "", "a longer one"} {
		if err := WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		st, serr := os.Stat(path)
		if err != nil || serr != nil || string(got) != text || st.Mode().Perm() != 0o600 {
			t.Errorf("file holds %q, mode %v; want %q", got, st.Mode(), text)
		}
	}
	if err := MkdirAll(path, 0o755); err == nil {
		t.Error("MkdirAll over a file gave no error")
	}
	if err := WriteFile(filepath.Join(dir, "none", "f"), nil, 0o600); err == nil {
		t.Error("WriteFile into a folder that is missing gave no error")
	}
	// A rename that fails (a folder is in the way) leaves no temporary file.
	if err := MkdirAll(filepath.Join(dir, "way", "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "way"), []byte("x"), 0o600); err == nil {
		t.Error("WriteFile over a folder gave no error")
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	a, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v, want ErrLocked", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := TryLock(path)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	b.Close()
}
