package wire

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	a4, b4 = netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.18.0.1")
	a6, b6 = netip.MustParseAddr("fe80::7"), netip.MustParseAddr("fe80::1")
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// whole checks the checksums of a packet in the way a receiver does: over the
// header, and over pseudo header and payload, the sum of all is 0xffff.
func whole(t interface{ Errorf(string, ...any) }, b []byte) {
	ip, rest, ok := network(b)
	if !ok {
		t.Errorf("no IP packet: %x", b)
		return
	}
	words := func(s uint64, b []byte) uint64 {
		for i, x := range b {
			if i%2 == 0 {
				s += uint64(x) << 8
			} else {
				s += uint64(x)
			}
		}
		return s
	}
	pseudo := append(ip.src.AsSlice(), ip.dst.AsSlice()...)
	s := words(words(uint64(ip.proto)+uint64(len(rest)), pseudo), rest)
	if ip.proto == ProtoICMP {
		s = words(0, rest)
	}
	if s%0xffff != 0 {
		t.Errorf("checksum of the payload is wrong: %x", b)
	}
	if ip.src.Is4() && words(0, b[:20])%0xffff != 0 {
		t.Errorf("checksum of the header is wrong: %x", b)
	}
}

// A SYN as Linux builds it (captured on a virtual link) parses back, and ours is
// the same but for what the system chooses.
func TestSYNBytes(t *testing.T) {
	ts := uint32(0x01020304)
	got := tcp(make([]byte, 100), b4, a4, 40000, 80, flagSYN, 0xdeadbeef, 0, &ts)
	want := unhex("45000038000040004006" + "b6a9" + "c6120001c0000207" + "9c400050deadbeef00000000" + "9002faf0" + "f5db" + "0000" + "020405b4" + "0101080a0102030400000000")
	whole(t, got)
	// Checksums are verified above; blank them to compare the rest.
	for _, b := range [][]byte{got, want} {
		copy(b[10:12], []byte{0, 0})
		copy(b[36:38], []byte{0, 0})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestParse(t *testing.T) {
	quoted4 := tcp(make([]byte, 100), b4, a4, 40000, 8080, flagSYN, 77, 0, nil)
	quoted6 := udp(make([]byte, 100), b6, a6, 40001, 5683, []byte("hello"))
	icmp4 := func(typ, code uint8, quote []byte) []byte {
		b, p := header(make([]byte, 200), a4, b4, ProtoICMP, 8+len(quote))
		p[0], p[1] = typ, code
		copy(p[8:], quote)
		return b
	}
	icmp6 := func(typ, code uint8, quote []byte) []byte {
		b, p := header(make([]byte, 200), a6, b6, ProtoICMPv6, 8+len(quote))
		p[0], p[1] = typ, code
		copy(p[8:], quote)
		return b
	}
	ts := uint32(99)
	for _, c := range []struct {
		name string
		in   []byte
		want Packet
		ok   bool
	}{
		{"syn-ack", tcp(make([]byte, 100), a4, b4, 80, 40000, flagSYN|flagACK, 5, 78, &ts),
			Packet{Kind: SYNACK, Src: a4, Dst: b4, SrcPort: 80, DstPort: 40000, Seq: 5, Ack: 78, TSval: 99, HasTS: true, TTL: 64}, true},
		{"rst", tcp(make([]byte, 100), a6, b6, 81, 40000, flagRST|flagACK, 0, 78, nil),
			Packet{Kind: RST, Src: a6, Dst: b6, SrcPort: 81, DstPort: 40000, Ack: 78, TTL: 64}, true},
		{"padded by the link", append(tcp(make([]byte, 100), a4, b4, 81, 40000, flagRST|flagACK, 0, 78, nil), 0, 0, 0, 0, 0, 0),
			Packet{Kind: RST, Src: a4, Dst: b4, SrcPort: 81, DstPort: 40000, Ack: 78, TTL: 64}, true},
		{"our own syn", quoted4, Packet{}, false},
		{"udp", udp(make([]byte, 100), a4, b4, 53, 40000, []byte("x")),
			Packet{Kind: UDP, Src: a4, Dst: b4, SrcPort: 53, DstPort: 40000, Data: []byte("x"), TTL: 64}, true},
		{"unreachable 4", icmp4(3, 3, quoted4),
			Packet{Kind: Unreachable, Src: a4, Dst: b4, Type: 3, Code: 3, TTL: 64, Quoted: Quoted{Proto: ProtoTCP, Src: b4, Dst: a4, SrcPort: 40000, DstPort: 8080, Seq: 77}}, true},
		{"shortest quote", icmp4(3, 13, quoted4[:28]),
			Packet{Kind: Unreachable, Src: a4, Dst: b4, Type: 3, Code: 13, TTL: 64, Quoted: Quoted{Proto: ProtoTCP, Src: b4, Dst: a4, SrcPort: 40000, DstPort: 8080, Seq: 77}}, true},
		{"quote cut short", icmp4(3, 3, quoted4[:27]), Packet{}, false},
		{"unreachable 6", icmp6(1, 4, quoted6),
			Packet{Kind: Unreachable, Src: a6, Dst: b6, Type: 1, Code: 4, TTL: 64, Quoted: Quoted{Proto: ProtoUDP, Src: b6, Dst: a6, SrcPort: 40001, DstPort: 5683}}, true},
		{"time exceeded", icmp4(11, 0, quoted4), Packet{}, false},
		{"ICMP of the other version", icmp4(1, 4, quoted4), Packet{}, false},
		{"fragment", func() []byte {
			b := udp(make([]byte, 100), a4, b4, 53, 40000, []byte("x"))
			binary.BigEndian.PutUint16(b[6:], 10)
			return b
		}(), Packet{}, false},
		{"empty", nil, Packet{}, false},
	} {
		got, ok := Parse(c.in)
		if ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
			continue
		}
		if !ok {
			continue
		}
		if d := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, d)
		}
	}
	p4, _ := Parse(icmp4(3, 3, quoted4))
	f4, _ := Parse(icmp4(3, 13, quoted4))
	p6, _ := Parse(icmp6(1, 4, quoted6))
	f6, _ := Parse(icmp6(1, 1, quoted6))
	if !p4.PortUnreachable() || !p6.PortUnreachable() || f4.PortUnreachable() || f6.PortUnreachable() ||
		p4.Prohibited() || p6.Prohibited() || !f4.Prohibited() || !f6.Prohibited() {
		t.Error("ICMP codes are mixed up")
	}
}

