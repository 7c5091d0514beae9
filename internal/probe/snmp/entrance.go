package snmp

import (
	"context"
	"errors"

	"hoshi/internal/probe"
)

// Entrances are the kinds of sign-in over SNMP: the community of v1 and v2c, which
// is a password without a user. A wrong one is answered by silence.
var Entrances = []probe.Entrance{{Kind: "snmp", Attempt: attempt, Classify: classify, NoUser: true, Mute: true,
	Known: []probe.Known{{Pass: "public", Label: "community-public"}, {Pass: "private", Label: "community-private"}}}}

func attempt(ctx context.Context, t *probe.Target, d probe.Door, _, pass string) (sent, recv []byte, err error) {
	c, err := t.Net.UDP(ctx, probe.PortNumber(d.Port), t.Pace.Exchange)
	if err != nil {
		return nil, nil, errors.Join(probe.ErrNoConnection, err)
	}
	defer c.Close()
	pass = pass[:min(len(pass), 64)]
	// Version 1 first goes out unheard: a server that knows both answers either.
	if _, err := c.Write(Question(V1, pass, Get, SysDescr)); err != nil {
		return Question(V2c, probe.Mask, Get, SysDescr), nil, err
	}
	recv, err = probe.Datagram(ctx, c, Question(V2c, pass, Get, SysDescr), t.Pace.UDPWait)
	return Question(V2c, probe.Mask, Get, SysDescr), recv, err
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
