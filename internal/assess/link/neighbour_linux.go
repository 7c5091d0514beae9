package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// neighbours reads the neighbour tables of the kernel, IPv4 and IPv6. Entries
// without a hardware address are left out.
func neighbours() ([]neighbour, error) {
	b, err := syscall.NetlinkRIB(unix.RTM_GETNEIGH, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("link: neighbours: %w", err)
	}
	return parseNeighbours(b)
}

// parseNeighbours reads netlink messages: struct ndmsg, then attributes.
func parseNeighbours(b []byte) ([]neighbour, error) {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil, fmt.Errorf("link: neighbours: %w", err)
	}
	var out []neighbour
	for _, m := range msgs {
		if m.Header.Type != unix.RTM_NEWNEIGH || len(m.Data) < unix.SizeofNdMsg {
			continue
		}
		state := binary.NativeEndian.Uint16(m.Data[8:])
		n := neighbour{Index: int(int32(binary.NativeEndian.Uint32(m.Data[4:]))), Fresh: state&(unix.NUD_REACHABLE|unix.NUD_PERMANENT) != 0}
		for a := m.Data[unix.SizeofNdMsg:]; len(a) >= unix.SizeofRtAttr; {
			l := int(binary.NativeEndian.Uint16(a))
			if l < unix.SizeofRtAttr || l > len(a) {
				break
			}
			v := a[unix.SizeofRtAttr:l]
			switch binary.NativeEndian.Uint16(a[2:]) {
			case unix.NDA_DST:
				n.Addr, _ = netip.AddrFromSlice(v)
			case unix.NDA_LLADDR:
				n.MAC = net.HardwareAddr(append([]byte(nil), v...))
			}
			a = a[min(len(a), (l+3)&^3):]
		}
		if state&(unix.NUD_FAILED|unix.NUD_INCOMPLETE|unix.NUD_NOARP) == 0 && n.Addr.IsValid() && len(n.MAC) == 6 {
			out = append(out, n)
		}
	}
	return out, nil
}
