package bench

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"

	"hoshi/internal/probe"
)

// DHCP message types and options (RFC 2131, RFC 2132).
const (
	discover = 1
	offer    = 2
	request  = 3
	decline  = 4
	ack      = 5
	nak      = 6
	inform   = 8

	optMask      = 1
	optRouter    = 3
	optDNS       = 6
	optHost      = 12
	optBroadcast = 28
	optNTP       = 42
	optRequested = 50
	optLease     = 51
	optType      = 53
	optServer    = 54
	optRenew     = 58
	optRebind    = 59
	optEnd       = 255

	leaseSeconds = 24 * 60 * 60
)

var cookie = []byte{99, 130, 83, 99}

// query is what a client asks.
type query struct {
	head      []byte // the fixed part of the message, 236 bytes
	kind      byte
	ciaddr    netip.Addr
	requested netip.Addr
	server    netip.Addr
	host      string
}

// parseDHCP reads a client's message; false for anything else.
func parseDHCP(b []byte) (query, bool) {
	// BOOTREQUEST over Ethernet, not through a relay.
	if len(b) < 240 || b[0] != 1 || b[1] != 1 || b[2] != 6 || !bytes.Equal(b[236:240], cookie) || !bytes.Equal(b[24:28], make([]byte, 4)) {
		return query{}, false
	}
	q := query{head: b[:236], ciaddr: netip.AddrFrom4([4]byte(b[12:16]))}
	for o := b[240:]; len(o) > 0 && o[0] != optEnd; {
		if o[0] == 0 {
			o = o[1:]
			continue
		}
		if len(o) < 2 || len(o) < 2+int(o[1]) {
			return query{}, false
		}
		v := o[2 : 2+int(o[1])]
		switch {
		case o[0] == optType && len(v) == 1:
			q.kind = v[0]
		case o[0] == optRequested && len(v) == 4:
			q.requested = netip.AddrFrom4([4]byte(v))
		case o[0] == optServer && len(v) == 4:
			q.server = netip.AddrFrom4([4]byte(v))
		case o[0] == optHost:
			q.host = strings.TrimRight(probe.Clip(string(v)), " ")
		}
		o = o[2+int(o[1]):]
	}
	return q, q.kind != 0
}

// reply builds the server's answer to a query.
func (q query) reply(kind byte, you, us netip.Addr, bits int) []byte {
	b := make([]byte, 236, 320)
	b[0], b[1], b[2] = 2, 1, 6
	copy(b[4:8], q.head[4:8])     // transaction
	copy(b[10:12], q.head[10:12]) // flags
	copy(b[28:44], q.head[28:44]) // hardware address
	if kind != nak && you.IsValid() {
		y := you.As4()
		copy(b[16:20], y[:])
	}
	if q.kind == inform {
		copy(b[12:16], q.head[12:16])
	}
	b = append(b, cookie...)
	b = append(b, optType, 1, kind)
	four := func(option byte, v []byte) { b = append(append(b, option, 4), v...) }
	u := us.As4()
	four(optServer, u[:])
	if kind != nak {
		mask := binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-bits))
		four(optMask, mask)
		four(optRouter, u[:])
		four(optDNS, u[:])
		four(optNTP, u[:])
		all := u
		for i := range all {
			all[i] |= ^mask[i]
		}
		four(optBroadcast, all[:])
		if q.kind != inform {
			four(optLease, binary.BigEndian.AppendUint32(nil, leaseSeconds))
			four(optRenew, binary.BigEndian.AppendUint32(nil, leaseSeconds/2))
			four(optRebind, binary.BigEndian.AppendUint32(nil, leaseSeconds/8*7))
		}
	}
	b = append(b, optEnd)
	for len(b) < 300 { // some clients drop shorter ones
		b = append(b, 0)
	}
	return b
}
