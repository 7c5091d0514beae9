package registry

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Bounds of what a Site keeps in memory.
const (
	keptFile  = 256 << 10 // a larger file is read from the disk each time
	keptTotal = 64 << 20
)

// settled is how old a file must be before it is kept: two versions that were
// written within one tick of the file system's clock could look the same.
const settled = time.Second

// kept is the files that were served last, in memory. Each time, the file is asked
// whether it is still the same one: another process may have replaced it.
type kept struct {
	mu    sync.RWMutex
	files map[string]*keptEntry
	total int
}

// keptEntry is one version of a file; it never changes.
type keptEntry struct {
	info os.FileInfo
	etag string
	data []byte
}

// get returns the file at a path; nil when it is too large to keep. The error is
// os.Stat's.
func (k *kept) get(path string) (*keptEntry, error) {
	now, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	k.mu.RLock()
	e := k.files[path]
	k.mu.RUnlock()
	if e != nil && sameVersion(e.info, now) {
		return e, nil
	}
	if now.Size() > keptFile || !now.Mode().IsRegular() {
		return nil, nil
	}
	if e, err = readEntry(path); err != nil || e == nil {
		return nil, err
	}
	if time.Since(e.info.ModTime()) > settled {
		k.put(path, e)
	}
	return e, nil
}

func sameVersion(a, b os.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}

// readEntry reads the version that it opened, whole; files are replaced, never
// written into (see writeFile).
func readEntry(path string) (*keptEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Size() > keptFile || !st.Mode().IsRegular() {
		return nil, err
	}
	data := make([]byte, st.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	return &keptEntry{info: st, etag: etag(st), data: data}, nil
}

// put keeps a version in place of the one before, and lets go of any others to
// stay within the bound.
func (k *kept) put(path string, e *keptEntry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.files == nil {
		k.files = make(map[string]*keptEntry)
	}
	k.drop(path)
	for other := range k.files {
		if k.total+len(e.data) <= keptTotal {
			break
		}
		k.drop(other)
	}
	k.files[path] = e
	k.total += len(e.data)
}

func (k *kept) drop(path string) {
	if e := k.files[path]; e != nil {
		k.total -= len(e.data)
		delete(k.files, path)
	}
}

func etag(st os.FileInfo) string {
	return fmt.Sprintf(`"%x-%x"`, st.ModTime().UnixNano(), st.Size())
}
