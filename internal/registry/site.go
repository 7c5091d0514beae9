package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Site serves the public folder and the list. Everything but the list is files
// that the [Publisher] wrote: it answers while the database is down.
type Site struct {
	DB       *store.DB
	Settings *scheme.Settings
	Dir      string // the public folder
	Now      func() time.Time
	Log      *slog.Logger
	// Forked reports that the database is older than what the signer has signed: its
	// rows may call a revoked label valid, and the list is not read from it. nil = never.
	Forked func() bool

	searching chan struct{} // holds a place for each search that runs
	kept      kept
}

// Searches of strangers read the whole list: few at once and not for long, so that
// connections stay for those who work.
const (
	searchesAtOnce = 2
	searchTime     = 5 * time.Second
)

// How long a CDN may answer from a copy, in seconds.
const (
	pageAge = 60
	longAge = 31536000 // what never changes
)

// Handler is the map of the public addresses:
//
//	/L/<ID>, /L/<ID>.en     label page in Japanese and English
//	/L/<ID>.json .proof     statement and proof of its log entry
//	/L/<ID>.svg .png        artwork
//	/list, /list.en, .json  list and search (?q=, ?before=)
//	/status-list /keys.json signed status list, public keys
//	/checkpoint /tile/…     the log, as C2SP tlog-tiles
//	/assets/…               styles
func (s *Site) Handler() http.Handler {
	s.searching = make(chan struct{}, searchesAtOnce)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /L/{form}", s.label)
	mux.HandleFunc("GET /l/{form}", s.label)
	mux.HandleFunc("GET /list", s.list)
	mux.HandleFunc("GET /list.en", s.list)
	mux.HandleFunc("GET /list.json", s.listJSON)
	mux.HandleFunc("GET /status-list", s.plain("application/jose", pageAge))
	mux.HandleFunc("GET /keys.json", s.plain("application/json", pageAge))
	mux.HandleFunc("GET /checkpoint", s.plain("text/plain; charset=utf-8", 0))
	mux.HandleFunc("GET /tile/", s.tile)
	mux.HandleFunc("GET /assets/{name}", s.asset)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		lang := i18n.Parse(r.URL.Query().Get("lang"))
		s.message(w, lang, http.StatusNotFound, lang.T("fault.not-found"), "")
	})
	return mux
}

// forms are the suffixes of a label's address.
var forms = map[string]struct{ file, kind string }{
	"":       {".html", "text/html; charset=utf-8"},
	".en":    {".en.html", "text/html; charset=utf-8"},
	".json":  {".json", "application/json"},
	".proof": {".proof", "text/plain; charset=utf-8"},
	".svg":   {".svg", "image/svg+xml"},
	".png":   {".png", "image/png"},
}

// label serves one form of a label. Addresses as people type them lead to the one
// that is printed.
func (s *Site) label(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("form")
	text, suffix, dot := strings.Cut(name, ".")
	if dot {
		suffix = "." + strings.ToLower(suffix)
	}
	lang := i18n.JA
	if suffix == ".en" {
		lang = i18n.EN
	}
	if q := r.URL.Query().Get("lang"); q != "" && (suffix == "" || suffix == ".en") {
		lang = i18n.Parse(q)
	}
	form, known := forms[suffix]
	id, err := label.ParseID(text)
	if err != nil || !known {
		why := lang.T("fault.not-found")
		if err != nil {
			why, _ = lang.Error(err)
		}
		s.message(w, lang, http.StatusNotFound, lang.T("public.missing"), lang.T("public.missing.check", "id", shorten(name), "why", why))
		return
	}
	want := "/L/" + string(id) + suffix
	if form.kind == forms[""].kind {
		want = LabelPath(string(id), lang)
	}
	if r.URL.Path != want || r.URL.RawQuery != "" && suffix != ".json" && r.URL.Query().Has("lang") {
		http.Redirect(w, r, want, http.StatusMovedPermanently)
		return
	}
	if !s.file(w, r, filepath.Join("L", string(id)+form.file), form.kind, pageAge) {
		s.message(w, lang, http.StatusNotFound, lang.T("public.missing"), lang.T("public.missing.text"))
	}
}

