package bench

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"time"
)

// maxOthers bounds the further devices that are remembered.
const maxOthers = 64

// server answers frames of the bench link: DHCP for one device, router
// solicitations for it. It knows no sockets; the time comes from outside.
type server struct {
	mac    net.HardwareAddr // ours
	us     netip.Addr
	bits   int
	lease  netip.Addr
	local  netip.Addr   // our link-local address; invalid = no IPv6
	prefix netip.Prefix // announced

	device  Device
	bound   bool      // the device has its lease
	since   time.Time // of the latest address
	asked   bool      // somebody asked for an IPv4 address
	offered net.HardwareAddr
	static  netip.Addr // somebody speaks from a foreign address and asks for none
	others  []net.HardwareAddr
	events  []Event
}

func (s *server) event(kind string, a netip.Addr, mac net.HardwareAddr) {
	e := Event{Kind: kind, MAC: mac.String(), Host: s.device.Host}
	if a.IsValid() {
		e.Addr = a.String()
	}
	s.events = append(s.events, e)
}

// ready reports whether the device has had its address for long enough. One that
// takes an IPv6 address and asks for no IPv4 address is waited for a while longer.
func (s *server) ready(now time.Time, settle time.Duration) bool {
	switch {
	case s.bound:
	case s.device.Addr6.IsValid() && !s.asked:
		settle *= 2
	default:
		return false
	}
	return now.Sub(s.since) >= settle
}

// frame answers one frame; it never panics.
func (s *server) frame(now time.Time, b []byte) [][]byte {
	if len(b) < 14 {
		return nil
	}
	from := net.HardwareAddr(bytes.Clone(b[6:12]))
	if bytes.Equal(from, s.mac) || from[0]&1 != 0 {
		return nil
	}
	kind, p := binary.BigEndian.Uint16(b[12:]), b[14:]
	switch {
	case kind == 0x0806 && len(p) >= 28 && binary.BigEndian.Uint16(p[2:]) == 0x0800:
		s.speaks4(now, from, netip.AddrFrom4([4]byte(p[14:18])))
	case kind == 0x0800 && len(p) >= 20:
		n, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
		if p[0]>>4 != 4 || n < 20 || total < n || total > len(p) {
			return nil
		}
		s.speaks4(now, from, netip.AddrFrom4([4]byte(p[12:16])))
		if u := p[n:total]; p[9] == 17 && len(u) >= 8 && binary.BigEndian.Uint16(u) == 68 && binary.BigEndian.Uint16(u[2:]) == 67 && binary.BigEndian.Uint16(p[6:])&0x3fff == 0 {
			return s.dhcp(now, from, u[8:])
		}
	case kind == 0x86dd && len(p) >= 40 && p[0]>>4 == 6:
		return s.ipv6(now, from, p)
	}
	return nil
}

// speaks4 notices a device that still has its lease of an earlier bench, and
// devices that have an address of their own.
func (s *server) speaks4(now time.Time, from net.HardwareAddr, a netip.Addr) {
	if a == s.lease && !s.bound && (s.device.MAC == nil || bytes.Equal(s.device.MAC, from)) {
		s.device.MAC, s.device.Addr4, s.bound, s.since = from, a, true, now
		s.event("leased", a, from)
	}
	if a.IsUnspecified() || a == s.lease || a == s.us || a.IsLinkLocalUnicast() || a.IsMulticast() || s.bound || s.static == a {
		return
	}
	s.static = a
	s.event("static", a, from)
}

func (s *server) dhcp(now time.Time, from net.HardwareAddr, b []byte) [][]byte {
	q, ok := parseDHCP(b)
	if !ok {
		return nil
	}
	client := net.HardwareAddr(bytes.Clone(q.head[28:34]))
	if s.device.MAC != nil && !bytes.Equal(client, s.device.MAC) {
		s.other(client)
		return nil
	}
	s.asked = true
	switch q.kind {
	case discover:
		if !bytes.Equal(s.offered, client) {
			s.offered = client
			s.event("asked", netip.Addr{}, client)
		}
		return s.send(q, from, offer)
	case request:
		if q.server.IsValid() && q.server != s.us {
			return nil // it takes another server's offer
		}
		want := q.requested
		if !want.IsValid() {
			want = q.ciaddr
		}
		if want != s.lease {
			return s.send(q, from, nak) // of another network, or of an earlier bench
		}
		if !s.bound || q.host != s.device.Host {
			first := !s.bound
			s.device.MAC, s.device.Addr4, s.device.Host, s.bound = client, s.lease, q.host, true
			if first {
				s.since = now
				s.event("leased", s.lease, client)
			}
		}
		return s.send(q, from, ack)
	case decline:
		// Somebody has the address already: the next one.
		if next := s.lease.Next(); next.As4()[3] < 250 {
			s.lease, s.bound, s.device.Addr4 = next, false, netip.Addr{}
		}
	case inform:
		return s.send(q, from, ack)
	}
	return nil
}

