package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/store"
	"hoshi/internal/store/sqlite"
)

// Drafts, private fields and secrets of accounts lie in these files: only their
// owner reads them, wherever the folder is.
func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(t.Context(), sqlite.Engine{Path: filepath.Join(dir, "hoshi.db")}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 2 {
		t.Errorf("%d files", len(files))
	}
	for _, f := range files {
		st, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), st.Mode())
		}
	}
}