// file serves a file of the public folder; false when it is not there.
func (s *Site) file(w http.ResponseWriter, r *http.Request, name, kind string, age int) bool {
	path := filepath.Join(s.Dir, name)
	e, err := s.kept.get(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.Log.LogAttrs(r.Context(), slog.LevelError, "public file", slog.String("file", name), slog.Any("err", err))
		}
		return false
	}
	if e == nil {
		return s.large(w, r, path, kind, age)
	}
	s.headers(w, kind, e.etag, age)
	if !plainGet(r) {
		http.ServeContent(w, r, "", e.info.ModTime(), bytes.NewReader(e.data))
		return true
	}
	h := w.Header()
	h.Set("Last-Modified", e.info.ModTime().UTC().Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.Itoa(len(e.data)))
	_, _ = w.Write(e.data) // the reader has gone
	return true
}

// plainGet reports a request that asks for all of a file, whatever copy it has.
func plainGet(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, h := range []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if r.Header[h] != nil {
			return false
		}
	}
	return true
}

// large serves a file that is not kept in memory.
func (s *Site) large(w http.ResponseWriter, r *http.Request, path, kind string, age int) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	s.headers(w, kind, etag(st), age)
	http.ServeContent(w, r, "", st.ModTime(), f)
	return true
}

func (s *Site) headers(w http.ResponseWriter, kind, etag string, age int) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("ETag", etag)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case age >= longAge:
		h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, immutable", age))
	case age == 0:
		h.Set("Cache-Control", "no-cache")
	default:
		// A browser asks each time, so that who looks again after a revocation sees it;
		// a CDN may answer for a while, and from an old copy when this server is down:
		// the page itself says as of when it is.
		h.Set("Cache-Control", fmt.Sprintf("public, max-age=0, s-maxage=%d, stale-if-error=86400", min(age, s.untilDayEnd())))
	}
}

// untilDayEnd is the number of seconds after which a page is written anew.
func (s *Site) untilDayEnd() int {
	now := s.Now()
	return int(scheme.DayIn(now, s.Settings.Location()).End(s.Settings.Location()).Sub(now) / time.Second)
}

func (s *Site) plain(kind string, age int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.file(w, r, strings.TrimPrefix(r.URL.Path, "/"), kind, age) {
			http.NotFound(w, r)
		}
	}
}

// tile serves the log's tiles and bundles; other paths do not leave the folder.
func (s *Site) tile(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if _, err := ledger.ParseTilePath(name); err != nil || !s.file(w, r, filepath.FromSlash(name), "application/octet-stream", longAge) {
		http.NotFound(w, r)
	}
}

// asset serves a style or script from the program itself.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, err := static.ReadFile("static/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", pageAge))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

// messagePage is a page of one sentence.
type messagePage struct {
	frame
	Text string
}

func (s *Site) message(w http.ResponseWriter, lang i18n.Lang, status int, title, text string) {
	p := &messagePage{frame: frame{Lang: lang, Settings: s.Settings, Title: title, Home: listPath(lang)}, Text: text}
	s.html(w, status, "message", p)
}

// html renders a page whole before the first byte is sent.
func (s *Site) html(w http.ResponseWriter, status int, name string, p any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, p); err != nil {
		s.Log.LogAttrs(context.Background(), slog.LevelError, "public page", slog.String("page", name), slog.Any("err", err))
		http.Error(w, i18n.JA.T("fault.internal"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader has gone
}

// away answers for the list while the database is.
func (s *Site) away(w http.ResponseWriter, r *http.Request, lang i18n.Lang, err error) {
	s.Log.LogAttrs(r.Context(), slog.LevelError, "public list", slog.Any("err", err), slog.String("kind", string(fault.KindOf(err))))
	w.Header().Set("Retry-After", "60")
	s.message(w, lang, http.StatusServiceUnavailable, lang.T("public.away"), lang.T("public.away.text"))
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
