// Package wire sends and receives raw packets to and from the one target.
//
// The destination of whatever is sent is the target's address, given once with
// the probe.Net that a Wire is opened on; no function takes one. The source is
// the address that the system uses towards the target, or one of the senders
// that the run may use. Linux only: raw IP sockets send, so the system's routes,
// neighbours and any kind of link work, and a packet socket with a filter for
// the target's address receives. Elsewhere, and without the privilege, Open
// returns ErrNotAllowed and callers make complete connections instead.
package wire

import (
	"errors"
	"net/netip"
	"time"
)

// ErrNotAllowed says that the system gives no raw sockets: another system than
// Linux, no CAP_NET_RAW, or a network given from outside.
var ErrNotAllowed = errors.New("wire: raw packets are not allowed here")

// ErrSource says that a packet was to leave with an address that is neither the
// host's own nor one of the run's senders.
var ErrSource = errors.New("wire: not a source address of this run")

// Kind tells what a received packet is.
type Kind uint8

// The kinds of packets that are told apart; all others are dropped.
const (
	SYNACK      Kind = iota + 1 // TCP: the port is open
	RST                         // TCP: the port is closed
	UDP                         // a datagram
	Unreachable                 // ICMP: destination unreachable, in answer to the packet quoted
)

// IP protocol numbers, as in Quoted.Proto.
const (
	ProtoICMP   = 1
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoICMPv6 = 58
)

// MaxPayload is the longest datagram that Wire.UDP sends; it fits every link.
const MaxPayload = 1200

// Packet is one received packet. Checksums are not looked at: the system drops
// wrong ones where it can tell, and on virtual links they are not filled in.
type Packet struct {
	At               time.Time
	Kind             Kind
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16 // TCP and UDP
	Seq, Ack         uint32 // TCP
	TSval            uint32 // TCP timestamp of the sender
	HasTS            bool
	TTL              uint8
	Type, Code       uint8  // ICMP, in the numbers of its IP version
	Quoted           Quoted // Unreachable
	Data             []byte // UDP: the payload
}

// Quoted is the packet that an ICMP error answers, as far as it is quoted.
type Quoted struct {
	Proto            uint8
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Seq              uint32 // TCP
}

// PortUnreachable reports whether the packet is an ICMP port unreachable.
func (p Packet) PortUnreachable() bool {
	if p.Kind != Unreachable {
		return false
	}
	if p.Src.Is4() {
		return p.Type == 3 && p.Code == 3
	}
	return p.Type == 1 && p.Code == 4
}

// Prohibited reports whether the packet is an ICMP error by which a firewall
// says that it lets nothing through.
func (p Packet) Prohibited() bool {
	if p.Kind != Unreachable {
		return false
	}
	if p.Src.Is4() {
		return p.Type == 3 && (p.Code == 9 || p.Code == 10 || p.Code == 13)
	}
	return p.Type == 1 && (p.Code == 1 || p.Code == 5 || p.Code == 6)
}
