package identity

import (
	"testing"
	"time"
)

func TestCompare(t *testing.T) {
	mac := func(v string) Mark { return Mark{Kind: MAC, Value: v} }
	key := func(kind, port, v string) Mark { return Mark{kind, port, v} }
	for _, c := range []struct {
		what        string
		before, now []Mark
		want        Answer
	}{
		{"nothing known", nil, []Mark{mac("a")}, Unknown},
		{"nothing seen now", []Mark{mac("a")}, nil, Unknown},
		{"other ports only", []Mark{key(TLS, "tcp/443", "k")}, []Mark{key(TLS, "tcp/8443", "k")}, Unknown},
		{"same", []Mark{mac("a"), key(TLS, "tcp/443", "k")}, []Mark{mac("a"), key(TLS, "tcp/443", "k")}, Same},
		{"host moved", []Mark{{Way, "", "link"}, mac("a")}, []Mark{{Way, "", "route"}}, Another},
		{"same way only", []Mark{{Way, "", "link"}, mac("a")}, []Mark{{Way, "", "link"}}, Unknown},
		{"same way, other hardware", []Mark{{Way, "", "link"}, mac("a")}, []Mark{{Way, "", "link"}, mac("b")}, Another},
		{"other hardware, same key", []Mark{mac("a"), key(TLS, "tcp/443", "k")}, []Mark{mac("b"), key(TLS, "tcp/443", "k")}, Another},
		{"same hardware, new key", []Mark{mac("a"), key(TLS, "tcp/443", "k")}, []Mark{mac("a"), key(TLS, "tcp/443", "l")}, Renewed},
		{"routed, new key", []Mark{key(TLS, "tcp/443", "k")}, []Mark{key(TLS, "tcp/443", "l")}, Another},
		{"routed, one of two keys new", []Mark{key(TLS, "tcp/443", "k"), key(SSH, "tcp/22", "s")}, []Mark{key(TLS, "tcp/443", "l"), key(SSH, "tcp/22", "s")}, Renewed},
		{"routed, all keys new", []Mark{key(TLS, "tcp/443", "k"), key(SSH, "tcp/22", "s")}, []Mark{key(TLS, "tcp/443", "l"), key(SSH, "tcp/22", "z")}, Another},
	} {
		if got := Compare(c.before, c.now); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestParseUptime(t *testing.T) {
	answer := "\x30\x2b\x02\x01\x01\x04\x06public\xa2\x1e\x02\x04\x48\x6f\x73\x69\x02\x01\x00\x02\x01\x00\x30\x10\x30\x0e\x06\x08\x2b\x06\x01\x02\x01\x01\x03\x00\x43\x02\x01\x00"
	if d, ok := parseUptime([]byte(answer)); !ok || d != 2560*time.Millisecond {
		t.Errorf("%v %v", d, ok)
	}
}

func FuzzParseUptime(f *testing.F) {
	f.Add([]byte("\x06\x08\x2b\x06\x01\x02\x01\x01\x03\x00\x43\x02\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, ok := parseUptime(b); ok && d < 0 {
			t.Errorf("%v", d)
		}
	})
}
