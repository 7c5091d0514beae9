package bench

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
)

var (
	dev1 = net.HardwareAddr{2, 0, 0, 0, 0, 7}
	dev2 = net.HardwareAddr{2, 0, 0, 0, 0, 8}
	zero = time.Unix(1_800_000_000, 0)
)

func serverOfTest() *server {
	return &server{mac: net.HardwareAddr{2, 0, 0, 0, 0, 1}, us: netip.MustParseAddr("192.168.142.1"), bits: 24,
		lease: netip.MustParseAddr("192.168.142.20"), local: netip.MustParseAddr("fe80::1"), prefix: link6}
}

// asks builds a client's frame.
func asks(mac net.HardwareAddr, options ...byte) []byte {
	m := make([]byte, 236)
	m[0], m[1], m[2] = 1, 1, 6
	copy(m[4:], "XID!")
	copy(m[28:], mac)
	m = append(append(m, cookie...), options...)
	return ethernet(broadcast, mac, 0x0800, datagram4(netip.IPv4Unspecified(), netip.AddrFrom4([4]byte{255, 255, 255, 255}), 68, 67, append(m, optEnd)))
}

// says returns the type and the offered address of a reply.
func says(t *testing.T, frames [][]byte) (kind byte, you string) {
	t.Helper()
	if len(frames) != 1 {
		t.Fatalf("%d frames", len(frames))
	}
	m := frames[0][42:]
	if len(m) < 300 || m[0] != 2 || !bytes.Equal(m[4:8], []byte("XID!")) || !bytes.Equal(m[236:240], cookie) || m[240] != optType {
		t.Fatalf("no DHCP reply: %x", m)
	}
	return m[242], netip.AddrFrom4([4]byte(m[16:20])).String()
}

func TestDHCP(t *testing.T) {
	s := serverOfTest()
	ours, lease := []byte{optServer, 4, 192, 168, 142, 1}, []byte{optRequested, 4, 192, 168, 142, 20}
	with := func(o ...[]byte) []byte { return bytes.Join(o, nil) }
	if k, you := says(t, s.frame(zero, asks(dev1, optType, 1, discover))); k != offer || you != "192.168.142.20" {
		t.Errorf("discover: %d %s", k, you)
	}
	// An address of another network, as a device that moved asks for.
	if k, _ := says(t, s.frame(zero, asks(dev1, with([]byte{optType, 1, request, optRequested, 4, 10, 0, 0, 9})...))); k != nak || s.bound {
		t.Errorf("foreign address: %d", k)
	}
	if got := s.frame(zero, asks(dev1, with([]byte{optType, 1, request, optServer, 4, 10, 0, 0, 1}, lease)...)); got != nil {
		t.Error("answered for another server")
	}
	if s.ready(zero.Add(time.Hour), time.Second) {
		t.Error("ready before there is a device")
	}
	if k, you := says(t, s.frame(zero, asks(dev1, with([]byte{optType, 1, request}, ours, lease, []byte{optHost, 3, 'c', 'a', 'm'})...))); k != ack || you != "192.168.142.20" || s.device.Host != "cam" {
		t.Errorf("request: %d %s %+v", k, you, s.device)
	}
	if s.ready(zero.Add(500*time.Millisecond), time.Second) || !s.ready(zero.Add(time.Second), time.Second) {
		t.Error("readiness")
	}
	// The lease is one device's: another one gets nothing.
	if got := s.frame(zero, asks(dev2, optType, 1, discover)); got != nil || len(s.others) != 1 || !bytes.Equal(s.others[0], dev2) {
		t.Errorf("second device: %v %v", got, s.others)
	}
	// Somebody has the address: the next one.
	if got := s.frame(zero, asks(dev1, with([]byte{optType, 1, decline}, ours, lease)...)); got != nil || s.bound {
		t.Error("decline")
	}
	if k, you := says(t, s.frame(zero, asks(dev1, optType, 1, discover))); k != offer || you != "192.168.142.21" {
		t.Errorf("after decline: %d %s", k, you)
	}
	for _, bad := range [][]byte{asks(dev1), asks(dev1, optType, 9, request), asks(dev1, optType, 1, 77)} {
		if got := s.frame(zero, bad); got != nil {
			t.Errorf("answered %x", bad)
		}
	}
}

// A device with a fixed address is noticed, our own frames are not.
func TestStatic(t *testing.T) {
	s := serverOfTest()
	arp := make([]byte, 28)
	binary.BigEndian.PutUint16(arp, 1)
	binary.BigEndian.PutUint16(arp[2:], 0x0800)
	copy(arp[14:], []byte{192, 168, 1, 20})
	s.frame(zero, ethernet(broadcast, s.mac, 0x0806, arp))
	if s.static.IsValid() {
		t.Error("our own frame")
	}
	s.frame(zero, ethernet(broadcast, dev1, 0x0806, arp))
	s.frame(zero, ethernet(broadcast, dev1, 0x0806, arp))
	if s.static.String() != "192.168.1.20" || len(s.events) != 1 || s.events[0].Kind != "static" {
		t.Errorf("%s %v", s.static, s.events)
	}
}

// A device that holds the lease of an earlier bench is found when it answers.
func TestStillLeased(t *testing.T) {
	s := serverOfTest()
	asked := s.remind()
	if len(asked) != 1 || !bytes.Equal(asked[0][38:42], []byte{192, 168, 142, 20}) {
		t.Fatalf("%x", asked)
	}
	arp := bytes.Clone(asked[0][14:])
	arp[7] = 2
	copy(arp[8:], dev1)
	copy(arp[14:], []byte{192, 168, 142, 20})
	s.frame(zero, ethernet(s.mac, dev1, 0x0806, arp))
	if !s.bound || s.device.Addr4 != s.lease || !bytes.Equal(s.device.MAC, dev1) || s.remind() != nil {
		t.Errorf("%+v", s.device)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(asks(dev1, optType, 1, discover))
	f.Add(asks(dev1, optType, 1, request, optRequested, 4, 192, 168, 142, 20, optHost, 200))
	f.Add(ethernet(broadcast, dev1, 0x86dd, icmp6(netip.MustParseAddr("fe80::7"), netip.MustParseAddr("ff02::2"), []byte{133, 0, 0, 0, 0, 0, 0, 0})))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := serverOfTest()
		for range 3 {
			for _, out := range s.frame(zero, b) {
				if len(out) < 54 || !bytes.Equal(out[6:12], s.mac) {
					t.Errorf("sent %x", out)
				}
			}
		}
		if s.device.Addr4.IsValid() && s.device.Addr4 != s.lease {
			t.Errorf("lease %s, device %s", s.lease, s.device.Addr4)
		}
	})
}
