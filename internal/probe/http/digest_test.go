package http

import (
	"strings"
	"testing"
)

// The examples of RFC 7616 3.9.1 and RFC 2617 3.5.
func TestDigestExamples(t *testing.T) {
	const offered = `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", ` +
		`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="x"`
	cases := map[string]struct {
		header, pass, cnonce, want string
	}{
		"SHA-256, offered beside MD5": {offered, "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		"MD5":                         {offered[strings.LastIndex(offered, "Digest"):], "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "8ca523f5e9506fed4657c9700eebdbec"},
		"RFC 2617":                    {`Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`, "Circle Of Life", "0a4f113b", "6629fae49393a05397450978507c4ef1"},
		"without qop":                 {`Basic realm="x", Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"`, "Circle Of Life", "", "670fd8c2df070c60b045671b8b24ff02"},
	}
	for name, c := range cases {
		ch, ok := DigestChallenge([]string{c.header})
		if !ok {
			t.Errorf("%s: no challenge", name)
			continue
		}
		if got := ch.Answer("GET", "/dir/index.html", "Mufasa", c.pass, c.cnonce, 1); !strings.Contains(got, `response="`+c.want+`"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, bad := range []string{"", "Basic realm=x", `Digest realm="x"`, `Digest nonce="1", algorithm=SHA-512-256`} {
		if c, ok := DigestChallenge([]string{bad}); ok {
			t.Errorf("%q: %v", bad, c)
		}
	}
}

func FuzzDigestChallenge(f *testing.F) {
	f.Add(`Digest realm="a\"b", nonce="1", qop="auth"`, "u\r\nX: y")
	f.Fuzz(func(t *testing.T, header, user string) {
		c, ok := DigestChallenge([]string{header})
		if !ok {
			return
		}
		if got := c.Answer("GET", "/", user, "p", "c", 1); strings.ContainsAny(got, "\r\n\x00") {
			t.Errorf("breaks out of its line: %q", got)
		}
	})
}
