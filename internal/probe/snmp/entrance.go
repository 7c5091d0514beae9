package snmp

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"time"

	"hoshi/internal/probe"
)

// Entrances are the kinds of sign-in over SNMP: the community of v1 and v2c, which
// is a password without a user and is refused by silence, and the users of v3.
//
// Users that everybody knows come from RFC 3414 (A.1) and from public manuals of
// power supplies for racks.
var Entrances = []probe.Entrance{
	{Kind: "snmp", Attempt: attempt, Classify: classify, NoUser: true, Mute: true, Takes: func(a probe.Account) bool { return a.SNMP.Auth == "" },
		Known: []probe.Known{{Pass: "public", Label: "community-public"}, {Pass: "private", Label: "community-private"}}},
	{Kind: "snmpv3", Attempt: attemptUser, Classify: classifyUser, Tells: true, Takes: func(a probe.Account) bool { return a.SNMP.Auth != "" },
		Known: []probe.Known{{User: "initial", Label: "v3-initial"}, {User: "apc snmp profile1", Label: "v3-profile"},
			{User: "apc snmp profile1", Pass: "apc auth passphrase", Label: "v3-profile-passphrase"}}},
}

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

// usual are the digests that are tried, in turn, for a user whose digest is not
// declared, the most usual ones first: a wrong one is answered like a wrong value.
var usual = []string{"sha1", "md5", "sha256", "sha512", "sha224", "sha384"}

// attemptUser asks for one object as a user of version 3. The empty value is a
// message without signature, which is all that a user without a password needs.
func attemptUser(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	c, err := t.Net.UDP(ctx, probe.PortNumber(d.Port), t.Pace.Exchange)
	if err != nil {
		return nil, nil, errors.Join(probe.ErrNoConnection, err)
	}
	defer c.Close()
	if recv, err = patient(ctx, t, c, Discovery()); err != nil {
		return Discovery(), nil, err
	}
	m, ok := parse3(recv)
	if !ok || len(m.engine.ID) == 0 {
		return Discovery(), recv, nil // that is the answer
	}
	user = user[:min(len(user), 32)] // the longest that there are
	q := question3{user: user, engine: m.engine, object: SysUpTime}
	if pass == "" {
		return q.ask(ctx, t, c)
	}
	auths, declared := usual, probe.SNMPUser{}
	for _, a := range t.Accounts {
		if a.User == user && a.Port == d.Port && digests[a.SNMP.Auth].size > 0 {
			auths, declared = []string{a.SNMP.Auth}, a.SNMP
			break
		}
	}
	for _, name := range auths {
		q.digest = digests[name]
		q.key = q.digest.key(pass, q.engine.ID)
		if q.privacy = declared.Privacy; q.privacy != "" {
			// One value for both is usual; another one stands in the declaration.
			if q.cipher = q.digest.key(pass, q.engine.ID); declared.PrivacySecret != "" {
				q.cipher = q.digest.key(declared.PrivacySecret, q.engine.ID)
			}
			q.salt = binary.BigEndian.Uint64(t.Random(8))
			if q.privacy == "des" { // its first half is the count of starts
				q.salt = q.salt&(1<<32-1) | uint64(q.engine.Boots)<<32
			}
		}
		sent, recv, err = q.ask(ctx, t, c)
		if m, ok := Parse(recv); err != nil || !ok || m.refusal() != wrongDigest {
			break
		}
	}
	return sent, recv, err
}

// patient sends a datagram and once more when nothing comes back: the engine is known
// to answer, also to what it refuses, so that silence should not be a lost datagram.
func patient(ctx context.Context, t *probe.Target, c net.Conn, send []byte) (recv []byte, err error) {
	for range 2 {
		if recv, err = probe.Datagram(ctx, c, send, max(t.Pace.UDPWait, time.Second)); err == nil || probe.Word(err) != "timeout" {
			break
		}
	}
	return recv, err
}

// ask puts the question, once more when the engine says what time it has.
func (q question3) ask(ctx context.Context, t *probe.Target, c net.Conn) (kept, recv []byte, err error) {
	for range 2 {
		var sent []byte
		sent, kept = q.bytes()
		if recv, err = patient(ctx, t, c, sent); err != nil {
			return kept, nil, err
		}
		recv = q.heardAs(recv)
		if m, ok := Parse(recv); !ok || m.refusal() != notInTime {
			break
		} else {
			q.engine.Boots, q.engine.Time = max(0, m.Engine.Boots), max(0, m.Engine.Time)
		}
	}
	return kept, recv, nil
}
