// Package udp asks the first UDP services each in its own protocol: DNS, TFTP,
// NTP, SNMP, SSDP, mDNS and CoAP.
//
// A datagram back means open, an ICMP port-unreachable means closed, silence
// means undecided: a service may be there and not care to answer. Silence is
// never reported as closed.
package udp

import (
	"context"
	"errors"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "udp"

// Probe is the registry entry. It runs after the TCP scan has ended: the two
// never overlap, because together they starve weak devices.
//
// Events: "plan" (number of ports asked), "asked" (port, what was sent and
// received; item is the protocol).
var Probe = probe.Probe{Name: name, Stage: 2, Run: run, Parse: Parse}

// question is one service: its port, its name and one harmless request.
type question struct {
	port    int
	service string
	ask     []byte
	roams   bool // the answer comes from another port
}

var questions = []question{
	// A recursion-free query for the name servers of the root.
	{53, "dns", []byte("\x48\x53\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"), false},
	// A read request for a file that no device has; the answer is "not found".
	{69, "tftp", []byte("\x00\x01hoshi-probe-no-such-file\x00octet\x00"), true},
	// NTP version 4, client.
	{123, "ntp", append([]byte{0x23}, make([]byte, 47)...), false},
	// SNMP version 2c, community "public", get sysDescr.0.
	{161, "snmp", []byte("\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x48\x6f\x73\x68\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00"), false},
	{1900, "ssdp", []byte("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n"), true},
	// A one-shot query for the list of service types, unicast answer wanted.
	{5353, "mdns", []byte("\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09_services\x07_dns-sd\x04_udp\x05local\x00\x00\x0c\x80\x01"), true},
	// CoAP confirmable GET /.well-known/core.
	{5683, "coap", []byte("\x40\x01\x48\x53\xbb.well-known\x04core"), false},
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	rec.Add(probe.Record{Probe: name, Event: "plan", Number: len(questions)})
	for _, q := range questions {
		if ctx.Err() != nil {
			return nil
		}
		start := time.Now()
		got, word := ask(ctx, t, q)
		rec.Add(probe.Record{Probe: name, Event: "asked", Port: probe.UDP(q.port), Item: q.service, Error: word,
			Sent: q.ask, Recv: got, Took: time.Since(start).Milliseconds()})
	}
	return nil
}

func ask(ctx context.Context, t *probe.Target, q question) ([]byte, string) {
	word := "timeout"
	for range max(1, t.Pace.UDPTries) {
		c, err := t.Net.UDP(ctx, q.port, t.Pace.UDPWait)
		if err != nil {
			return nil, probe.Word(err)
		}
		got, err := probe.Datagram(ctx, c, q.ask, t.Pace.UDPWait)
		_ = c.Close()
		if len(got) > 0 {
			return got, ""
		}
		if word = probe.Word(err); word == "refused" || ctx.Err() != nil {
			return nil, word
		}
		if q.roams {
			if got := askRoaming(ctx, t, q); got != nil {
				return got, ""
			}
		}
	}
	return nil, word
}

func askRoaming(ctx context.Context, t *probe.Target, q question) []byte {
	p, err := t.Net.Packets(ctx)
	if err != nil {
		return nil
	}
	defer p.Close()
	if err := p.Send(q.port, q.ask); err != nil {
		return nil
	}
	got, err := p.Receive(t.Pace.UDPWait)
	if err != nil || errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return got
}

// Parse states udp.open for each port that answered and udp.coverage.
func Parse(records []probe.Record) fact.Set {
	var out fact.Set
	var source []string
	asked, open, closed := 0, 0, 0
	seen := map[string]bool{}
	for _, r := range records {
		switch r.Event {
		case "plan":
			asked = r.Number
			source = append(source, r.Source())
		case "asked":
			p := probe.PortNumber(r.Port)
			if p == 0 || r.Port != probe.UDP(p) || seen[r.Port] {
				continue
			}
			seen[r.Port] = true
			switch {
			case len(r.Recv) > 0:
				open++
				out = append(out, probe.Observed("udp.open", r.Port, map[string]any{"service": r.Item}, r.Source()))
			case r.Error == "refused":
				closed++
			}
		}
	}
	if asked <= 0 {
		return nil
	}
	return append(out, probe.Observed("udp.coverage", "", map[string]any{
		"asked": asked, "open": open, "closed": closed, "undecided": max(0, asked-open-closed)}, source...))
}
