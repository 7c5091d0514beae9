// Package snmp finds SNMP agents of all versions and sees what they let anybody
// read and write: with the community "public", which is no secret, and with no
// user at all.
//
// The second well-known community is tried only where sign-in tests are agreed
// to, and writing only where writing is: the contact text is set to the value
// that it has.
package snmp

import (
	"context"
	"encoding/hex"
	"strconv"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
)

const (
	name   = "snmp"
	second = "private"
)

// Public is the community that is no secret.
const Public = "public"

// Probe is the registry entry.
//
// Events as in package datagram, and "declared" (the port has a declared account; detail = its kind). Items: "v3" (discovery), "v1" and "v2c" (objects
// asked for with "public"), "any" (with a random community, to tell agents that
// ask for none), "bulk" (many objects at once), "second" and "second-v1" (with the
// second well-known community, which is masked), "before" and "before-second"
// (the contact text), "set" and "set-second" (the
// contact text to its own value), "after" and "after-second" (read again).
var Probe = probe.Probe{Name: name, Stage: 3, Run: run, Parse: ParseRecords}

// Protocol is the registry entry of version 2c; agents that know only another
// version answer [First] or [Third].
var Protocol = probe.Protocol{Name: name, UDP: talk(Question(V2c, Public, Get, SysDescr)), Probe: &Probe, Entrances: Entrances}

// First is how agents of version 1 are recognised.
var First = probe.Protocol{Name: name, UDP: talk(Question(V1, Public, Get, SysDescr))}

// Third is how agents of version 3 are recognised, whatever their communities.
var Third = probe.Protocol{Name: name, UDP: talk(Discovery())}

func talk(ask []byte) *probe.Talk {
	return &probe.Talk{Ports: []int{161}, Ask: func(string, []byte) []byte { return ask }, Match: Match}
}

// Match recognises the answer to any of the questions.
func Match(answer []byte) (software string, ok bool) {
	m, ok := Parse(answer)
	if !ok || !m.Answers() {
		return "", false
	}
	b, _ := m.Value(SysDescr)
	return datagram.Text(b.Text()), true
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, port := range datagram.Ports(t, name) {
		for _, a := range t.Accounts {
			if a.Port == probe.UDP(port) {
				rec.Add(probe.Record{Probe: name, Event: "declared", Port: a.Port, Detail: kindOf(a)})
			}
		}
		question := func(item string, send []byte, mask ...string) datagram.Question {
			return datagram.Question{Port: port, Item: item, Send: send, Mask: mask}
		}
		ask := func(q datagram.Question) Message { return heard(datagram.Ask(ctx, t, rec, name, q)) }
		random := hex.EncodeToString(t.Random(8))
		qs := []datagram.Question{
			question("v3", Discovery()),
			// Version 1 answers as a whole or not at all, so only what every agent has.
			question("v1", Question(V1, Public, Get, SysDescr, SysUpTime)),
			question("v2c", Question(V2c, Public, Get, SysDescr, SysObject, SysUpTime, SysContact, SysName, HostUpTime)),
			question("any", Question(V2c, random, Get, SysDescr)),
		}
		if t.Agreed(probe.ConsentSignIn) {
			qs = append(qs, question("second", Question(V2c, second, Get, SysDescr), second), question("second-v1", Question(V1, second, Get, SysDescr), second))
		}
		as := datagram.AskAll(ctx, t, rec, name, qs...)
		one, two := heard(as[1]), heard(as[2])
		if two.PDU != 0 {
			bulk := question("bulk", Question(V2c, Public, GetBulk, mib2))
			bulk.Many = true
			ask(bulk)
		}
		if two.PDU == 0 && one.PDU != 0 {
			ask(question("any", Question(V1, random, Get, SysDescr)))
		}
		if !t.Agreed(probe.ConsentWrite) {
			continue
		}
		write := func(version int, suffix, community string, mask ...string) {
			m := ask(question("before"+suffix, Question(version, community, Get, SysContact), mask...))
			if b, ok := m.Value(SysContact); ok && b.Tag == tagString {
				if ask(question("set"+suffix, Write(version, community, SysContact, b.Value), mask...)).PDU != 0 {
					ask(question("after"+suffix, Question(version, community, Get, SysContact), mask...))
				}
			}
		}
		switch {
		case two.PDU != 0:
			write(V2c, "", Public)
		case one.PDU != 0:
			write(V1, "", Public)
		}
		if len(as) > 4 {
			switch {
			case heard(as[4]).PDU != 0:
				write(V2c, "-second", second, second)
			case heard(as[5]).PDU != 0:
				write(V1, "-second", second, second)
			}
		}
	}
	return nil
}

// Kinds of declared accounts.
const (
	forCommunity = "community"
	forUser      = "user"
	forEncrypted = "user-encrypted"
)

func kindOf(a probe.Account) string {
	switch {
	case a.SNMP.Auth == "":
		return forCommunity
	case a.SNMP.Privacy == "":
		return forUser
	}
	return forEncrypted
}

