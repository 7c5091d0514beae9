package bed

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Frame is one Ethernet frame as the wire saw it. Addresses are invalid and
// numbers 0 where the frame has none.
type Frame struct {
	At       time.Time
	Len      int
	From, To net.HardwareAddr
	Kind     string // "arp", "ip4", "ip6", "other"
	Src, Dst netip.Addr
	Proto    int // of IP
	SrcPort  int
	DstPort  int
	ICMP     int        // type; -1 when it is none
	About    netip.Addr // whom an ARP or neighbour solicitation asks for
	Flags    byte       // of TCP
	Over     bool       // the device took it not: beyond Profile.Rate
}

func (f Frame) String() string {
	return fmt.Sprintf("%s %s:%d > %s:%d proto %d icmp %d about %s to %s", f.Kind, f.Src, f.SrcPort, f.Dst, f.DstPort, f.Proto, f.ICMP, f.About, f.To)
}

// parse reads what a frame says; it never panics.
func parse(b []byte) Frame {
	f := Frame{Len: len(b), Kind: "other", ICMP: -1}
	if len(b) < 14 {
		return f
	}
	f.To, f.From = append(net.HardwareAddr{}, b[:6]...), append(net.HardwareAddr{}, b[6:12]...)
	kind, b := binary.BigEndian.Uint16(b[12:]), b[14:]
	switch {
	case kind == 0x0806 && len(b) >= 28:
		f.Kind = "arp"
		f.Src, f.About = netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	case kind == 0x0800 && len(b) >= 20:
		f.Kind, f.Proto = "ip4", int(b[9])
		f.Src, f.Dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		if n := int(b[0]&15) * 4; n >= 20 && n <= len(b) && binary.BigEndian.Uint16(b[6:])&0x1fff == 0 {
			f.transport(b[n:])
		}
	case kind == 0x86dd && len(b) >= 40:
		f.Kind, f.Proto = "ip6", int(b[6])
		f.Src, f.Dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		b = b[40:]
		if f.Proto == 0 && len(b) >= 8 { // hop-by-hop, as multicast listener reports have
			if n := 8 + 8*int(b[1]); n <= len(b) {
				f.Proto, b = int(b[0]), b[n:]
			}
		}
		f.transport(b)
	}
	return f
}

func (f *Frame) transport(b []byte) {
	switch {
	case (f.Proto == 6 || f.Proto == 17) && len(b) >= 4:
		f.SrcPort, f.DstPort = int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
		if f.Proto == 6 && len(b) >= 14 {
			f.Flags = b[13]
		}
	case (f.Proto == 1 || f.Proto == 58) && len(b) >= 1:
		f.ICMP = int(b[0])
		if f.Proto == 58 && (f.ICMP == 135 || f.ICMP == 136) && len(b) >= 24 {
			f.About = netip.AddrFrom16([16]byte(b[8:24]))
		}
	}
}

// housekeeping are frames that the tester's kernel sends by itself: multicast
// listener reports and router solicitations of IPv6.
func (f Frame) housekeeping() bool {
	return f.Proto == 58 && (f.ICMP == 131 || f.ICMP == 132 || f.ICMP == 143 || f.ICMP == 133)
}

// strays returns the frames that went to anybody but the targets: neither to
// their addresses nor to ask for their hardware addresses. What allow accepts is
// no stray either; nil accepts nothing.
func strays(sent []Frame, targets []netip.Addr, allow func(Frame) bool) []Frame {
	var out []Frame
	for _, f := range sent {
		ok := f.housekeeping() || allow != nil && allow(f)
		for _, a := range targets {
			ok = ok || f.Dst == a || f.About == a
		}
		if !ok {
			out = append(out, f)
		}
	}
	return out
}

// OnBench accepts the frames of a tester that is the network of the device: DHCP
// replies, router advertisements, and those for the addresses that it gave out.
func OnBench(lease netip.Addr, net6 netip.Prefix) func(Frame) bool {
	return func(f Frame) bool {
		return f.Proto == 17 && f.SrcPort == 67 && f.DstPort == 68 || f.ICMP == 134 || f.ICMP == 136 || f.Dst == lease || f.About == lease ||
			net6.Contains(f.Dst) || net6.Contains(f.About) || f.Dst.IsLinkLocalUnicast() || f.About.IsLinkLocalUnicast() ||
			f.Kind == "arp" && f.Src == f.About || f.Kind == "arp" && f.About.IsUnspecified()
	}
}

// shiftTimestamps moves the TCP timestamps of a frame from the device (fromDevice)
// or to it by so many ticks, so that they count from the device's start.
func shiftTimestamps(b []byte, ticks uint32, fromDevice bool) {
	if len(b) < 14 {
		return
	}
	kind, ip := binary.BigEndian.Uint16(b[12:]), b[14:]
	var tcp []byte
	switch {
	case kind == 0x0800 && len(ip) >= 20 && ip[9] == 6:
		if n := int(ip[0]&15) * 4; n >= 20 && n <= len(ip) && binary.BigEndian.Uint16(ip[6:])&0x1fff == 0 {
			tcp = ip[n:]
		}
	case kind == 0x86dd && len(ip) >= 40 && ip[6] == 6:
		tcp = ip[40:]
	}
	if len(tcp) < 20 || int(tcp[12]>>4)*4 > len(tcp) || tcp[13]&4 != 0 {
		return
	}
	end := int(tcp[12]>>4) * 4
	for i := 20; i < end; {
		switch tcp[i] {
		case 0:
			return
		case 1:
			i++
			continue
		}
		if i+1 >= end || tcp[i+1] < 2 || i+int(tcp[i+1]) > end {
			return
		}
		if tcp[i] == 8 && tcp[i+1] == 10 {
			at := i + 2
			if !fromDevice {
				at, ticks = i+6, -ticks
				if tcp[13]&16 == 0 { // without ACK there is nothing echoed
					return
				}
			}
			lo, hi := at&^1, min((at+5)&^1, len(tcp)&^1) // whole 16-bit words around the field
			sum := uint32(^binary.BigEndian.Uint16(tcp[16:]))
			for j := lo; j < hi; j += 2 {
				sum += uint32(^binary.BigEndian.Uint16(tcp[j:]))
			}
			binary.BigEndian.PutUint32(tcp[at:], binary.BigEndian.Uint32(tcp[at:])-ticks)
			for j := lo; j < hi; j += 2 {
				sum += uint32(binary.BigEndian.Uint16(tcp[j:]))
			}
			for sum > 0xffff {
				sum = sum>>16 + sum&0xffff
			}
			binary.BigEndian.PutUint16(tcp[16:], ^uint16(sum))
			return
		}
		i += int(tcp[i+1])
	}
}
