// Package dns asks name servers, over UDP and TCP, what they call themselves and
// whether they answer recursive queries. A router does that for its own network
// by design; whether others reach it is for a person to see.
package dns

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
)

const name = "dns"

// Protocol is the registry entry.
var Protocol = probe.Protocol{
	Name: name,
	TCP: &probe.Talk{Ports: []int{53}, Ask: func(_ string, random []byte) []byte { return framed(roots(random)) },
		Match: func(b []byte) (string, bool) { return match(unframed(b)) }, Whole: func(b []byte) bool { return unframed(b) != nil }},
	UDP:   &probe.Talk{Ports: []int{53}, Ask: func(_ string, random []byte) []byte { return roots(random) }, Match: match},
	Probe: &probe.Probe{Name: name, Stage: 5, Run: run, Parse: parse},
}

// query builds a question.
func query(id uint16, domain string, kind dnsmessage.Type, class dnsmessage.Class, recursion bool) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: recursion},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(domain), Type: kind, Class: class}}}
	b, err := m.Pack()
	if err != nil {
		panic(err) // the names are ours: a defect
	}
	return b
}

// roots asks, without recursion, for the name servers of the root: every name
// server has something to say to that.
func roots(random []byte) []byte {
	return query(binary.BigEndian.Uint16(random), ".", dnsmessage.TypeNS, dnsmessage.ClassINET, false)
}

// framed puts the length before a message, as over TCP (RFC 1035 4.2.2).
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// unframed returns the first message of a stream, nil when it has not come whole.
func unframed(b []byte) []byte {
	if len(b) < 2 {
		return nil
	}
	n := int(binary.BigEndian.Uint16(b))
	if n < 12 || len(b) < 2+n {
		return nil
	}
	return b[2 : 2+n]
}

// match recognises an answer to a standard query.
func match(b []byte) (software string, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || !h.Response || h.OpCode != 0 {
		return "", false
	}
	q, err := p.AllQuestions()
	if err != nil || len(q) > 1 {
		return "", false
	}
	if len(q) == 1 {
		return "", q[0].Class == dnsmessage.ClassINET || q[0].Class == dnsmessage.ClassCHAOS
	}
	return "", h.RCode != dnsmessage.RCodeSuccess && len(b) == 12 // servers that send the header alone
}

type question struct {
	event, domain string
	kind          dnsmessage.Type
	class         dnsmessage.Class
	recursion     bool
}

// What is asked: the name that RFC 2606 keeps for examples and everybody resolves,
// and the usual names under which servers tell their version.
var questions = []question{
	{"recursion", "example.com.", dnsmessage.TypeA, dnsmessage.ClassINET, true},
	{"version", "version.bind.", dnsmessage.TypeTXT, dnsmessage.ClassCHAOS, false},
}

// Events of one server: "recursion" and "version", one question each.
func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, port := range datagram.Ports(t, name) {
		for i, q := range questions {
			askUDP(ctx, t, rec, port, q.record(i))
		}
	}
	t.Each(t.Speakers(name), func(s probe.Speaker) {
		for i, q := range questions {
			if ctx.Err() == nil {
				r := q.record(i)
				r.Sent = framed(r.Sent)
				t.Ask(ctx, rec, s, r, 8<<10, t.Pace.Exchange, func(b []byte) bool { return unframed(b) != nil })
			}
		}
	})
	return nil
}

func (q question) record(i int) probe.Record {
	return probe.Record{Probe: name, Event: q.event, Item: q.domain, Sent: query(0x4853+uint16(i), q.domain, q.kind, q.class, q.recursion)}
}

func askUDP(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int, r probe.Record) {
	if ctx.Err() != nil {
		return
	}
	r.Port = probe.UDP(port)
	start := time.Now()
	var err error
	for range max(1, t.Pace.UDPTries) {
		var c net.Conn
		if c, err = t.Net.UDP(ctx, port, t.Pace.UDPWait); err != nil {
			break
		}
		r.Recv, err = probe.Datagram(ctx, c, r.Sent, t.Pace.UDPWait)
		_ = c.Close()
		if len(r.Recv) > 0 || probe.Word(err) != "timeout" {
			break
		}
	}
	if len(r.Recv) == 0 {
		r.Error = probe.Word(err)
	}
	r.Took = time.Since(start).Milliseconds()
	rec.Add(r)
}

// parse states service.detail: "recursion" is "answered", "offered" (the server
// would, but did not find the name) or "refused"; "version" is what it says. For
// UDP it states amplification.
func parse(records []probe.Record) fact.Set {
	var out fact.Set
	seen := map[string]bool{}
	var answers []datagram.Answer
	for _, r := range records {
		n := probe.PortNumber(r.Port)
		b := r.Recv
		if n > 0 && r.Port == probe.UDP(n) && len(r.Sent) > 0 {
			answers = append(answers, datagram.Answer{Record: r, Asked: len(r.Sent), Size: len(b)})
		}
		switch {
		case n == 0 || seen[r.Event+r.Port]:
			continue
		case r.Port == probe.TCP(n):
			b = unframed(b)
		case r.Port != probe.UDP(n):
			continue
		}
		var m dnsmessage.Message
		if m.Unpack(b) != nil || !m.Response {
			continue
		}
		value := ""
		switch r.Event {
		case "recursion":
			switch {
			case m.RecursionAvailable && m.RCode == dnsmessage.RCodeSuccess && len(m.Answers) > 0:
				value = "answered"
			case m.RecursionAvailable && m.RCode != dnsmessage.RCodeRefused:
				value = "offered"
			default:
				value = "refused"
			}
		case "version":
			for _, a := range m.Answers {
				if txt, ok := a.Body.(*dnsmessage.TXTResource); ok {
					value = probe.Excerpt([]byte(strings.Join(txt.TXT, " ")))
				}
			}
		}
		if value != "" {
			seen[r.Event+r.Port] = true
			out = append(out, probe.Detail(r.Port, name, r.Event, value, r.Source()))
		}
	}
	return append(out, datagram.Amplification(name, answers)...)
}
