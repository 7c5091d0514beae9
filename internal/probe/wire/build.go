package wire

import (
	"encoding/binary"
	"net/netip"
)

// Flags of a TCP header.
const (
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// header puts an IP header before a payload of n bytes into b and returns the
// bytes for header and payload. IPv4 leaves the id to the system.
func header(b []byte, src, dst netip.Addr, proto uint8, n int) (whole, payload []byte) {
	if src.Is4() {
		b = b[:20+n]
		clear(b)
		b[0], b[6], b[8], b[9] = 0x45, 0x40, 64, proto // do not fragment
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		s, d := src.As4(), dst.As4()
		copy(b[12:], s[:])
		copy(b[16:], d[:])
		binary.BigEndian.PutUint16(b[10:], ^fold(sum(0, b[:20])))
		return b, b[20:]
	}
	b = b[:40+n]
	clear(b)
	b[0], b[6], b[7] = 0x60, proto, 64
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	s, d := src.As16(), dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	return b, b[40:]
}

// tcp builds a TCP segment without data. tsval, when not nil, becomes a
// timestamp option; a SYN also says how long a segment may be.
func tcp(b []byte, src, dst netip.Addr, sport, dport uint16, flags uint8, seq, ack uint32, tsval *uint32) []byte {
	n := 20
	if flags&flagSYN != 0 {
		n += 4
	}
	if tsval != nil {
		n += 12
	}
	b, t := header(b, src, dst, ProtoTCP, n)
	binary.BigEndian.PutUint16(t[0:], sport)
	binary.BigEndian.PutUint16(t[2:], dport)
	binary.BigEndian.PutUint32(t[4:], seq)
	binary.BigEndian.PutUint32(t[8:], ack)
	t[12], t[13] = uint8(n/4)<<4, flags
	if flags&flagRST == 0 {
		binary.BigEndian.PutUint16(t[14:], 64240)
	}
	o := t[20:]
	if flags&flagSYN != 0 {
		o[0], o[1] = 2, 4
		binary.BigEndian.PutUint16(o[2:], 1460)
		o = o[4:]
	}
	if tsval != nil {
		o[0], o[1], o[2], o[3] = 1, 1, 8, 10
		binary.BigEndian.PutUint32(o[4:], *tsval)
	}
	binary.BigEndian.PutUint16(t[16:], transportSum(src, dst, ProtoTCP, t))
	return b
}

// udp builds a datagram.
func udp(b []byte, src, dst netip.Addr, sport, dport uint16, data []byte) []byte {
	b, u := header(b, src, dst, ProtoUDP, 8+len(data))
	binary.BigEndian.PutUint16(u[0:], sport)
	binary.BigEndian.PutUint16(u[2:], dport)
	binary.BigEndian.PutUint16(u[4:], uint16(len(u)))
	copy(u[8:], data)
	c := transportSum(src, dst, ProtoUDP, u)
	if c == 0 {
		c = 0xffff // RFC 768: zero says that there is none
	}
	binary.BigEndian.PutUint16(u[6:], c)
	return b
}

// transportSum is the checksum of a payload whose own checksum field is zero.
func transportSum(src, dst netip.Addr, proto uint8, t []byte) uint16 {
	var s uint32
	if src.Is4() {
		a, b := src.As4(), dst.As4()
		s = sum(sum(0, a[:]), b[:])
	} else {
		a, b := src.As16(), dst.As16()
		s = sum(sum(0, a[:]), b[:])
	}
	return ^fold(sum(s+uint32(proto)+uint32(len(t)), t))
}

func sum(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
