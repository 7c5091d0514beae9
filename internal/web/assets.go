package web

import (
	"crypto/sha256"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// assets are the files under static/. Their address carries their hash, so that
// browsers may keep them for good.
type assets map[string]asset

type asset struct {
	body []byte
	hash string
}

func loadAssets(files embed.FS) (assets, error) {
	out := assets{}
	err := fs.WalkDir(files, "static", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(p)
		if err != nil {
			return err
		}
		h := sha256.Sum256(b)
		out[strings.TrimPrefix(p, "static/")] = asset{b, hexString(h[:6])}
		return nil
	})
	return out, err
}

// URL is the address of a file.
func (a assets) URL(name string) string { return "/static/" + name + "?v=" + a[name].hash }

func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/static/")
	f, ok := a[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	if r.URL.Query().Get("v") == f.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(f.body) // the reader has gone
}
