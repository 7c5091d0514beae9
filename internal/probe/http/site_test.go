package http

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/probe"
)

// look crawls a server and returns the ids of its entrances, its details, and the
// requests that it got.
func look(t *testing.T, h http.Handler) (entrances []string, details map[string]string, asked []string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	port := srv.Listener.Addr().(*net.TCPAddr).Port
	a := netip.MustParseAddr("127.0.0.1")
	target := &probe.Target{Addr: a, Net: probe.NewNet(a, nil), Pace: probe.Practice(), Rand: rand.Reader}
	target.Facts = append(target.Facts, probe.Observed("service.protocol", probe.TCP(port), map[string]any{"protocol": "http"}))
	rec := probe.NewRecorder(time.Now, nil)
	if err := run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	details = map[string]string{}
	for _, f := range parse(rec.Records(name)) {
		switch f.Name {
		case "signin.interface":
			entrances = append(entrances, strings.TrimPrefix(f.Subject, probe.TCP(port)+" "))
		case "service.detail":
			details[probe.Str(f.Value, "key")] = probe.Str(f.Value, "value")
		}
	}
	for _, q := range asked {
		if !strings.HasPrefix(q, "GET ") {
			t.Errorf("asked with another method: %s", q)
		}
	}
	return entrances, details, asked
}

