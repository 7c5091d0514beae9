package natpmp

import (
	"testing"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/udpd"
)

// miniupnpd tells its outer address and how long it has been running.
func TestMiniUPnPd(t *testing.T) {
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		udpd.Gateway(t, b)
		if !udpd.Answers(t, b.Addr, 5351, Protocol.UDP) {
			t.Fatal("miniupnpd does not answer")
		}
		facts, _ := udpd.Run(t, Probe, udpd.Target(b.Addr, map[int]string{5351: "natpmp"}))
		if v := udpd.Get(t, facts, "natpmp.answer", "udp/5351"); !probe.Bool(v, "natpmp") || !probe.Bool(v, "pcp") || probe.Str(v, "outer") != udpd.Outer {
			t.Errorf("%v", v)
		}
		if v := udpd.Get(t, facts, "access.open", "udp/5351 natpmp"); !probe.Bool(v, "read") || probe.Bool(v, "writeAsked") {
			t.Errorf("%v", v)
		}
		if v := udpd.Get(t, facts, "device.uptime", "udp/5351 natpmp"); probe.Int(v, "seconds") < 0 {
			t.Errorf("%v", v)
		}
		if v := udpd.Get(t, facts, "amplification", "udp/5351 natpmp"); probe.Int(v, "percent") != 600 {
			t.Errorf("%v", v)
		}
	})
}

func TestMatch(t *testing.T) {
	for in, want := range map[string]bool{
		"\x00\x00": false, // our own question
		"\x00\x80\x00\x00\x00\x00\x00\x09\xcb\x00\x71\x05": true,
		"\x00\x80\x00\x03\x00\x00\x00\x09":                 true,
		"\x00\x80\x00\x00\x00\x00\x00\x09":                 false, // done, but no address
		"\x02\x80\x00\x01\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00": true,
		string(announce(udpd.Loopback)): false,
	} {
		if _, ok := match([]byte(in)); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x00\x80\x00\x00\x00\x00\x00\x09\xcb\x00\x71\x05"), "address")
	f.Fuzz(func(t *testing.T, b []byte, item string) {
		match(b)
		for _, x := range Parse([]probe.Record{{Event: "asked", Port: "udp/5351", Item: item, Recv: b}}) {
			if !fact.Known(x.Name) {
				t.Errorf("%s is not in the vocabulary", x.Name)
			}
		}
	})
}
