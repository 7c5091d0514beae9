package ftp

import "testing"

func TestReplies(t *testing.T) {
	cases := []struct {
		in   string
		code int
		done bool
	}{
		{"220 ready\r\n", 220, true},
		{"220-hello\r\n", 220, false},
		{"220-hello\r\n220 ready\r\n", 220, true},
		{"530 no\r\n", 530, true},
		{"220 rea", 220, false},
		{"hello\r\n", 0, false},
		{"", 0, false},
		{"99\r\n", 0, false},
	}
	for _, c := range cases {
		if code, done := replyCode([]byte(c.in)), complete([]byte(c.in)); code != c.code || done != c.done {
			t.Errorf("%q: %d %v", c.in, code, done)
		}
	}
}

func FuzzCode(f *testing.F) {
	f.Add([]byte("220 x\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := replyCode(b); n != 0 && (n < 100 || n > 599) || complete(b) && n == 0 {
			t.Errorf("%q: %d", b, n)
		}
	})
}
