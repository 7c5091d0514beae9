package practice

import (
	"encoding/binary"
	"io"
	"net"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// dns is the gateway's name server for its own network: it knows its own name
// and, without an uplink, cannot resolve others. Flawed, it hands out as many
// bytes as it can to anybody.
func (d *Device) dns(b []byte, stream bool) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || h.Response {
		return nil
	}
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true, OpCode: h.OpCode, RecursionDesired: h.RecursionDesired, RecursionAvailable: true}}
	q, err := p.Question()
	switch {
	case err != nil:
		out.RCode = dnsmessage.RCodeFormatError
	case h.OpCode != 0:
		out.RCode = dnsmessage.RCodeNotImplemented
	default:
		out.Questions = []dnsmessage.Question{q}
		d.resolve(q, &out)
	}
	packed, err := out.Pack()
	if err != nil {
		return nil
	}
	if !stream && len(packed) > 512 && !d.has("dns-amplification") {
		out.Answers, out.Truncated = nil, true
		packed, err = out.Pack()
	}
	if err != nil {
		return nil
	}
	return packed
}

func (d *Device) resolve(q dnsmessage.Question, out *dnsmessage.Message) {
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60}
	switch {
	case d.has("dns-amplification"):
		for range 8 {
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.TXTResource{TXT: []string{strings.Repeat("practice ", 28)}}})
		}
	case q.Type == dnsmessage.TypeA && strings.EqualFold(q.Name.String(), "gateway.practice."):
		out.Authoritative = true
		if d.o.Addr.Is4() {
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: d.o.Addr.As4()}})
		}
	case strings.HasSuffix(strings.ToLower(q.Name.String()), "practice."):
		out.Authoritative, out.RCode = true, dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeALL:
		out.RCode = dnsmessage.RCodeRefused
	default:
		out.RCode = dnsmessage.RCodeServerFailure
	}
}

// dnsStream serves DNS over TCP, a few queries to a connection.
func (d *Device) dnsStream(n net.Conn) {
	for range 16 {
		var size [2]byte
		if _, err := io.ReadFull(n, size[:]); err != nil {
			return
		}
		b := make([]byte, min(4096, int(binary.BigEndian.Uint16(size[:]))))
		if _, err := io.ReadFull(n, b); err != nil {
			return
		}
		a := d.dns(b, true)
		if a == nil {
			return
		}
		if _, err := n.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}

// mdns answers direct queries for DNS-SD (RFC 6763) about the one service that
// the sensor has.
func (d *Device) mdns(b []byte) []byte {
	const types, service, instance = "_services._dns-sd._udp.local.", "_https._tcp.local.", "Practice sensor._https._tcp.local."
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || h.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	name := func(s string) dnsmessage.Name { n, _ := dnsmessage.NewName(s); return n }
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 10}
	var body dnsmessage.ResourceBody
	asked := strings.ToLower(q.Name.String())
	switch {
	case q.Type != dnsmessage.TypePTR && q.Type != dnsmessage.TypeALL && q.Type != dnsmessage.TypeSRV:
		return nil
	case asked == types:
		body = &dnsmessage.PTRResource{PTR: name(service)}
	case asked == service:
		body = &dnsmessage.PTRResource{PTR: name(instance)}
	case asked == strings.ToLower(instance):
		body = &dnsmessage.SRVResource{Port: uint16(d.Ports.Number("https")), Target: name("practice-sensor.local.")}
	default:
		return nil
	}
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true, Authoritative: true}, Questions: []dnsmessage.Question{{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET}},
		Answers: []dnsmessage.Resource{{Header: head, Body: body}}}
	packed, err := out.Pack()
	if err != nil {
		return nil
	}
	return packed
}
