package practice

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

const apiPage = `<!doctype html><html lang=ja><meta charset=utf-8><title>Practice gateway</title>` + style + `<body><h1>Practice gateway</h1>
<label>利用者名 User <input id=username autocomplete=username></label>
<label>パスワード Password <input id=password type=password autocomplete=current-password></label>
<button id=go>Sign in</button><pre id=out></pre>
<script src=/app.js></script>`

const apiScript = `document.getElementById("go").addEventListener("click", async () => {
  const username = document.getElementById("username").value, password = document.getElementById("password").value;
  const r = await fetch("/api/login", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({username, password})});
  const a = await r.json();
  if (r.ok) {
    const s = await fetch("/api/settings", {headers: {Authorization: "Bearer " + a.token}});
    document.getElementById("out").textContent = await s.text();
  } else {
    document.getElementById("out").textContent = a.error;
  }
});
`

// api is the gateway's web interface: a page whose script signs in with JSON.
func (d *Device) api() http.Handler {
	open := d.sessions()
	say := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	type failure struct {
		Error string `json:"error"`
	}
	need := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			const bearer = "Bearer "
			if a := r.Header.Get("Authorization"); len(a) <= len(bearer) || a[:len(bearer)] != bearer || !open.valid(a[len(bearer):]) {
				w.Header().Set("WWW-Authenticate", "Bearer")
				say(w, http.StatusUnauthorized, failure{"sign in first"})
				return
			}
			h(w, r)
		}
	}
	read := func(w http.ResponseWriter, r *http.Request, v any) bool {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(v); err != nil {
			say(w, http.StatusBadRequest, failure{"not JSON as it should be"})
			return false
		}
		return true
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, apiPage)
	})
	m.HandleFunc("GET /app.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, apiScript)
	})
	m.HandleFunc("POST /api/login", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Username, Password string }
		if !read(w, r, &q) {
			return
		}
		ok, wait := d.guard.try("api", r.RemoteAddr, q.Username, same(q.Password))
		if wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			say(w, http.StatusTooManyRequests, failure{"too many attempts, try again later"})
			return
		}
		if !ok {
			say(w, http.StatusUnauthorized, failure{"wrong user or password"})
			return
		}
		id, err := open.open()
		if err != nil {
			say(w, http.StatusInternalServerError, failure{"no randomness"})
			return
		}
		say(w, http.StatusOK, map[string]string{"token": id})
	})
	m.HandleFunc("GET /api/settings", need(func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, map[string]any{"wan": map[string]string{"mode": "dhcp"}, "wifi": map[string]string{"ssid": "practice", "security": "wpa3"}, "administrator": "admin"})
	}))
	m.HandleFunc("PUT /api/password", need(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Old, New string }
		if !read(w, r, &q) {
			return
		}
		if ok, _ := d.guard.try("api", r.RemoteAddr, "admin", same(q.Old)); !ok || !strong(q.New) {
			say(w, http.StatusBadRequest, failure{"the present password is wrong or the new one has not 8 to 64 characters"})
			return
		}
		d.Change("admin", q.New)
		w.WriteHeader(http.StatusNoContent)
	}))
	return m
}
