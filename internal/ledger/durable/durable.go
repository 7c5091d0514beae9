// Package durable writes small files that must survive a power cut: whole or not
// at all, and on the disk when the call returns. It also keeps two processes from
// sharing one state file. It is no database.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile replaces a file: temporary file, fsync, rename, fsync of the folder.
// A kill at any moment leaves the old content or the new one.
func WriteFile(path string, data []byte, mode os.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// MkdirAll makes a folder and its parents, each durable in its parent.
func MkdirAll(dir string, mode os.FileMode) error {
	if st, err := os.Stat(dir); err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%s is not a folder", dir)
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// Lock is held on "<path>.lock" until Close; the system releases it when the
// process ends, however it ends.
type Lock struct{ f *os.File }

// ErrLocked says that another process holds the lock.
var ErrLocked = errors.New("another process uses this file")

// Close releases the lock.
func (l *Lock) Close() error { return l.f.Close() }