// Every packet built has right checksums, and one with answers' flags parses back.
func TestBuildAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, dst := b4, a4
		if rapid.Bool().Draw(t, "ipv6") {
			src, dst = b6, a6
		}
		sport, dport := rapid.Uint16().Draw(t, "sport"), rapid.Uint16().Draw(t, "dport")
		seq, ack := rapid.Uint32().Draw(t, "seq"), rapid.Uint32().Draw(t, "ack")
		data := rapid.SliceOfN(rapid.Byte(), 0, MaxPayload).Draw(t, "data")
		ts := rapid.Uint32().Draw(t, "ts")
		buf := make([]byte, 64+MaxPayload)
		for i := range buf {
			buf[i] = 0xa5 // a buffer that was used before
		}
		for _, b := range [][]byte{tcp(buf, src, dst, sport, dport, flagSYN, seq, 0, nil), tcp(buf, src, dst, sport, dport, flagRST, seq, 0, nil)} {
			whole(t, b)
		}
		s := tcp(buf, src, dst, sport, dport, flagSYN|flagACK, seq, ack, &ts)
		whole(t, s)
		if p, ok := Parse(s); !ok || p.Kind != SYNACK || p.Src != src || p.Dst != dst || p.SrcPort != sport || p.DstPort != dport || p.Seq != seq || p.Ack != ack || p.TSval != ts {
			t.Errorf("SYN-ACK came back as %+v", p)
		}
		u := udp(buf, src, dst, sport, dport, data)
		whole(t, u)
		if binary.BigEndian.Uint16(u[len(u)-len(data)-2:]) == 0 {
			t.Error("a datagram without a checksum")
		}
		if p, ok := Parse(u); !ok || p.Kind != UDP || string(p.Data) != string(data) {
			t.Errorf("datagram came back as %+v", p)
		}
	})
}

func FuzzParse(f *testing.F) {
	ts := uint32(1)
	f.Add(tcp(make([]byte, 100), a4, b4, 80, 40000, flagSYN|flagACK, 5, 78, &ts))
	f.Add(udp(make([]byte, 100), a6, b6, 53, 40000, []byte("x")))
	// IPv6 with a hop-by-hop header and a fragment header before TCP.
	f.Add(unhex("6000000000240040" + "fe800000000000000000000000000007" + "fe800000000000000000000000000001" + "2c00000000000000" + "0600000000000001" + "0050000100000001000000025012000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := Parse(b)
		if !ok {
			return
		}
		if p.Kind < SYNACK || p.Kind > Unreachable || !p.Src.IsValid() || !p.Dst.IsValid() || len(p.Data) > len(b) {
			t.Errorf("%+v", p)
		}
		if p.Kind == Unreachable && p.Quoted.Src.Is4() != p.Src.Is4() {
			t.Errorf("quotes another IP version: %+v", p)
		}
	})
}
