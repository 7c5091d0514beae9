package sequence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hoshi/internal/ledger/durable"
)

// Dir publishes into a folder, whose files any web server can serve.
type Dir struct{ root string }

// NewDir makes the folder when it is missing.
func NewDir(root string) (*Dir, error) {
	if err := durable.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	return &Dir{root}, nil
}

var _ Files = (*Dir)(nil)

func (d *Dir) file(path string) (string, error) {
	if !fs.ValidPath(path) || path == "." {
		return "", fmt.Errorf("path %q leaves the log's folder", path)
	}
	return filepath.Join(d.root, filepath.FromSlash(path)), nil
}

// Get implements Files.
func (d *Dir) Get(_ context.Context, path string) ([]byte, error) {
	name, err := d.file(path)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(name)
}

// Put implements Files.
func (d *Dir) Put(_ context.Context, path string, data []byte) error {
	name, err := d.file(path)
	if err != nil {
		return err
	}
	have, err := os.ReadFile(name)
	switch {
	case err == nil && bytes.Equal(have, data):
		return durable.SyncDir(filepath.Dir(name))
	case err == nil:
		return fmt.Errorf("%s exists with other content", path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return d.write(name, data)
}

// Replace implements Files.
func (d *Dir) Replace(_ context.Context, path string, data []byte) error {
	name, err := d.file(path)
	if err != nil {
		return err
	}
	return d.write(name, data)
}

func (d *Dir) write(name string, data []byte) error {
	if err := durable.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(name, data, 0o644)
}
