package greeting

import "testing"

// A connection confirm that another protocol might send is not taken for RDP.
func TestRDP(t *testing.T) {
	cases := map[string]bool{
		"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x1f\x08\x00\x02\x00\x00\x00": true,
		"\x03\x00\x00\x0b\x06\xd0\x00\x00\x12\x34\x00":                                 true,
		"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01\x00\x00\x00": false,
		"\x03\x00\x00\x0c\x06\xd0\x00\x00\x12\x34\x00":                                 false,
		"": false,
	}
	for in, want := range cases {
		if _, ok := matchRDP([]byte(in)); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
}

// No two of the protocols claim the same greeting.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{"220 box ESMTP\r\n", "+OK\r\n", "* OK x\r\n", "RFB 003.008\n", "@RSYNCD: 31.0\n", "OK MPD 0.23\n", "ERROR\r\n", "CNXN0123456789abcdef"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var names []string
		for _, p := range Protocols {
			if _, ok := p.TCP.Match(b); ok {
				names = append(names, p.Name)
			}
		}
		if len(names) > 1 {
			t.Errorf("%q: %v", b, names)
		}
	})
}
