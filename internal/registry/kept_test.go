package registry

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/scheme"
)

// keptSite is a site over one old file, and a way to ask for it.
func keptSite(t *testing.T) (file string, ask func(method string, header ...string) *httptest.ResponseRecorder) {
	t.Helper()
	yaml, err := os.ReadFile("../../criteria/scheme.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := scheme.LoadSettings("scheme.yaml", yaml)
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Settings: set, Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	return filepath.Join(s.Dir, "file"), func(method string, header ...string) *httptest.ResponseRecorder {
		t.Helper()
		r, w := httptest.NewRequest(method, "/file", nil), httptest.NewRecorder()
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		if !s.file(w, r, "file", "text/plain", pageAge) {
			w.Code = 404
		}
		return w
	}
}

// place puts a version in the way that pages are replaced, as old as if it had lain there long.
func place(t *testing.T, file string, data []byte, age time.Duration) {
	t.Helper()
	if err := writeFile(filepath.Dir(file), filepath.Base(file), data); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).Add(-age)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

// A page that was replaced is never served in its old version, even when the new
// one has the same size and time.
func TestKeptIsTheNewest(t *testing.T) {
	file, ask := keptSite(t)
	if got := ask("GET"); got.Code != 404 {
		t.Errorf("no file: %d", got.Code)
	}
	for i := range 50 {
		want := fmt.Appendf(nil, "version %02d", i)
		place(t, file, want, 0)
		for range 2 {
			if got := ask("GET"); !bytes.Equal(got.Body.Bytes(), want) {
				t.Fatalf("served %q, the file holds %q", got.Body, want)
			}
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := ask("GET"); got.Code != 404 {
		t.Errorf("a removed file: %d %s", got.Code, got.Body)
	}
}

// Small files from memory and large ones from the disk answer alike.
func TestKeptAndLargeAnswerAlike(t *testing.T) {
	for name, n := range map[string]int{"empty": 0, "small": 1000, "at the bound": keptFile, "large": keptFile + 1} {
		t.Run(name, func(t *testing.T) {
			file, ask := keptSite(t)
			data := bytes.Repeat([]byte{'x'}, n)
			place(t, file, data, time.Hour)
			first := ask("GET")
			if first.Code != 200 || !bytes.Equal(first.Body.Bytes(), data) {
				t.Fatalf("%d with %d bytes", first.Code, first.Body.Len())
			}
			h := first.Header()
			if h.Get("Content-Length") != fmt.Sprint(n) || h.Get("ETag") == "" || h.Get("Last-Modified") == "" || h.Get("Content-Type") != "text/plain" {
				t.Errorf("%v", h)
			}
			if got := ask("GET", "If-None-Match", h.Get("ETag")); got.Code != 304 || got.Body.Len() != 0 {
				t.Errorf("the copy is good: %d", got.Code)
			}
			if got := ask("GET", "If-Modified-Since", h.Get("Last-Modified")); got.Code != 304 {
				t.Errorf("not modified: %d", got.Code)
			}
			if got := ask("HEAD"); got.Code != 200 || got.Body.Len() != 0 || got.Header().Get("Content-Length") != fmt.Sprint(n) {
				t.Errorf("HEAD: %d, %v", got.Code, got.Header())
			}
			if n == 0 {
				return
			}
			if got := ask("GET", "Range", "bytes=0-0"); got.Code != 206 || got.Body.String() != "x" {
				t.Errorf("range: %d %q", got.Code, got.Body)
			}
		})
	}
}

// What is kept stays within its bound, whatever is asked for.
func TestKeptIsBounded(t *testing.T) {
	var k kept
	want := 0
	for i := range 2 * keptTotal / keptFile {
		e := &keptEntry{data: make([]byte, keptFile-i)}
		k.put(fmt.Sprint(i%700), e)
		if k.total > keptTotal {
			t.Fatalf("%d bytes are kept", k.total)
		}
	}
	for _, e := range k.files {
		want += len(e.data)
	}
	if k.total != want || want < keptTotal/2 {
		t.Errorf("%d bytes are counted, %d are kept", k.total, want)
	}
}
