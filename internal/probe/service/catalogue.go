package service

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	probetls "hoshi/internal/probe/tls"
)

// catalogue is what is known of all protocols that are spoken over TCP.
type catalogue struct {
	list   []probe.Protocol // spoken over TCP itself, in the registry's order
	over   map[string][]probe.Protocol
	byName map[string]probe.Protocol
}

func newCatalogue(protocols []probe.Protocol) catalogue {
	c := catalogue{over: map[string][]probe.Protocol{}, byName: map[string]probe.Protocol{}}
	for _, p := range protocols {
		if p.TCP == nil {
			continue
		}
		c.byName[p.Name] = p
		if p.TCP.Over != "" {
			c.over[p.TCP.Over] = append(c.over[p.TCP.Over], p)
		} else {
			c.list = append(c.list, p)
		}
	}
	return c
}

// hints counts the protocols that usually live on a port.
func (c catalogue) hints(port int) int {
	n := 0
	for _, p := range c.list {
		if slices.Contains(p.TCP.Ports, port) {
			n++
		}
	}
	return n
}

// greets reports that a server on the port usually speaks first.
func (c catalogue) greets(port int) bool {
	return slices.ContainsFunc(c.list, func(p probe.Protocol) bool {
		return p.TCP.Ask == nil && !p.TCP.Shy && slices.Contains(p.TCP.Ports, port)
	})
}

// asks are the protocols to ask in: those of the port, then all others.
func (c catalogue) asks(port int) (hinted, general []probe.Protocol) {
	for _, p := range c.list {
		usual := slices.Contains(p.TCP.Ports, port) || slices.ContainsFunc(c.over[p.Name], func(up probe.Protocol) bool { return slices.Contains(up.TCP.Ports, port) })
		switch {
		case p.TCP.Ask == nil:
		case usual:
			hinted = append(hinted, p)
		default:
			general = append(general, p)
		}
	}
	return hinted, general
}

// greeting reports that what came unasked is recognised and whole.
func (c catalogue) greeting(b []byte) bool {
	p, _, ok := c.match(b, "")
	return ok && (p.TCP.Whole == nil || p.TCP.Whole(b))
}

// match shows an answer to every protocol, first to the one that was asked in.
func (c catalogue) match(b []byte, asked string) (p probe.Protocol, software string, ok bool) {
	if p, known := c.byName[asked]; known {
		if software, ok = p.TCP.Match(b); ok {
			return p, software, true
		}
	}
	for _, p := range c.list {
		if software, ok = p.TCP.Match(b); ok {
			return p, software, true
		}
	}
	return probe.Protocol{}, "", false
}

// seen is what the records of one port say so far.
type seen struct {
	protocol, over, software string // protocol "" = not recognised
	asked                    []string
	tls                      bool
	shut                     bool   // TLS could not be agreed on
	raw                      []byte // the first answer that nobody recognised
	done                     bool
	source                   []string
}

// note takes one record in. A live run and a replay both come this way.
func (c catalogue) note(s *seen, r probe.Record) {
	s.source = append(s.source, r.Source())
	switch r.Event {
	case "end":
		s.done = true
		return
	case "tls":
		if a := probetls.ParseAnswer(r.Recv); a.TLS {
			s.tls, s.raw = true, nil
			s.shut = a.Hello && a.Version <= probetls.SSL30 // no library speaks that any more
			return
		}
	case "ask":
		s.asked = append(s.asked, r.Item)
	case "banner":
	default:
		return
	}
	if r.Error == "handshake" {
		s.shut = true
	}
	if len(r.Recv) == 0 {
		return
	}
	if n := len(r.Recv); n >= 8 && n <= len(r.Sent) && bytes.Equal(r.Recv, r.Sent[:n]) {
		if s.protocol == "" {
			s.protocol = "echo" // it gives back whatever it is given
		}
		return
	}
	p, software, ok := c.match(r.Recv, r.Item)
	switch {
	case !ok:
		if s.raw == nil {
			s.raw = r.Recv
		}
		return
	case s.protocol == "" || s.protocol == "echo":
		s.protocol = p.Name
	case p.TCP.Over == s.protocol:
		s.protocol, s.over = p.Name, p.TCP.Over
	}
	if software != "" && (p.Name == s.protocol || p.Name == s.over) {
		s.software = clip(software)
	}
	for _, up := range c.over[s.protocol] {
		if software, ok := up.TCP.Match(r.Recv); ok {
			s.protocol, s.over = up.Name, up.TCP.Over
			if software != "" {
				s.software = clip(software)
			}
			return
		}
	}
}

// parse states service.protocol for every port that was asked to the end. A port
// whose questions were broken off gets no fact.
func (c catalogue) parse(records []probe.Record) fact.Set {
	var ports probe.Ports[seen]
	for _, r := range records {
		if probe.IsTCP(r.Port) {
			c.note(ports.At(r.Port), r)
		}
	}
	var out fact.Set
	for port, s := range ports.All() {
		if !s.done {
			continue
		}
		protocol, excerpt := s.protocol, ""
		switch {
		case protocol != "":
		case s.tls || len(s.raw) > 0:
			protocol, excerpt = "other", strings.TrimSpace(passing.ReplaceAllString(probe.Excerpt(s.raw), ""))
		default:
			protocol = "silent"
		}
		out = append(out, probe.Observed("service.protocol", port, map[string]any{"protocol": protocol, "over": s.over, "tls": s.tls,
			"understood": c.understood(protocol) && (s.over == "" || c.understood(s.over)), "software": s.software, "excerpt": excerpt}, s.source...))
	}
	return out
}

func (c catalogue) understood(protocol string) bool { return c.byName[protocol].Probe != nil }

// passing are parts of a greeting that differ each time: the time, and a mark
// against replays (RFC 1939 7).
var passing = regexp.MustCompile(`<[^<>\s]*@[^<>\s]*>|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?: ?[+-]\d{4})?(?: ?\([A-Z]+\))?|\b\d\d:\d\d:\d\d\b`)

func clip(s string) string {
	s = passing.ReplaceAllString(probe.Clip(s), "")
	if s = strings.TrimSpace(s); len(s) > 120 {
		s = strings.ToValidUTF8(s[:120], "")
	}
	return s
}