func pages(m map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := m[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		head, rest, cut := strings.Cut(body, "\n--\n")
		status := 200
		if cut {
			for line := range strings.SplitSeq(head, "\n") {
				if n, err := strconv.Atoi(line); err == nil {
					status = n
				} else {
					k, v, _ := strings.Cut(line, ": ")
					w.Header().Add(k, v)
				}
			}
			body = rest
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

const apiScript = `const t=await fetch("/api/v2/login",{method:"POST",body:JSON.stringify({userName:u,passWord:p})})`

// Each kind of sign-in is found where it is, and none where there is none.
func TestEntrances(t *testing.T) {
	long := "/*" + strings.Repeat("x", 3*probe.MaxBytes) + "*/" + apiScript
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(apiScript))
	_ = z.Close()
	cases := map[string]struct {
		site map[string]string
		want []string
	}{
		"a form":                             {map[string]string{"/": `<a href="/in.html">go</a>`, "/in.html": `<form method=post action=/in><input name=u><input name=p type=password></form>`}, []string{"form /in.html"}},
		"a form by htmx":                     {map[string]string{"/": `<form hx-post="/in"><input name=u><input name=p type=password></form>`}, []string{"form /"}},
		"nothing":                            {map[string]string{"/": "<title>state</title>fine"}, nil},
		"basic":                              {map[string]string{"/": "401\nWWW-Authenticate: Basic realm=x\n--\nno"}, []string{"basic /"}},
		"digest":                             {map[string]string{"/": "401\nWWW-Authenticate: Digest realm=\"x, y\", nonce=\"1\"\n--\nno"}, []string{"digest /"}},
		"digest and basic":                   {map[string]string{"/": "401\nWWW-Authenticate: Digest realm=x, nonce=1\nWWW-Authenticate: Basic realm=x\n--\nno"}, []string{"digest /", "basic /"}},
		"a scheme that is not understood":    {map[string]string{"/": "401\nWWW-Authenticate: Bearer\n--\nno"}, []string{"other /"}},
		"a door without a sign":              {map[string]string{"/": "401\n--\nno"}, []string{"other /"}},
		"an API that the page's script asks": {map[string]string{"/": `<input type=password id=p><script>` + apiScript + `</script>`}, []string{"json /api/v2/login#userName,passWord"}},
		"an API that a file asks":            {map[string]string{"/": `<script src="/assets/main.js"></script><div id=app></div>`, "/assets/main.js": apiScript}, []string{"json /api/v2/login#userName,passWord"}},
		"an API deep in a long file":         {map[string]string{"/": `<script src="/assets/main.js"></script>`, "/assets/main.js": long}, []string{"json /api/v2/login#userName,passWord"}},
		"an API in a packed file":            {map[string]string{"/": `<script src="/assets/main.js"></script>`, "/assets/main.js": "Content-Encoding: gzip\n--\n" + packed.String()}, []string{"json /api/v2/login#userName,passWord"}},
		"an API that takes a password only":  {map[string]string{"/": `<script>post("/auth", {"pin": 1}); post("/auth", { password: f.value })</script>`}, []string{"json /auth#,password"}},
		"a form that a script sends":         {map[string]string{"/": `<form id=f><input name=u><input name=p type=password></form><script>` + apiScript + `</script>`}, []string{"json /api/v2/login#userName,passWord"}},
		"an API at a usual place":            {map[string]string{"/": "hello", "/api/login": "405\nAllow: POST\n--\n"}, []string{"json /api/login"}},
		"an API that a document names":       {map[string]string{"/": "Content-Type: application/json\n--\n" + `{"links":{"signIn":"/v1/session"}}`, "/v1/session": "400\nContent-Type: application/json\n--\n" + `{"error":"no body"}`}, []string{"json /v1/session"}},
		"a script that makes its own input":  {map[string]string{"/": `<script>e.type="password"</script>`}, []string{"other /"}},
		"a redirect to a form":               {map[string]string{"/": "302\nLocation: /Login.ASP\n--\n", "/Login.ASP": `<form method=post><input name=p type=password></form>`}, []string{"form /Login.ASP"}},
		"a page that leads on by itself":     {map[string]string{"/": `<meta http-equiv=refresh content="0; URL=/Start.htm">`, "/Start.htm": "401\nWWW-Authenticate: Basic realm=x\n--\n"}, nil},
	}
	for what, c := range cases {
		got, _, _ := look(t, pages(c.site))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
}

// An API that answers everything the same says nothing of where people sign in.
func TestSameEverywhere(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(401)
		_, _ = w.Write([]byte(`{"error":"sign in"}`))
	})
	if got, _, _ := look(t, h); !cmp.Equal(got, []string{"other /"}) {
		t.Errorf("%v", got)
	}
}

// What a server calls itself; where it sends people who come unencrypted.
func TestDetails(t *testing.T) {
	_, got, asked := look(t, pages(map[string]string{"/": "Server: box/1.2\n--\n<title>\n My &amp;\n Camera</title>"}))
	if d := cmp.Diff(map[string]string{"server": "box/1.2", "title": "My & Camera"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if len(asked) > 12 {
		t.Errorf("a page without a sign-in cost %d requests", len(asked))
	}
	_, got, asked = look(t, pages(map[string]string{"/": "301\nLocation: https://127.0.0.1/\n--\n"}))
	if got["redirect"] != "https" || len(asked) > 12 {
		t.Errorf("%v after %v", got, asked)
	}
}

// Links that do something are never followed; scripts are read whatever their name.
func TestHandsOff(t *testing.T) {
	_, _, asked := look(t, pages(map[string]string{"/": `<a href="/cgi/reboot">x</a><a href="/set?led=1">x</a><a href="/logout">x</a><script src="/assets/reset.js"></script><a href="/state">x</a>`}))
	got := strings.Join(asked, "\n")
	for _, bad := range []string{"reboot", "led=1", "logout"} {
		if strings.Contains(got, bad) {
			t.Errorf("followed %s:\n%s", bad, got)
		}
	}
	for _, good := range []string{"/assets/reset.js", "/state"} {
		if !strings.Contains(got, good) {
			t.Errorf("did not follow %s:\n%s", good, got)
		}
	}
}

// A site of endless pages costs a bounded number of requests.
func TestEndlessSite(t *testing.T) {
	n := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		_, _ = w.Write([]byte(`<a href="/p` + strconv.Itoa(n) + `">next</a><a href="/login` + strconv.Itoa(n) + `">in</a>`))
	})
	if _, _, asked := look(t, h); len(asked) > maxPages {
		t.Errorf("%d requests", len(asked))
	}
}

func FuzzSite(f *testing.F) {
	f.Add("/", []byte("HTTP/1.1 200 OK\r\n\r\n<script>"+apiScript+"</script>"), "/x.js", []byte("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"\r\n\r\n"))
	f.Add("/", []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":[\"/login\"]}"), "/api/login", []byte("HTTP/1.1 405 x\r\n\r\n"))
	f.Fuzz(func(t *testing.T, p1 string, b1 []byte, p2 string, b2 []byte) {
		s := newSite()
		sent := Request{Method: "GET"}.Bytes("h")
		s.note(probe.Record{Event: "page", Item: p1, Sent: sent, Recv: b1})
		s.note(probe.Record{Event: "page", Item: p2, Sent: sent, Recv: b2})
		s.note(probe.Record{Event: "excerpt", Item: p2, Recv: b1})
		for _, e := range s.entrances() {
			if e.kind == "" || e.path == "" && p1 != "" && p2 != "" {
				t.Errorf("%+v", e)
			}
		}
		for range 500 {
			if s.next() == "" {
				return
			}
			s.seen[s.queueHead()] = Answer{}
		}
	})
}

func (s *site) queueHead() string {
	if len(s.queue) > 0 {
		return s.queue[0]
	}
	return "/"
}