// heard is the message that answers a question; the zero value when none does.
func heard(a datagram.Answer) Message {
	m, ok := Parse(a.Record.Recv)
	if !ok || !m.Answers() {
		return Message{}
	}
	return m
}

// ParseRecords states for each agent snmp.version, access.open, signin.interface,
// device.uptime, amplification and what it says of itself.
func ParseRecords(records []probe.Record) fact.Set {
	var out fact.Set
	answers := datagram.Answers(records)
	type seen struct {
		v1, v2c, v3, any, second, wrote, asked bool
		engine                                 string
		what, source                           []string
	}
	agents := map[string]*seen{}
	var order []string
	declared := map[string]bool{} // by port and kind
	for _, r := range records {
		if r.Event == "declared" {
			declared[r.Port+" "+r.Detail] = true
		}
	}
	for _, a := range answers {
		s := agents[a.Port]
		if s == nil {
			s = &seen{what: []string{}}
			agents[a.Port] = s
			order = append(order, a.Port)
		}
		s.source = append(s.source, a.Source())
		asked := a.Item == "set" || a.Item == "set-second"
		s.asked = s.asked || asked
		m := heard(a)
		if m.PDU == 0 {
			continue
		}
		switch a.Item {
		case "v3":
			if m.Version != V3 || s.v3 {
				break
			}
			s.v3, s.engine = true, hex.EncodeToString(m.Engine.ID[:min(len(m.Engine.ID), 32)])
			if m.Engine.Boots > 0 || m.Engine.Time > 0 {
				out = append(out, datagram.Uptime(a.Port+" snmpv3", max(0, m.Engine.Time), max(0, m.Engine.Boots), a.Record))
			}
			out = append(out, datagram.Detail(a.Port, name, "engine-maker", maker(m.Engine), a.Source())...)
		case "v1", "v2c":
			first := !s.v1 && !s.v2c
			s.v1, s.v2c = s.v1 || a.Item == "v1", s.v2c || a.Item == "v2c"
			if m.Status != 0 {
				break
			}
			if first {
				s.what = append(s.what, "SNMP "+a.Item+" community "+Public)
			}
			for _, o := range [][2]string{{"description", SysDescr}, {"object", SysObject}, {"contact", SysContact}, {"name", SysName}} {
				b, _ := m.Value(o[1])
				text := b.Text()
				if b.Tag == tagOID {
					text = dotted(b.Value)
				}
				out = append(out, datagram.Detail(a.Port, name, o[0], text, a.Source())...)
			}
			out = append(out, uptime(a, m)...)
		case "any":
			if s.any = true; m.Status == 0 {
				s.what = append(s.what, "SNMP with any community")
			}
		case "second", "second-v1":
			if !s.second {
				s.second = true
				s.what = append(s.what, "SNMP with the second well-known community")
			}
		case "set", "set-second":
			if m.Status == 0 {
				s.wrote = true
				s.what = append(s.what, "sysContact")
			}
		}
	}
	for _, port := range order {
		s := agents[port]
		out = append(out,
			probe.Observed("snmp.version", port, map[string]any{"v1": s.v1, "v2c": s.v2c, "v3": s.v3, "engine": s.engine}, s.source...),
			datagram.Open(port, name, s.v1 || s.v2c || s.second, s.wrote, s.asked, s.what, s.source...))
		// A wrong community meets silence, and so does any where communities are not
		// used at all: an entrance is there when one was answered or is declared. An
		// agent that answers to any community asks for none.
		if !s.any && (s.v1 || s.v2c || s.second) || declared[port+" "+forCommunity] {
			out = append(out, probe.Observed("signin.interface", port+" snmp", map[string]any{"port": port, "kind": "snmp", "encrypted": false}, s.source...))
		}
		// Users of version 3 never send their value. Without a user who is declared to
		// do without encryption nothing is known against it.
		if s.v3 {
			out = append(out, probe.Observed("signin.interface", port+" snmpv3", map[string]any{"port": port, "kind": "snmpv3",
				"encrypted": !declared[port+" "+forUser]}, s.source...))
		}
	}
	return append(datagram.First(out), datagram.Amplification(name, answers)...)
}

// uptime states the time of the agent and that of the device, which may be older.
func uptime(a datagram.Answer, m Message) fact.Set {
	var out fact.Set
	for _, x := range [][2]string{{"snmp", SysUpTime}, {"snmp-host", HostUpTime}} {
		b, ok := m.Value(x[1])
		n := number(b.Value)
		if len(b.Value) <= 4 {
			n &= 1<<32 - 1
		}
		if ok && b.Tag == tagTicks && n >= 0 {
			out = append(out, datagram.Uptime(a.Port+" "+x[0], n/100, 0, a.Record))
		}
	}
	return out
}

func maker(e Engine) string {
	if n := e.Maker(); n > 0 {
		return strconv.FormatInt(n, 10)
	}
	return ""
}
