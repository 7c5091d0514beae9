package practice

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const style = `<style>body{font-family:sans-serif;max-width:40em;margin:2em auto}label{display:block;margin:1em 0}</style>`

const changeForm = `<h1>パスワードの変更 Change the password</h1><form method=post action=/password><label>今のパスワード Present <input type=password name=old></label>` +
	`<label>新しいパスワード（8 文字以上）New, 8 characters or more <input type=password name=new></label>` +
	`<label>もう一度 Again <input type=password name=again></label><input type=submit value="Change"></form>`

// strong is what a device takes for a new value.
func strong(value string) bool { return len(value) >= 8 && len(value) <= 64 }

// pages is the camera's web interface. Everything but the sign-in page needs a
// session; secure marks the cookie for TLS only.
func (d *Device) pages(secure bool) http.Handler {
	open := d.sessions()
	signedIn := func(r *http.Request) bool {
		k, err := r.Cookie("session")
		return err == nil && open.valid(k.Value)
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
		ok, wait := d.guard.try("form", r.RemoteAddr, r.FormValue("username"), same(r.FormValue("password")))
		if wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			page(w, http.StatusTooManyRequests, "<p>しばらく待ってください。Please try again later.</p>")
			return
		}
		if !ok {
			page(w, http.StatusUnauthorized, form("利用者名またはパスワードが違います。User or password is wrong."))
			return
		}
		id, err := open.open()
		if err != nil {
			http.Error(w, "no randomness", http.StatusInternalServerError)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	m.HandleFunc("GET /{$}", need(func(w http.ResponseWriter, _ *http.Request) {
		page(w, 200, `<h1>Practice camera</h1><ul><li><a href=/settings.json>設定 Settings</a><li><a href=/snapshot.svg>映像 Picture</a><li><a href=/password>パスワードの変更 Change the password</a></ul>`)
	}))
	m.HandleFunc("GET /password", need(func(w http.ResponseWriter, _ *http.Request) { page(w, 200, changeForm) }))
	m.HandleFunc("POST /password", need(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		ok, _ := d.guard.try("form", r.RemoteAddr, "admin", same(r.FormValue("old")))
		if !ok || !strong(r.FormValue("new")) || r.FormValue("new") != r.FormValue("again") {
			page(w, http.StatusBadRequest, changeForm)
			return
		}
		d.Change("admin", r.FormValue("new"))
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	if d.has("open-settings") {
		m.HandleFunc("GET /settings.json", settings)
	} else {
		m.HandleFunc("GET /settings.json", need(settings))
	}
	m.HandleFunc("GET /snapshot.svg", need(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><title>%s</title><circle cx="2" cy="1.5" r="1"/></svg>`, d.o.Now().UTC().Format(time.RFC3339))
	}))
	return m
}