// send addresses a reply as RFC 2131, 4.1 says.
func (s *server) send(q query, to net.HardwareAddr, kind byte) [][]byte {
	dst := s.lease
	switch {
	case kind == nak || q.ciaddr.IsUnspecified() && q.head[10]&0x80 != 0:
		to, dst = broadcast, netip.AddrFrom4([4]byte{255, 255, 255, 255})
	case !q.ciaddr.IsUnspecified():
		dst = q.ciaddr
	}
	you := s.lease
	if q.kind == inform {
		you = netip.Addr{}
	}
	return [][]byte{ethernet(to, s.mac, 0x0800, datagram4(s.us, dst, 67, 68, q.reply(kind, you, s.us, s.bits)))}
}

func (s *server) other(mac net.HardwareAddr) {
	if len(s.others) < maxOthers && !slices.ContainsFunc(s.others, func(m net.HardwareAddr) bool { return bytes.Equal(m, mac) }) {
		s.others = append(s.others, mac)
		s.event("other", netip.Addr{}, mac)
	}
}

func (s *server) ipv6(now time.Time, from net.HardwareAddr, p []byte) [][]byte {
	if !s.local.IsValid() || s.device.MAC != nil && !bytes.Equal(from, s.device.MAC) {
		return nil
	}
	src := netip.AddrFrom16([16]byte(p[8:24]))
	switch {
	case s.prefix.Contains(src):
		if s.device.Addr6 != src {
			first := !s.device.Addr6.IsValid()
			s.device.MAC, s.device.Addr6 = from, src
			if first {
				s.since = now
			}
			s.event("ipv6", src, from)
		}
	case src.IsLinkLocalUnicast():
		s.device.Local = src
	}
	if p[6] == 58 && p[7] == 255 && len(p) >= 48 && p[40] == 133 {
		return s.advertise()
	}
	return nil
}

// remind asks for the holder of the lease, who may have it from an earlier bench.
func (s *server) remind() [][]byte {
	if s.bound {
		return nil
	}
	us, whom := s.us.As4(), s.lease.As4()
	b := append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, s.mac...)
	b = append(append(b, us[:]...), 0, 0, 0, 0, 0, 0)
	return [][]byte{ethernet(broadcast, s.mac, 0x0806, append(b, whom[:]...))}
}

// advertise announces us as router and the prefix of the link (RFC 4861, 4.2).
func (s *server) advertise() [][]byte {
	if !s.local.IsValid() {
		return nil
	}
	m := make([]byte, 16, 96)
	m[0], m[4] = 134, 64                    // hop limit for the device to use
	binary.BigEndian.PutUint16(m[6:], 1800) // router for so many seconds
	m = append(m, 1, 1)                     // our hardware address
	m = append(m, s.mac...)
	m = append(m, 3, 4, byte(s.prefix.Bits()), 0xc0) // on-link, for own addresses
	m = binary.BigEndian.AppendUint32(m, leaseSeconds)
	m = binary.BigEndian.AppendUint32(m, leaseSeconds)
	m = append(m, 0, 0, 0, 0)
	a := s.prefix.Addr().As16()
	m = append(m, a[:]...)
	m = append(m, 25, 3, 0, 0) // name server (RFC 8106)
	m = binary.BigEndian.AppendUint32(m, 1800)
	us := s.prefix.Addr().Next().As16()
	m = append(m, us[:]...)
	all := netip.MustParseAddr("ff02::1")
	return [][]byte{ethernet(net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, s.mac, 0x86dd, icmp6(s.local, all, m))}
}
