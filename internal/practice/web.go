package practice

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const style = `<style>body{font-family:sans-serif;max-width:40em;margin:2em auto}label{display:block;margin:1em 0}</style>`

// pages is the camera's web interface. Everything but the sign-in page needs a
// session; secure marks the cookie for TLS only.
func (c *Camera) pages(secure bool) http.Handler {
	var mu sync.Mutex
	sessions := map[string]time.Time{}
	signedIn := func(r *http.Request) bool {
		k, err := r.Cookie("session")
		if err != nil {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		end, ok := sessions[k.Value]
		return ok && c.o.Now().Before(end)
	}
	page := func(w http.ResponseWriter, status int, body string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<!doctype html><html lang=ja><meta charset=utf-8><title>Practice camera</title>"+style+"<body>"+body)
	}
	form := func(note string) string {
		return "<h1>Practice camera</h1><p>" + note + `</p><form method=post action=/login><label>利用者名 User <input type=text name=username></label>` +
			`<label>パスワード Password <input type=password name=password></label><input type=submit value="Sign in"></form>`
	}
	need := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if !signedIn(r) {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
			h(w, r)
		}
	}
	settings := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"wifi":{"ssid":"practice","security":"wpa3"},"administrator":{"user":"admin"},"recording":"on"}`+"\n")
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { page(w, 200, form("")) })
	m.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		ok, wait := c.guard.try(r.FormValue("username"), r.FormValue("password"), c.Password)
		if wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			page(w, http.StatusTooManyRequests, "<p>しばらく待ってください。Please try again later.</p>")
			return
		}
		if !ok {
			page(w, http.StatusUnauthorized, form("利用者名またはパスワードが違います。User or password is wrong."))
			return
		}
		b := make([]byte, 16)
		mu.Lock()
		defer mu.Unlock()
		if _, err := io.ReadFull(c.o.Rand, b); err != nil {
			http.Error(w, "no randomness", http.StatusInternalServerError)
			return
		}
		id := hex.EncodeToString(b)
		sessions[id] = c.o.Now().Add(15 * time.Minute)
		http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	m.HandleFunc("GET /{$}", need(func(w http.ResponseWriter, _ *http.Request) {
		page(w, 200, `<h1>Practice camera</h1><ul><li><a href=/settings.json>設定 Settings</a><li><a href=/snapshot.svg>映像 Picture</a></ul>`)
	}))
	if c.has("open-settings") {
		m.HandleFunc("GET /settings.json", settings)
	} else {
		m.HandleFunc("GET /settings.json", need(settings))
	}
	m.HandleFunc("GET /snapshot.svg", need(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><title>%s</title><circle cx="2" cy="1.5" r="1"/></svg>`, c.o.Now().UTC().Format(time.RFC3339))
	}))
	return m
}
