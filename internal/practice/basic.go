package practice

import (
	"io"
	"net/http"
	"strconv"
)

// setUp is the sensor's set-up page behind HTTP Basic. Until its owner has set a
// value of their own every page leads to the one that asks for it.
func (d *Device) setUp() http.Handler {
	page := func(w http.ResponseWriter, status int, body string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<!doctype html><html lang=ja><meta charset=utf-8><title>Practice sensor</title>"+style+"<body>"+body)
	}
	need := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			user, pass, given := r.BasicAuth()
			if !given {
				w.Header().Set("WWW-Authenticate", `Basic realm="practice sensor", charset="UTF-8"`)
				page(w, http.StatusUnauthorized, "<p>Sign in</p>")
				return
			}
			ok, wait := d.guard.try("basic", r.RemoteAddr, user, same(pass))
			switch {
			case wait > 0:
				w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
				page(w, http.StatusTooManyRequests, "<p>しばらく待ってください。Please try again later.</p>")
			case !ok:
				w.Header().Set("WWW-Authenticate", `Basic realm="practice sensor", charset="UTF-8"`)
				page(w, http.StatusUnauthorized, "<p>Sign in</p>")
			case r.URL.Path != "/password" && !d.guard.changed(user) && !d.has("no-forced-change"):
				http.Redirect(w, r, "/password", http.StatusSeeOther)
			default:
				h(w, r)
			}
		}
	}
	settings := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"wifi":{"ssid":"practice","security":"wpa3"},"interval":60}`+"\n")
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", need(func(w http.ResponseWriter, _ *http.Request) {
		page(w, 200, `<h1>Practice sensor</h1><ul><li><a href=/settings.json>設定 Settings</a><li><a href=/password>パスワードの変更 Change the password</a></ul>`)
	}))
	if d.has("open-settings") {
		m.HandleFunc("GET /settings.json", settings)
	} else {
		m.HandleFunc("GET /settings.json", need(settings))
	}
	m.HandleFunc("GET /password", need(func(w http.ResponseWriter, _ *http.Request) {
		page(w, 200, "<p>最初のパスワードは変えてください。Change the first password.</p>"+changeForm)
	}))
	m.HandleFunc("POST /password", need(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		user, pass, _ := r.BasicAuth()
		if r.FormValue("old") != pass || !strong(r.FormValue("new")) || r.FormValue("new") != r.FormValue("again") {
			page(w, http.StatusBadRequest, changeForm)
			return
		}
		d.Change(user, r.FormValue("new"))
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	return m
}
