package probe

import (
	"net/netip"
	"testing"
)

func TestHost(t *testing.T) {
	cases := []struct {
		addr   string
		port   int
		secure bool
		want   string
	}{
		{"192.0.2.7", 80, false, "192.0.2.7"},
		{"192.0.2.7", 443, true, "192.0.2.7"},
		{"192.0.2.7", 443, false, "192.0.2.7:443"},
		{"::ffff:192.0.2.7", 8080, false, "192.0.2.7:8080"},
		{"2001:db8::7", 8443, true, "[2001:db8::7]:8443"},
		{"fe80::1%eth0", 80, false, "[fe80::1]"},
	}
	for _, c := range cases {
		if got := (&Target{Addr: netip.MustParseAddr(c.addr)}).Host(c.port, c.secure); got != c.want {
			t.Errorf("%s %d %v: %s", c.addr, c.port, c.secure, got)
		}
	}
}
