package link

import (
	"testing"

	"golang.org/x/sys/unix"
)

// What a kernel tells is read; anything else neither panics nor gives nonsense.
func FuzzNeighbours(f *testing.F) {
	f.Add([]byte("\x4c\x00\x00\x00\x1c\x00\x02\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x01" +
		"\x08\x00\x01\x00\xc0\xa8\x01\x14\x0a\x00\x02\x00\x02\x00\x5e\x10\x00\x01\x00\x00\x08\x00\x04\x00\x00\x00\x00\x00\x14\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseNeighbours(b)
		if err != nil {
			return
		}
		for _, n := range all {
			if !n.Addr.IsValid() || len(n.MAC) != 6 {
				t.Errorf("%+v", n)
			}
		}
	})
}

func TestNeighbours(t *testing.T) {
	all, err := parseNeighbours([]byte("\x34\x00\x00\x00\x1c\x00\x02\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x01" +
		"\x08\x00\x01\x00\xc0\xa8\x01\x14\x0a\x00\x02\x00\x02\x00\x5e\x10\x00\x01\x00\x00\x08\x00\x04\x00\x00\x00\x00\x00")[:52])
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	n := all[0]
	if n.Addr.String() != "192.168.1.20" || n.MAC.String() != "02:00:5e:10:00:01" || n.Index != 2 || !n.Fresh || unix.NUD_REACHABLE != 2 {
		t.Errorf("%+v", n)
	}
	if _, err := neighbours(); err != nil {
		t.Errorf("the kernel of this host: %v", err)
	}
}
