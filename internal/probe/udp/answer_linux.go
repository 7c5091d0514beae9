package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// answerFor makes this host answer on the link for further addresses, so that the
// target can send to them: ARP for IPv4, neighbour discovery for IPv6. It answers
// the target's questions only, nobody else's.
func answerFor(local, target netip.Addr, senders []netip.Addr) (end func(), err error) {
	ifi, err := interfaceOf(local)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	kind := uint16(unix.ETH_P_ARP)
	if local.Is6() {
		kind = unix.ETH_P_IPV6
	}
	proto := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, kind)) // network byte order
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		// Solicitations go to multicast addresses of the senders, which no socket joined.
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_ALLMULTI}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: ifi.Index})); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 2048)
		for {
			select {
			case <-stop:
				return
			default:
			}
			n, err := unix.Read(fd, buf)
			if err != nil {
				if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) {
					continue
				}
				return
			}
			if f := answerFrame(buf[:n], ifi.HardwareAddr, target, senders); f != nil {
				_, _ = unix.Write(fd, f)
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(stop)
		<-ended
		_ = unix.Close(fd)
	}), nil
}

func interfaceOf(local netip.Addr) (*net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr() == local && len(i.HardwareAddr) == 6 {
				return &i, nil
			}
		}
	}
	return nil, fmt.Errorf("udp: no Ethernet interface has the address %s", local)
}

// answerFrame answers a question of the target for the hardware address of a
// sender; nil for any other frame. It never panics.
func answerFrame(b []byte, mac net.HardwareAddr, target netip.Addr, senders []netip.Addr) []byte {
	if len(b) < 42 {
		return nil
	}
	out := append(append(bytes.Clone(b[6:12]), mac...), b[12:14]...)
	p := b[14:]
	switch binary.BigEndian.Uint16(b[12:]) {
	case unix.ETH_P_ARP:
		// A request over Ethernet for an IPv4 address.
		if !bytes.Equal(p[:8], []byte{0, 1, 8, 0, 6, 4, 0, 1}) || netip.AddrFrom4([4]byte(p[14:18])) != target {
			return nil
		}
		if !slices.Contains(senders, netip.AddrFrom4([4]byte(p[24:28]))) {
			return nil
		}
		out = append(out, 0, 1, 8, 0, 6, 4, 0, 2)
		out = append(append(out, mac...), p[24:28]...)
		return append(out, p[8:18]...)
	case unix.ETH_P_IPV6:
		// Neighbour solicitation, hop limit 255, from the target.
		if len(p) < 64 || p[6] != unix.IPPROTO_ICMPV6 || p[7] != 255 || p[40] != 135 {
			return nil
		}
		src, about := netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[48:64]))
		if src.IsUnspecified() || src != target && !src.IsLinkLocalUnicast() || !slices.Contains(senders, about) {
			return nil
		}
		m := append([]byte{136, 0, 0, 0, 0x60, 0, 0, 0}, p[48:64]...) // solicited, override
		m = append(append(m, 2, 1), mac...)
		ip := append([]byte{0x60, 0, 0, 0, 0, byte(len(m)), unix.IPPROTO_ICMPV6, 255}, p[48:64]...)
		ip = append(ip, p[8:24]...)
		sum := uint32(unix.IPPROTO_ICMPV6) + uint32(len(m))
		for _, part := range [][]byte{ip[8:], m} {
			for i := 0; i+1 < len(part); i += 2 {
				sum += uint32(binary.BigEndian.Uint16(part[i:]))
			}
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		binary.BigEndian.PutUint16(m[2:], ^uint16(sum))
		return append(append(out, ip...), m...)
	}
	return nil
}
