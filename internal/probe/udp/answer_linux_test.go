package udp

import (
	"bytes"
	"net/netip"
	"testing"
)

// arp asks for the hardware address of about.
func arp(from, about netip.Addr) []byte {
	b := append(bytes.Repeat([]byte{0xff}, 6), theirs...)
	b = append(b, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	b = append(append(b, theirs...), from.AsSlice()...)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, about.AsSlice()...)
}

// Only the target is answered, and only about our senders.
func TestAnswerARP(t *testing.T) {
	senders := []netip.Addr{sender4}
	got := answerFrame(arp(target4, sender4), ours, target4, senders)
	want := append(append([]byte{}, theirs...), ours...)
	want = append(want, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2)
	want = append(append(append(want, ours...), sender4.AsSlice()...), theirs...)
	want = append(want, target4.AsSlice()...)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	if got := answerFrame(arp(netip.MustParseAddr("192.0.2.10"), sender4), ours, target4, senders); got != nil {
		t.Errorf("answered a stranger: %x", got)
	}
	if got := answerFrame(arp(target4, netip.MustParseAddr("192.0.2.78")), ours, target4, senders); got != nil {
		t.Errorf("answered for a stranger: %x", got)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(arp(target4, sender4))
	ns := append(bytes.Repeat([]byte{0x33}, 6), theirs...)
	ns = append(ns, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 58, 255)
	ns = append(append(ns, netip.MustParseAddr("fe80::2").AsSlice()...), netip.MustParseAddr("ff02::1:ff00:7").AsSlice()...)
	f.Add(append(append(ns, 135, 0, 0, 0, 0, 0, 0, 0), netip.MustParseAddr("fd00::7").AsSlice()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := answerFrame(b, ours, target4, []netip.Addr{sender4, netip.MustParseAddr("fd00::7")})
		if got != nil && !bytes.Equal(got[6:12], ours) {
			t.Errorf("%x", got)
		}
	})
}
