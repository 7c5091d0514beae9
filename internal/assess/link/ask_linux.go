package link

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Ask asks everybody on the link who has an address, so that the kernel learns
// anew whom it belongs to; by itself it asks only every half minute. Without the
// privilege nothing is sent and the kernel's own pace has to do.
func Ask(a netip.Addr) {
	if a = a.Unmap(); a.Is6() {
		solicit(a)
		return
	}
	all, err := Interfaces()
	if err != nil {
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
		arp := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ARP)) // network byte order
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

// solicit sends a neighbour solicitation (RFC 4861, 4.3) to the multicast group that
// whoever has the address listens to. The kernel takes the answer for one to itself.
func solicit(a netip.Addr) {
	dev := behind(a)
	if dev == nil || len(dev.HardwareAddr) != 6 {
		return
	}
	s, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(s) }()
	// Nobody takes one that could have come through a router.
	if unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255) != nil {
		return
	}
	whom := a.As16()
	q := append(append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, whom[:]...), 1, 1) // the kernel fills in the checksum
	q = append(q, dev.HardwareAddr...)
	group := [16]byte{0xff, 2, 11: 1, 12: 0xff, 13: whom[13], 14: whom[14], 15: whom[15]}
	_ = unix.Sendto(s, q, 0, &unix.SockaddrInet6{Addr: group, ZoneId: uint32(dev.Index)})
}

// behind is the interface whose link an IPv6 address is on, nil when there is none.
func behind(a netip.Addr) *net.Interface {
	if z := a.Zone(); z != "" {
		dev, _ := net.InterfaceByName(z)
		return dev
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, dev := range all {
		addrs, _ := dev.Addrs()
		for _, x := range addrs {
			if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr().Is6() && !p.Addr().IsLinkLocalUnicast() && p.Masked().Contains(a) {
				return &dev
			}
		}
	}
	return nil
}
