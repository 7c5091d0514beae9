// Package mdns finds devices that answer multicast DNS (RFC 6762) when they are
// asked directly, and lists the services that they advertise (DNS-SD, RFC 6763)
// with the ports on which those are.
package mdns

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
)

const (
	protocol = "mdns"
	// Bounds of what is asked of one device.
	maxTypes     = 24
	maxInstances = 48
)

// Probe is the registry entry.
//
// Events as in package datagram. Items: "types" (of services), "type" (the
// instances of some types), "instances" (ports and texts of some instances).
var Probe = probe.Probe{Name: protocol, Stage: 3, Run: run, Parse: Parse}

// Protocol is the registry entry.
var Protocol = probe.Protocol{Name: protocol, UDP: &probe.Talk{Ports: []int{5353}, Roams: true, Match: match, Ask: ask}, Probe: &Probe}

// types is the name that lists types of services (RFC 6763, section 9).
var types = labels{"_services", "_dns-sd", "_udp", "local"}

// ask asks for types of services, and for the device's name, which those have that
// advertise nothing.
func ask(host string, _ []byte) []byte {
	names := []labels{types}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		names = append(names, reverse(a.Unmap()))
	}
	return question(names, typePTR)
}

// reverse is the name under which an address is found (RFC 1035, RFC 3596).
func reverse(a netip.Addr) labels {
	var out labels
	b := a.AsSlice()
	slices.Reverse(b)
	if a.Is4() {
		for _, c := range b {
			out = append(out, strconv.Itoa(int(c)))
		}
		return append(out, "in-addr", "arpa")
	}
	for _, c := range b {
		out = append(out, strconv.FormatUint(uint64(c&15), 16), strconv.FormatUint(uint64(c>>4), 16))
	}
	return append(out, "ip6", "arpa")
}

// match recognises an answer: a type of service, or a name under .local.
func match(answer []byte) (software string, ok bool) {
	es, authoritative, _ := parse(answer)
	for _, e := range es {
		if e.kind == typePTR && (e.name.is(types.String()) || authoritative && len(e.target) > 1 && strings.EqualFold(e.target[len(e.target)-1], "local")) {
			return "", true
		}
	}
	return "", false
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, port := range datagram.Ports(t, protocol) {
		var all []datagram.Answer
		put := func(item string, b []byte) {
			if ctx.Err() == nil {
				all = append(all, datagram.Ask(ctx, t, rec, protocol, datagram.Question{Port: port, Item: item, Send: b, Roams: true, Many: true}))
			}
		}
		put("types", ask(t.Addr.String(), nil))
		kinds := gather(all).kinds
		for batch := range slices.Chunk(kinds[:min(len(kinds), maxTypes)], 6) {
			put("type", question(batch, typePTR))
		}
		g := gather(all)
		var unknown []labels
		for _, i := range g.instances[:min(len(g.instances), maxInstances)] {
			if _, ok := g.service[i.String()]; !ok {
				unknown = append(unknown, i)
			}
		}
		for batch := range slices.Chunk(unknown, 6) {
			put("instances", question(batch, typeSRV, typeTXT))
		}
	}
	return nil
}

// gathered is all that answers tell.
type gathered struct {
	kinds     []labels // types of services, each once
	instances []labels
	service   map[string]entry // SRV, by instance
	text      map[string]entry // TXT, by instance
	source    map[string][]string
	host      string // the device's own name
}

func gather(as []datagram.Answer) gathered {
	g := gathered{service: map[string]entry{}, text: map[string]entry{}, source: map[string][]string{}}
	add := func(list *[]labels, l labels) {
		if !slices.ContainsFunc(*list, func(x labels) bool { return x.is(l.String()) }) && len(*list) < maxRecords {
			*list = append(*list, l)
		}
	}
	for _, a := range as {
		for _, b := range a.Recv {
			es, _, _ := parse(b)
			for _, e := range es {
				id := e.name.String()
				instance := ""
				switch {
				case e.kind == typePTR && e.name.is(types.String()):
					if len(e.target) == 3 {
						add(&g.kinds, e.target)
					}
				case e.kind == typePTR && len(e.name) > 2 && strings.EqualFold(e.name[len(e.name)-1], "arpa"):
					g.host = e.target.String()
				case e.kind == typePTR && len(e.name) == 3 && len(e.target) == 4:
					add(&g.instances, e.target)
					instance = e.target.String()
				case e.kind == typeSRV && len(e.name) == 4:
					add(&g.instances, e.name)
					g.service[id], instance = e, id
				case e.kind == typeTXT && len(e.name) == 4:
					g.text[id], instance = e, id
				}
				if instance != "" && !slices.Contains(g.source[instance], a.Source()) {
					g.source[instance] = append(g.source[instance], a.Source())
				}
			}
		}
	}
	return g
}

// Parse states mdns.service for each service that a device advertises, its name,
// and amplification.
func Parse(records []probe.Record) fact.Set {
	var out fact.Set
	answers := datagram.Answers(records)
	var ports probe.Ports[[]datagram.Answer]
	for _, a := range answers {
		p := ports.At(a.Port)
		*p = append(*p, a)
	}
	for port, all := range ports.All() {
		g := gather(*all)
		out = append(out, datagram.Detail(port, protocol, "host", g.host, (*all)[0].Source())...)
		for _, i := range g.instances {
			id := i.String()
			s, known := g.service[id]
			at := ""
			if kind := strings.ToLower(i[2]); known && s.port > 0 && (kind == "_tcp" || kind == "_udp") {
				at = kind[1:] + "/" + strconv.Itoa(s.port)
			}
			text := []string{}
			for _, x := range g.text[id].text[:min(len(g.text[id].text), 32)] {
				text = append(text, datagram.Text(x))
			}
			out = append(out, probe.Observed("mdns.service", port+" "+datagram.Text(id), map[string]any{
				"name": datagram.Text(i[0]), "type": datagram.Text(i[1] + "." + i[2]), "port": at, "host": datagram.Text(s.target.String()), "text": text}, g.source[id]...))
		}
	}
	return append(datagram.First(out), datagram.Amplification(protocol, answers)...)
}
