package http

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSignInForm(t *testing.T) {
	cases := map[string]bool{
		`<form method=POST action="/in"><input type=text name=u><input type=password name=p></form>`: true,
		`<FORM><input type="Password" name="p">`:                                                     true,
		`<form><input type=password name=old><input type=password name=new></form>`:                  false,
		`<form><input type=password></form>`:                                                         false,
		`<input type=password name=p>`:                                                               false,
		`<form><input type=text name=q></form>`:                                                      false,
	}
	for src, want := range cases {
		if _, got := parsePage([]byte(src)).SignInForm(); got != want {
			t.Errorf("%s: %v", src, got)
		}
	}
	f, _ := parsePage([]byte(`<form><input type=hidden name=t value=x1><input name=user><input name=pw type=password><input type=submit name=go value=Go></form>`)).SignInForm()
	want := map[string][]string{"t": {"x1"}, "user": {"a"}, "pw": {"b"}, "go": {"Go"}}
	if d := cmp.Diff(want, map[string][]string(f.Fill("a", "b"))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A link never leads to another host, port or scheme.
func TestResolve(t *testing.T) {
	cases := []struct {
		base, link, want string
		ok               bool
	}{
		{"/a/b", "c?x=1", "/a/c?x=1", true},
		{"/", "http://192.0.2.7/login", "/login", true},
		{"/", "//192.0.2.7/x", "/x", true},
		{"/", "https://192.0.2.7/login", "", false},
		{"/", "http://192.0.2.7:8080/", "", false},
		{"/", "http://evil.example/", "", false},
		{"/", "javascript:alert(1)", "", false},
		{"/", "mailto:a@b", "", false},
		{"/x", "", "/x", true},
	}
	for _, c := range cases {
		got, ok := resolve(c.base, c.link, "192.0.2.7", false)
		if ok != c.ok || got != c.want {
			t.Errorf("%s + %s: %q %v", c.base, c.link, got, ok)
		}
	}
}

func TestActionsAreNotFollowed(t *testing.T) {
	for _, l := range []string{"/reboot", "/cgi-bin/factory_default", "/logout", "/x?cmd=delete", "/firmware/upgrade"} {
		if !action.MatchString(l) {
			t.Errorf("%s would be followed", l)
		}
	}
	for _, l := range []string{"/login", "/index.html", "/status"} {
		if action.MatchString(l) {
			t.Errorf("%s would not be followed", l)
		}
	}
}

// A path cannot smuggle a second line into a request.
func TestRequestLine(t *testing.T) {
	b := string(Request{Method: "GET", Path: "/a b\r\nX: y"}.Bytes("h"))
	if want := "GET /abX:y HTTP/1.1\r\n"; b[:len(want)] != want {
		t.Errorf("%q", b)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := ParseAnswer(b); a.RetryAfter < 0 || len(a.Body) > maxBody {
			t.Errorf("%+v", a)
		}
	})
}

func FuzzParsePage(f *testing.F) {
	f.Add([]byte(`<form action=/x><input type=password name=p value="1">`), "/base", "../y?z")
	f.Add([]byte(`<meta http-equiv=refresh content="0;url=/x"><a href=//e/>`), "", "//e")
	f.Fuzz(func(t *testing.T, b []byte, base, link string) {
		p := parsePage(b)
		for _, fo := range p.Forms {
			if len(fo.Fields) > 64 {
				t.Error("fields without a bound")
			}
			_ = fo.Fill("u", "p")
		}
		if to, ok := resolve(base, link, "h", true); ok && to == "" {
			t.Error("resolved to nothing")
		}
	})
}
