package criteria

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"hoshi/internal/i18n"
)

// root is the folder of all editions, the test data included.
var root = os.DirFS("../../criteria")

func editionDirs(t testing.TB) []string {
	t.Helper()
	var dirs []string
	err := fs.WalkDir(root, ".", func(p string, _ fs.DirEntry, err error) error {
		if path.Base(p) == "edition.yaml" {
			dirs = append(dirs, path.Dir(p))
		}
		return err
	})
	if err != nil || len(dirs) < 2 {
		t.Fatalf("editions found: %v, %v", dirs, err)
	}
	return dirs
}

func load(t testing.TB, dir string) *Edition {
	t.Helper()
	e, err := Load(root, dir)
	if err != nil {
		for _, l := range i18n.Langs {
			s, places := l.Error(err)
			t.Log(s + "\n" + strings.Join(places, "\n"))
		}
		t.Fatal(err)
	}
	return e
}

// Every edition in criteria/ loads, and its single-file form reads back the same.
func TestEveryEditionLoads(t *testing.T) {
	for _, dir := range editionDirs(t) {
		t.Run(dir, func(t *testing.T) {
			e := load(t, dir)
			again, err := Parse("edition.json", e.Source())
			if err != nil {
				_, places := i18n.EN.Error(err)
				t.Fatal(strings.Join(places, "\n"))
			}
			if !bytes.Equal(e.Source(), again.Source()) || e.Digest() != again.Digest() {
				t.Error("the single-file form does not read back the same")
			}
		})
	}
}
