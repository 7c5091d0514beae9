package signin

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/probe"
	probehttp "hoshi/internal/probe/http"
)

const form = `<form method=post action=/in><input type=text name=user><input type=password name=pass></form>`

var all = Probe(probehttp.Protocol.Entrances)

// site is a web server whose answer to the n-th wrong sign-in is made by wrong.
// It hangs up on everybody once wrong says so.
type site struct {
	wrong func(n int, w http.ResponseWriter) (hangUp bool)
	pass  string // right value for "admin"

	mu   sync.Mutex
	n    int
	hung bool
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hung {
		panic(http.ErrAbortHandler)
	}
	switch {
	case r.URL.Path == "/in" && r.FormValue("user") == "admin" && r.FormValue("pass") == s.pass && s.pass != "":
		http.Redirect(w, r, "/home", http.StatusSeeOther)
	case r.URL.Path == "/in":
		s.n++
		if s.hung = s.wrong(s.n, w); s.hung {
			panic(http.ErrAbortHandler)
		}
	default:
		fmt.Fprint(w, form)
	}
}

// tested runs the probe against the site and returns the two facts.
func tested(t *testing.T, s *site, accounts ...probe.Account) (defaults, limit map[string]any) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: s}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	other, err := net.Listen("tcp", "127.0.0.1:0") // another port of the same device
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	addr := netip.MustParseAddr("127.0.0.1")
	pace := probe.Practice()
	pace.SignIns, pace.Hold = 8, 80*time.Millisecond
	port := probe.TCP(l.Addr().(*net.TCPAddr).Port)
	for i := range accounts {
		accounts[i].Port = port
	}
	id := port + " form /login"
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Consents: []probe.Consent{probe.ConsentSignIn}, Pace: pace, Rand: rand.Reader, Accounts: accounts}
	target.Facts = append(target.Facts,
		probe.Observed("tcp.open", probe.TCP(other.Addr().(*net.TCPAddr).Port), true),
		probe.Observed("signin.interface", id, map[string]any{"port": port, "kind": "form", "encrypted": false}))
	rec := probe.NewRecorder(time.Now, nil)
	if err := all.Run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	facts := all.Parse(rec.Records(name))
	d, ok := facts.Get("signin.default", id)
	x, ok2 := facts.Get("signin.limit", id)
	if !ok || !ok2 {
		t.Fatalf("no facts in %v", facts)
	}
	return d.Value.(map[string]any), x.Value.(map[string]any)
}

func page(status int, text string) func(int, http.ResponseWriter) bool {
	return func(_ int, w http.ResponseWriter) bool {
		w.WriteHeader(status)
		fmt.Fprint(w, text)
		return false
	}
}

func TestLimits(t *testing.T) {
	after := func(k int, then func(http.ResponseWriter) bool) func(int, http.ResponseWriter) bool {
		return func(n int, w http.ResponseWriter) bool {
			if n <= k {
				w.WriteHeader(401)
				fmt.Fprint(w, "wrong"+form)
				return false
			}
			return then(w)
		}
	}
	cases := map[string]struct {
		wrong   func(int, http.ResponseWriter) bool
		limited bool
		how     string
		most    int64 // guesses per day; 0 = not looked at
	}{
		"none":       {page(401, "wrong"+form), false, "", 0},
		"always 200": {page(200, "wrong password"+form), false, "", 0},
		"retry-after": {after(12, func(w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(429)
			return false
		}), true, "stated-wait", 2000},
		"message": {after(12, func(w http.ResponseWriter) bool {
			fmt.Fprint(w, "Account locked, try again in 10 minutes"+form)
			return false
		}), true, "stated-wait", 2000},
		"japanese": {after(12, func(w http.ResponseWriter) bool {
			fmt.Fprint(w, "しばらく待ってください"+form)
			return false
		}), true, "status-200", 0},
		"forbidden": {after(12, func(w http.ResponseWriter) bool { w.WriteHeader(403); return false }), true, "status-403", 0},
		"hang up":   {after(12, func(http.ResponseWriter) bool { return true }), true, "turned-away", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, l := tested(t, &site{wrong: c.wrong})
			if d["complete"] != true || l["complete"] != true || l["limited"] != c.limited || l["how"] != c.how {
				t.Errorf("defaults %v, limit %v", d, l)
			}
			if n := l["guessesPerDay"].(int64); c.most > 0 && n > c.most || !c.limited && n < 50000 {
				t.Errorf("%d guesses per day", n)
			}
		})
	}
}

