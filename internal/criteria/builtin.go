package criteria

import (
	"io/fs"
	"path"
	"slices"
	"sync"

	criteriadata "hoshi/criteria"
)

// builtins are the editions inside the binary, by id. A faulty one cannot ship: a
// test loads them all.
var builtins = sync.OnceValues(func() (map[string]*Edition, error) {
	out := map[string]*Edition{}
	err := fs.WalkDir(criteriadata.FS, ".", func(p string, f fs.DirEntry, err error) error {
		if err != nil || path.Base(p) != "edition.yaml" {
			return err
		}
		e, err := Load(criteriadata.FS, path.Dir(p))
		if err != nil {
			return err
		}
		out[e.ID] = e
		return nil
	})
	return out, err
})

// Builtin returns an edition that is part of the program.
func Builtin(id string) (*Edition, error) {
	m, err := builtins()
	if err != nil {
		return nil, err
	}
	if e, ok := m[id]; ok {
		return e, nil
	}
	return nil, notFound(id, BuiltinIDs())
}

// BuiltinIDs lists the editions that are part of the program, in order of id.
func BuiltinIDs() []string {
	m, err := builtins()
	if err != nil {
		return nil
	}
	ids := sortedKeys(m)
	slices.Sort(ids)
	return ids
}
