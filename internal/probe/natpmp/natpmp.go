// Package natpmp finds gateways that open ports on request: NAT-PMP (RFC 6886)
// and its successor, PCP (RFC 6887). Neither knows a sign-in.
//
// It asks what the outer address is and how long the gateway has been running,
// and never for a port.
package natpmp

import (
	"context"
	"encoding/binary"
	"net/netip"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
)

const name = "natpmp"

// Probe is the registry entry.
//
// Events as in package datagram. Items: "address" (NAT-PMP), "announce" (PCP).
var Probe = probe.Probe{Name: name, Stage: 3, Run: run, Parse: Parse}

// Protocol is the registry entry. A gateway that knows only PCP answers it too,
// with an error.
var Protocol = probe.Protocol{Name: name, UDP: &probe.Talk{Ports: []int{5351}, Match: match,
	Ask: func(string, []byte) []byte { return address }}, Probe: &Probe}

// address asks for the outer address.
var address = []byte{0, 0}

// announce is the shortest question of PCP. It holds the address of the client.
func announce(client netip.Addr) []byte {
	b := make([]byte, 24)
	b[0] = 2
	a := client.As16()
	copy(b[8:], a[:])
	return b
}

// answer is what a gateway says.
type answer struct {
	version byte
	result  int // 0 = done
	epoch   int64
	outer   netip.Addr // of NAT-PMP, when told
}

func parse(b []byte) (answer, bool) {
	var a answer
	switch {
	case len(b) >= 8 && b[0] == 0 && b[1] == 0x80:
		a.result = int(binary.BigEndian.Uint16(b[2:]))
		if a.epoch = int64(binary.BigEndian.Uint32(b[4:])); a.result == 0 {
			if len(b) != 12 {
				return a, false
			}
			a.outer = netip.AddrFrom4([4]byte(b[8:12]))
		}
		return a, len(b) <= 12 && a.result <= 5
	case len(b) >= 24 && len(b)%4 == 0 && b[0] == 2 && b[1] == 0x80:
		a.version, a.result, a.epoch = 2, int(b[3]), int64(binary.BigEndian.Uint32(b[8:]))
		return a, a.result <= 13
	}
	return a, false
}

// match recognises an answer of either version.
func match(b []byte) (software string, ok bool) {
	_, ok = parse(b)
	return "", ok
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, port := range datagram.Ports(t, name) {
		datagram.AskAll(ctx, t, rec, name,
			datagram.Question{Port: port, Item: "address", Send: address},
			datagram.Question{Port: port, Item: "announce", Send: announce(ours(ctx, t, port))})
	}
	return nil
}

// ours is the address from which the device sees us.
func ours(ctx context.Context, t *probe.Target, port int) netip.Addr {
	c, err := t.Net.UDP(ctx, port, time.Second)
	if err != nil {
		return netip.IPv6Unspecified()
	}
	defer c.Close()
	a, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return netip.IPv6Unspecified()
	}
	return a.Addr().WithZone("")
}

// Parse states natpmp.answer, device.uptime, access.open and amplification for
// each gateway.
func Parse(records []probe.Record) fact.Set {
	type seen struct {
		natpmp, pcp bool
		outer       string
		what        []string
		source      []string
		up          *fact.Fact
	}
	var gateways probe.Ports[seen]
	answers := datagram.Answers(records)
	for _, a := range answers {
		s := gateways.At(a.Port)
		s.source = append(s.source, a.Source())
		m, ok := parse(a.Record.Recv)
		if !ok {
			continue
		}
		s.natpmp = s.natpmp || m.version == 0 && m.result != 1 // 1: another version is spoken
		s.pcp = s.pcp || m.version == 2
		if m.result == 0 && s.up == nil {
			f := datagram.Uptime(a.Port+" "+name, m.epoch, 0, a.Record)
			s.up = &f
		}
		if m.outer.IsValid() && s.outer == "" {
			s.outer = m.outer.String()
			s.what = append(s.what, "outer address "+s.outer)
		}
	}
	var out fact.Set
	for port, s := range gateways.All() {
		out = append(out, probe.Observed("natpmp.answer", port, map[string]any{"natpmp": s.natpmp, "pcp": s.pcp, "outer": s.outer}, s.source...),
			datagram.Open(port, name, s.outer != "", false, false, s.what, s.source...))
		if s.up != nil {
			out = append(out, *s.up)
		}
	}
	return append(out, datagram.Amplification(name, answers)...)
}