// A device that was locked before the test, and says so in words only, is not called
// one without a limit.
func TestLockedBeforeTheTest(t *testing.T) {
	const words = "Too many failed attempts. Please try again in 5 minutes."
	d, l := tested(t, &site{wrong: page(200, words+form)})
	for _, v := range []map[string]any{d, l} {
		if v["complete"] != false || v["why"] != "locked" || v["wait"] != int64(300) {
			t.Errorf("%v", v)
		}
	}
	// Where the right value signs in, the words stand on every page and say nothing.
	d, l = tested(t, &site{wrong: page(200, words+form), pass: "of-this-unit-7"}, probe.Account{User: "admin", Initial: "unique-per-device", Secret: "of-this-unit-7"})
	if d["complete"] != true || l["complete"] != true || l["limited"] != false {
		t.Errorf("defaults %v, limit %v", d, l)
	}
}

// A limit that comes while default values are tried leaves them incomplete.
func TestLimitDuringDefaults(t *testing.T) {
	d, l := tested(t, &site{wrong: func(n int, w http.ResponseWriter) bool {
		if n > 3 {
			w.Header().Set("Retry-After", "900")
			w.WriteHeader(429)
			return false
		}
		return page(401, "wrong"+form)(n, w)
	}})
	if d["complete"] != false || l["limited"] != true || l["complete"] != true {
		t.Errorf("defaults %v, limit %v", d, l)
	}
}

func TestDefaults(t *testing.T) {
	cases := map[string]struct {
		pass     string
		account  []probe.Account
		accepted []any
		complete bool
	}{
		"common":         {"password", nil, []any{"admin (common-2)"}, true},
		"unique":         {"x7-unique", []probe.Account{{User: "admin", Initial: "unique-per-device", Secret: "x7-unique"}}, []any{}, true},
		"shared":         {"same-on-all", []probe.Account{{User: "admin", Initial: "shared", Secret: "same-on-all"}}, []any{"admin (declared)"}, true},
		"control failed": {"x7-unique", []probe.Account{{User: "admin", Initial: "unique-per-device", Secret: "not-this"}}, []any{}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, _ := tested(t, &site{wrong: page(401, "wrong"+form), pass: c.pass}, c.account...)
			if diff := cmp.Diff(c.accepted, d["accepted"]); diff != "" || d["complete"] != c.complete {
				t.Errorf("%v\n%s", d, diff)
			}
		})
	}
}

// Silence that may as well be a dead device proves no limit.
func TestSilenceIsNoLimit(t *testing.T) {
	wrong := []byte("HTTP/1.1 401 x\r\n\r\n" + form)
	rs := []probe.Record{{Event: "attempt", Item: "tcp/80 form /", Detail: "baseline", Recv: wrong, Line: 1}}
	for i := range 3 {
		rs = append(rs, probe.Record{At: int64(i), Event: "attempt", Item: "tcp/80 form /", User: "a", Detail: "wrong", Recv: wrong, Line: i + 2})
	}
	for i := range 4 {
		rs = append(rs, probe.Record{At: int64(9 + i), Event: "attempt", Item: "tcp/80 form /", User: "a", Detail: "wrong", Error: "timeout", Line: i + 6})
	}
	f, ok := all.Parse(rs).Get("signin.limit", "tcp/80 form /")
	if !ok || probe.Bool(f.Value, "limited") || probe.Bool(f.Value, "complete") {
		t.Errorf("%v", f.Value)
	}
}
