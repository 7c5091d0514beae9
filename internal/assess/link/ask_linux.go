package link

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Ask asks everybody on the link who has an IPv4 address, so that the kernel
// learns anew whom it belongs to; by itself it asks only every half minute. Without
// the privilege nothing is sent and the kernel's own pace has to do.
func Ask(a netip.Addr) {
	a = a.Unmap()
	all, err := Interfaces()
	if err != nil || !a.Is4() {
		return
	}
	for _, i := range all {
		if !i.Prefix.Masked().Contains(a) {
			continue
		}
		dev, err := net.InterfaceByIndex(i.Index)
		if err != nil || len(dev.HardwareAddr) != 6 {
			return
		}
		arp := uint16(unix.ETH_P_ARP>>8 | unix.ETH_P_ARP<<8&0xff00) // network order
		s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer func() { _ = unix.Close(s) }()
		own, whom := i.Prefix.Addr().As4(), a.As4()
		q := []byte{0, 1, 8, 0, 6, 4, 0, 1} // Ethernet, IPv4, request
		q = append(append(append(q, dev.HardwareAddr...), own[:]...), make([]byte, 6)...)
		to := &unix.SockaddrLinklayer{Protocol: arp, Ifindex: i.Index, Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255}}
		_ = unix.Sendto(s, append(q, whom[:]...), 0, to)
		return
	}
}
