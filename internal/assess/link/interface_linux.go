package link

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
)

// kind asks the kernel what stands behind an interface.
func kind(name string) Kind {
	base := "/sys/class/net/" + name + "/"
	for _, p := range []string{"wireless", "phy80211"} {
		if _, err := os.Stat(base + p); err == nil {
			return Wireless
		}
	}
	if _, err := os.Stat(base + "device"); err == nil {
		return Wired
	}
	return Virtual
}

// Gateway returns the default gateway on an interface, if it has one.
func Gateway(name string) (netip.Addr, bool) {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return netip.Addr{}, false
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		w := strings.Fields(in.Text())
		if len(w) < 8 || w[0] != name || w[1] != "00000000" || w[2] == "00000000" {
			continue
		}
		b, err := hex.DecodeString(w[2])
		if err == nil && len(b) == 4 {
			var a [4]byte
			binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
			return netip.AddrFrom4(a), true
		}
	}
	return netip.Addr{}, false
}
