package link

import (
	"net/netip"
	"testing"
)

func TestSearched(t *testing.T) {
	for _, c := range []struct {
		prefix, first, last string
		n                   int
	}{
		{"192.168.1.5/24", "192.168.1.1", "192.168.1.254", 253},
		{"192.168.1.1/30", "192.168.1.2", "192.168.1.2", 1},
		{"10.0.4.7/22", "10.0.4.1", "10.0.7.254", 1021},
		{"172.16.9.9/12", "172.16.9.0", "172.16.9.255", 255}, // of a large network the part around us
	} {
		got := Interface{Prefix: netip.MustParsePrefix(c.prefix)}.Searched()
		if len(got) != c.n || got[0].String() != c.first || got[len(got)-1].String() != c.last {
			t.Errorf("%s: %d addresses, %s to %s", c.prefix, len(got), got[0], got[len(got)-1])
		}
	}
}
