package probe

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSecretsAreMasked(t *testing.T) {
	const secret = `p@ss"wörd+1`
	r := NewRecorder(time.Now, nil)
	r.Secret("", secret)
	b64 := base64.StdEncoding.EncodeToString([]byte("admin:" + secret))
	got := r.Add(Record{Probe: "http", Event: "x", Detail: "said " + secret,
		Sent: []byte("POST / HTTP/1.1\r\nCookie: theme=x; sid=abc123\r\nAuthorization: Basic " + b64 + "\r\n\r\np=p%40ss%22w%C3%B6rd%2B1&j=p@ss\\\"wörd+1"),
		Recv: []byte("HTTP/1.1 200 OK\r\nSet-Cookie: sid=abc123; Path=/\r\nAuthentication-Info: rspauth=\"6629fae49393a053\", qop=auth\r\n\r\n" + secret + " and once-only"),
	}, "once-only")
	for _, b := range []string{string(got.Sent), string(got.Recv), got.Detail} {
		for _, bad := range []string{secret, "abc123", "6629fae49393a053", b64, "p%40ss", `ss\"w`, "once-only"} {
			if strings.Contains(b, bad) {
				t.Errorf("%q is left in %q", bad, b)
			}
		}
	}
	if !strings.Contains(string(got.Recv), "Set-Cookie: sid="+Mask+"; Path=/") {
		t.Errorf("a cookie is not masked as it should: %q", got.Recv)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	r := NewRecorder(time.Now, nil)
	got := r.Add(Record{Probe: "p", Event: "e", Recv: bytes.Repeat([]byte("x"), MaxBytes+1), Item: strings.Repeat("é", MaxText)})
	if len(got.Recv) != MaxBytes || !got.Cut || len(got.Item) > MaxText {
		t.Errorf("%d bytes, cut %v, item %d", len(got.Recv), got.Cut, len(got.Item))
	}
	for range MaxRecords + 5 {
		r.Add(Record{Probe: "q", Event: "e"})
	}
	if n := len(r.Records("q")); n != MaxRecords {
		t.Errorf("%d records", n)
	}
}

// What is written is read back the same.
func TestTranscriptRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []Record
		for i := range rapid.IntRange(0, 5).Draw(t, "n") {
			in = append(in, Record{At: rapid.Int64Range(0, 1e9).Draw(t, "at"), Probe: "p", Event: rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "event"),
				Detail: Clip(rapid.String().Draw(t, "detail")), Sent: rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "sent"), Line: i + 1})
		}
		b, err := WriteTranscript(in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := ReadTranscript("p", b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(in, out); d != "" {
			t.Errorf("-in +out:\n%s", d)
		}
	})
}

func TestRangesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.MapOf(rapid.IntRange(1, 65535), rapid.Just(true)).Draw(t, "ports")
		var in, out []int
		for p := 1; p <= 65535; p++ {
			if set[p] {
				in = append(in, p)
			}
		}
		if err := ParseRanges(Ranges(in), func(p int) { out = append(out, p) }); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(in, out); d != "" {
			t.Errorf("-in +out:\n%s", d)
		}
	})
}

func FuzzReadTranscript(f *testing.F) {
	f.Add([]byte(`{"at":1,"probe":"p","event":"open","ports":"1-5"}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rs, err := ReadTranscript("p", b)
		if err != nil {
			return
		}
		for i, r := range rs {
			if r.Probe != "p" || r.Line != i+1 {
				t.Errorf("record %d: %+v", i, r)
			}
		}
	})
}

func FuzzParseRanges(f *testing.F) {
	f.Add("1-21,24")
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		if err := ParseRanges(s, func(p int) {
			if p <= last || p > 65535 {
				t.Errorf("port %d after %d", p, last)
			}
			last = p
		}); err != nil {
			return
		}
	})
}
