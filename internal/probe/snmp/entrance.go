// Package snmp asks agents of network management.
package snmp

import (
	"context"
	"errors"
	"io"

	"hoshi/internal/probe"
)

// Entrances are the kinds of sign-in over SNMP: the community of v1 and v2c, which
// is a password without a user. A wrong one is answered by silence.
var Entrances = []probe.Entrance{{Kind: "snmp", Attempt: attempt, Classify: classify, NoUser: true, Mute: true,
	Known: []probe.Known{{Pass: "public", Label: "community-public"}, {Pass: "private", Label: "community-private"}}}}

// question is a GetRequest for sysDescr.0 with a community.
func question(version byte, community string, id []byte) []byte {
	community = community[:min(len(community), 64)]
	tlv := func(tag byte, parts ...[]byte) []byte {
		var body []byte
		for _, p := range parts {
			body = append(body, p...)
		}
		if len(body) < 128 {
			return append([]byte{tag, byte(len(body))}, body...)
		}
		return append([]byte{tag, 0x81, byte(len(body))}, body...)
	}
	zero := []byte{2, 1, 0}
	binding := tlv(0x30, tlv(0x30, []byte{6, 8, 0x2b, 6, 1, 2, 1, 1, 1, 0}, []byte{5, 0}))
	return tlv(0x30, []byte{2, 1, version}, tlv(4, []byte(community)), tlv(0xa0, tlv(2, id), zero, zero, binding))
}

func attempt(ctx context.Context, t *probe.Target, d probe.Door, _, pass string) (sent, recv []byte, err error) {
	c, err := t.Net.UDP(ctx, probe.PortNumber(d.Port), t.Pace.Exchange)
	if err != nil {
		return nil, nil, errors.Join(probe.ErrNoConnection, err)
	}
	defer c.Close()
	id := make([]byte, 4)
	if _, err := io.ReadFull(t.Rand, id); err != nil {
		return nil, nil, err
	}
	id[0] = id[0]&0x3f | 0x40 // a positive number of four bytes
	// Version 1 first goes out unheard: a server that knows both answers either.
	if _, err := c.Write(question(0, pass, id)); err != nil {
		return question(1, probe.Mask, id), nil, err
	}
	recv, err = probe.Datagram(ctx, c, question(1, pass, id), t.Pace.UDPWait)
	return question(1, probe.Mask, id), recv, err
}

// classify: only a right community is answered.
func classify(_, r probe.Record) probe.Outcome {
	switch {
	case len(r.Recv) > 0 && r.Recv[0] == 0x30:
		return probe.Accepted
	case len(r.Recv) > 0:
		return probe.Unclear
	case r.Error == "timeout":
		return probe.Refused
	}
	return probe.Unanswered(r)
}
