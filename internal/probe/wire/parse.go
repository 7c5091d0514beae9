package wire

import (
	"encoding/binary"
	"net/netip"
)

// Parse reads a packet that begins with its IP header. It is false for whatever
// is not one of the kinds: other protocols, fragments, packets cut short.
func Parse(b []byte) (Packet, bool) {
	ip, t, ok := network(b)
	if !ok {
		return Packet{}, false
	}
	p := Packet{Src: ip.src, Dst: ip.dst, TTL: ip.ttl}
	switch {
	case ip.proto == ProtoTCP:
		ok = p.tcp(t)
	case ip.proto == ProtoUDP:
		ok = p.udp(t)
	case ip.proto == ProtoICMP && p.Src.Is4(), ip.proto == ProtoICMPv6 && p.Src.Is6():
		ok = p.icmp(t)
	default:
		ok = false
	}
	return p, ok
}

type ipHeader struct {
	src, dst netip.Addr
	proto    uint8
	ttl      uint8
}

// network reads the IP header and returns what follows it, without padding of
// the link. IPv6 extension headers are walked, at most eight.
func network(b []byte) (h ipHeader, rest []byte, ok bool) {
	if len(b) < 20 {
		return h, nil, false
	}
	switch b[0] >> 4 {
	case 4:
		n, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
		if n < 20 || n > len(b) || total < n || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return h, nil, false
		}
		h = ipHeader{netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), b[9], b[8]}
		return h, b[n:min(total, len(b))], true
	case 6:
		if len(b) < 40 {
			return h, nil, false
		}
		h = ipHeader{netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40])), b[6], b[7]}
		rest = b[40:min(40+int(binary.BigEndian.Uint16(b[4:])), len(b))]
		for range 8 {
			switch h.proto {
			case 0, 43, 60: // hop-by-hop, routing, destination options
				if len(rest) < 8 || len(rest) < 8+8*int(rest[1]) {
					return h, nil, false
				}
				h.proto, rest = rest[0], rest[8+8*int(rest[1]):]
			case 44: // fragment
				if len(rest) < 8 || binary.BigEndian.Uint16(rest[2:])&0xfff8 != 0 {
					return h, nil, false
				}
				h.proto, rest = rest[0], rest[8:]
			default:
				return h, rest, true
			}
		}
	}
	return h, nil, false
}

func (p *Packet) tcp(t []byte) bool {
	if len(t) < 20 {
		return false
	}
	switch flags := t[13]; {
	case flags&flagRST != 0:
		p.Kind = RST
	case flags&(flagSYN|flagACK) == flagSYN|flagACK:
		p.Kind = SYNACK
	default:
		return false
	}
	p.SrcPort, p.DstPort = binary.BigEndian.Uint16(t[0:]), binary.BigEndian.Uint16(t[2:])
	p.Seq, p.Ack = binary.BigEndian.Uint32(t[4:]), binary.BigEndian.Uint32(t[8:])
	n := int(t[12]>>4) * 4
	if n < 20 || n > len(t) {
		return false
	}
	for o := t[20:n]; len(o) > 0; {
		switch {
		case o[0] == 0:
			return true
		case o[0] == 1:
			o = o[1:]
			continue
		case len(o) < 2 || o[1] < 2 || int(o[1]) > len(o):
			return true // options that make no sense: the header itself still does
		case o[0] == 8 && o[1] == 10:
			p.TSval, p.HasTS = binary.BigEndian.Uint32(o[2:]), true
		}
		o = o[o[1]:]
	}
	return true
}

func (p *Packet) udp(t []byte) bool {
	if len(t) < 8 {
		return false
	}
	p.Kind = UDP
	p.SrcPort, p.DstPort = binary.BigEndian.Uint16(t[0:]), binary.BigEndian.Uint16(t[2:])
	n := int(binary.BigEndian.Uint16(t[4:]))
	if n < 8 {
		return false
	}
	p.Data = t[8:min(n, len(t))]
	return true
}

func (p *Packet) icmp(t []byte) bool {
	if len(t) < 8 {
		return false
	}
	p.Type, p.Code = t[0], t[1]
	unreachable := uint8(3)
	if p.Src.Is6() {
		unreachable = 1
	}
	if p.Type != unreachable {
		return false
	}
	h, q, ok := network(t[8:])
	if !ok || h.src.Is4() != p.Src.Is4() || len(q) < 8 {
		return false
	}
	p.Kind = Unreachable
	p.Quoted = Quoted{Proto: h.proto, Src: h.src, Dst: h.dst}
	if h.proto == ProtoTCP || h.proto == ProtoUDP {
		p.Quoted.SrcPort, p.Quoted.DstPort = binary.BigEndian.Uint16(q[0:]), binary.BigEndian.Uint16(q[2:])
	}
	if h.proto == ProtoTCP {
		p.Quoted.Seq = binary.BigEndian.Uint32(q[4:])
	}
	return true
}
