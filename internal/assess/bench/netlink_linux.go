package bench

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// address adds an address to an interface (RTM_NEWADDR) or takes it off (RTM_DELADDR).
func address(kind uint16, index int, p netip.Prefix) error {
	family, flags := byte(unix.AF_INET), byte(0)
	if p.Addr().Is6() {
		family, flags = unix.AF_INET6, unix.IFA_F_NODAD
	}
	m := []byte{family, byte(p.Bits()), flags, unix.RT_SCOPE_UNIVERSE}
	m = binary.NativeEndian.AppendUint32(m, uint32(index))
	a := p.Addr().AsSlice()
	for _, t := range []uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS} {
		m = binary.NativeEndian.AppendUint16(m, uint16(4+len(a)))
		m = binary.NativeEndian.AppendUint16(m, t)
		m = append(m, a...)
	}
	if err := ask(kind, m); err != nil {
		return fmt.Errorf("address %s: %w", p, err)
	}
	return nil
}

// ask sends a netlink request to the kernel and waits for its answer. An address
// that is there already is no error.
func ask(kind uint16, body []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	flags := uint16(unix.NLM_F_REQUEST | unix.NLM_F_ACK)
	if kind == unix.RTM_NEWADDR {
		flags |= unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	}
	m := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = binary.NativeEndian.AppendUint16(m, flags)
	m = append(append(m, 1, 0, 0, 0, 0, 0, 0, 0), body...)
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return err
	}
	msgs, err := syscall.ParseNetlinkMessage(buf[:n])
	if err != nil {
		return err
	}
	for _, r := range msgs {
		if r.Header.Type == unix.NLMSG_ERROR && len(r.Data) >= 4 {
			if e := int32(binary.NativeEndian.Uint32(r.Data)); e != 0 && unix.Errno(-e) != unix.EEXIST {
				return unix.Errno(-e)
			}
			return nil
		}
	}
	return nil
}

// hasDefaultRoute reports whether a default route, IPv4 or IPv6, leads through an
// interface.
func hasDefaultRoute(index int) (bool, error) {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		b, err := syscall.NetlinkRIB(unix.RTM_GETROUTE, family)
		if err != nil {
			return false, err
		}
		msgs, err := syscall.ParseNetlinkMessage(b)
		if err != nil {
			return false, err
		}
		for _, m := range msgs {
			// struct rtmsg: family, bits of the destination, ...; type is at 7.
			if m.Header.Type != unix.RTM_NEWROUTE || len(m.Data) < unix.SizeofRtMsg || m.Data[1] != 0 || m.Data[7] != unix.RTN_UNICAST {
				continue
			}
			attrs, err := syscall.ParseNetlinkRouteAttr(&m)
			if err != nil {
				return false, err
			}
			for _, a := range attrs {
				if a.Attr.Type == unix.RTA_OIF && len(a.Value) >= 4 && int(binary.NativeEndian.Uint32(a.Value)) == index {
					return true, nil
				}
				// Several ways at once: the interface stands in each of them.
				if a.Attr.Type == unix.RTA_MULTIPATH && hopThrough(a.Value, index) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

func hopThrough(b []byte, index int) bool {
	for len(b) >= unix.SizeofRtNexthop {
		n := int(binary.NativeEndian.Uint16(b))
		if int(binary.NativeEndian.Uint32(b[4:])) == index {
			return true
		}
		if n < unix.SizeofRtNexthop || n > len(b) {
			return false
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return false
}

// setUp switches an interface on or off.
func setUp(name string, up bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, r); err != nil {
		return err
	}
	f := r.Uint16() &^ unix.IFF_UP
	if up {
		f |= unix.IFF_UP
	}
	r.SetUint16(f)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}
