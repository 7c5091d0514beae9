package tcp

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/probe/sweep"
	"hoshi/internal/probe/wire"
)

// What packets answer: only those that belong to an attempt do.
func TestReadPackets(t *testing.T) {
	dev, us := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.1")
	s := &syn{target: dev, key: 0xabcd1234, from: []uint16{40000, 40001}}
	ack := 5 ^ s.key + 1
	unreachable := func(typ, code uint8, port uint16) wire.Packet {
		return wire.Packet{Kind: wire.Unreachable, Src: dev, Dst: us, Type: typ, Code: code,
			Quoted: wire.Quoted{Proto: wire.ProtoTCP, Src: us, Dst: dev, SrcPort: port, DstPort: 99, Seq: 5 ^ s.key}}
	}
	for _, c := range []struct {
		name string
		p    wire.Packet
		want sweep.Reply
		ok   bool
	}{
		{"open", wire.Packet{Kind: wire.SYNACK, Src: dev, SrcPort: 80, DstPort: 40001, Ack: ack, TSval: 7, HasTS: true}, sweep.Reply{Serial: 5, Port: 80, Answer: sweep.Open, Proof: "syn-ack", TSval: 7, HasTS: true}, true},
		{"closed", wire.Packet{Kind: wire.RST, Src: dev, SrcPort: 81, DstPort: 40001, Ack: ack}, sweep.Reply{Serial: 5, Port: 81, Answer: sweep.Closed, Proof: "rst"}, true},
		{"of another connection", wire.Packet{Kind: wire.RST, Src: dev, SrcPort: 81, DstPort: 50000, Ack: ack}, sweep.Reply{}, false},
		{"port unreachable", unreachable(3, 3, 40001), sweep.Reply{Serial: 5, Port: 99, Answer: sweep.Closed, Proof: "icmp-3-3"}, true},
		{"prohibited", unreachable(3, 13, 40001), sweep.Reply{Serial: 5, Port: 99, Answer: sweep.Filtered, Proof: "icmp-3-13"}, true},
		{"no such host", unreachable(3, 1, 40001), sweep.Reply{}, false},
		{"of another program", unreachable(3, 3, 50000), sweep.Reply{}, false},
		{"a datagram", wire.Packet{Kind: wire.UDP, Src: dev, SrcPort: 1, DstPort: 40001}, sweep.Reply{}, false},
	} {
		got, ok := s.read(c.p)
		if ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		} else if d := cmp.Diff(c.want, got); ok && d != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, d)
		}
	}
}
