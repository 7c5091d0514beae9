// Package ssdp finds UPnP devices by a search, reads their descriptions and lists
// the actions that they offer (UPnP Device Architecture 1.1). UPnP knows no
// sign-in: who reaches the device may call its actions.
//
// That reading is possible is proven by calling a few actions that only read and
// take no input. Actions that change something are listed and not called, but for
// one: with consent to writing a gateway is asked for a way in that leads to this
// host, which is taken back at once.
// Everything is fetched from the device's own address; a description that lies
// elsewhere is left alone.
package ssdp

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
	probehttp "hoshi/internal/probe/http"
)

const (
	name = "ssdp"
	upnp = "upnp"
	// Bounds of what is fetched from one device.
	maxDescriptions = 4
	maxCalls        = 12
	maxEach         = 3 // of one service
)

// Probe is the registry entry.
//
// Events as in package datagram for the search (item "search"), and over TCP:
// "description" (item is its path), "actions" (a service's list; item is its
// path), "call" (item is the control path, a blank and the action), and "map" and
// "unmap" (the same, of the calls that change something). Detail is
// "elsewhere" for a description that lies at another address.
var Probe = probe.Probe{Name: name, Stage: 5, Lane: "http", Run: run, Parse: Parse}

// Protocol is the registry entry.
var Protocol = probe.Protocol{Name: name, UDP: &probe.Talk{Ports: []int{1900}, Roams: true, Match: Match,
	Ask: func(host string, _ []byte) []byte { return search(host) }}, Probe: &Probe}

func search(host string) []byte {
	return []byte("M-SEARCH * HTTP/1.1\r\nHOST: " + host + ":1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n")
}

// bracketed writes an address as it stands before a port.
func bracketed(a netip.Addr) string {
	if a = a.Unmap().WithZone(""); a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// header reads an answer to a search, with names in upper case; nil when it is none.
func header(b []byte) map[string]string {
	first, rest, _ := strings.Cut(string(b[:min(len(b), 4096)]), "\n")
	if !strings.HasPrefix(first, "HTTP/1.1 200") && !strings.HasPrefix(first, "HTTP/1.0 200") {
		return nil
	}
	h := map[string]string{}
	for line := range strings.SplitSeq(rest, "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok {
			h[strings.ToUpper(strings.TrimSpace(k))] = strings.TrimSpace(v)
		}
	}
	if h["ST"] == "" && h["USN"] == "" {
		return nil
	}
	return h
}

// Match recognises an answer to a search.
func Match(answer []byte) (software string, ok bool) {
	h := header(answer)
	return datagram.Text(h["SERVER"]), h != nil
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, port := range datagram.Ports(t, name) {
		a := datagram.Ask(ctx, t, rec, name, datagram.Question{Port: port, Item: "search", Send: search(bracketed(t.Addr)), Roams: true, Many: true,
			Quiet: 1100 * time.Millisecond}) // MX allows a second
		for _, l := range locations(a) {
			describe(ctx, t, rec, l)
		}
	}
	return nil
}

// locations lists where an answer says that descriptions lie, each once.
func locations(a datagram.Answer) []place {
	var out []place
	for _, b := range a.Recv {
		l, ok := locate(place{}, header(b)["LOCATION"])
		if ok && l.host != "" && !slices.Contains(out, l) && len(out) < maxDescriptions {
			out = append(out, l)
		}
	}
	return out
}

func describe(ctx context.Context, t *probe.Target, rec *probe.Recorder, l place) {
	here := func(p place) bool {
		a, err := netip.ParseAddr(p.host)
		return err == nil && a.Unmap().WithZone("") == t.Addr.Unmap().WithZone("")
	}
	if !here(l) {
		rec.Add(probe.Record{Probe: name, Event: "description", Port: probe.TCP(l.port), Item: l.path, Detail: "elsewhere"})
		return
	}
	r := fetch(ctx, t, rec, "description", l, l.path, request("GET", l, t, "", nil))
	d, _ := parseDevice(probehttp.ParseAnswer(r.Recv).Body)
	calls := 0
	for _, s := range d.services {
		at, ok := locate(l, s.actions)
		if !ok || !here(at) || ctx.Err() != nil {
			continue
		}
		r := fetch(ctx, t, rec, "actions", at, at.path, request("GET", at, t, "", nil))
		list, _ := parseActions(probehttp.ParseAnswer(r.Recv).Body)
		to, ok := locate(l, s.control)
		if !ok || !here(to) || !word(s.kind) {
			continue
		}
		each := 0
		for _, a := range telling(list) {
			if calls >= maxCalls || each >= maxEach || ctx.Err() != nil {
				break
			}
			calls, each = calls+1, each+1
			fetch(ctx, t, rec, "call", to, to.path+" "+a.name, request("POST", to, t, s.kind+"#"+a.name, envelope(a.name, s.kind, "")))
		}
		mapping(ctx, t, rec, to, s.kind, list)
	}
}

// telling lists the actions that only read and take no input, those first that
// tell the most.
func telling(list []action) []action {
	out := slices.DeleteFunc(slices.Clone(list), func(a action) bool { return !a.reads() || a.inputs > 0 })
	rank := func(a action) int {
		for i, w := range []string{"External", "Info", "Status", "Device"} {
			if strings.Contains(a.name, w) {
				return i
			}
		}
		return 9
	}
	slices.SortStableFunc(out, func(a, b action) int { return rank(a) - rank(b) })
	return out
}

// request renders a request to the device.
func request(method string, p place, t *probe.Target, soap string, body []byte) []byte {
	var b bytes.Buffer
	b.WriteString(method + " " + p.path + " HTTP/1.1\r\nHost: " + t.Host(p.port, false) + "\r\nUser-Agent: hoshi-assess\r\nConnection: close\r\n")
	if soap != "" {
		b.WriteString("SOAPAction: \"" + soap + "\"\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

func fetch(ctx context.Context, t *probe.Target, rec *probe.Recorder, event string, p place, item string, send []byte) probe.Record {
	start := time.Now()
	r := probe.Record{Probe: name, Event: event, Port: probe.TCP(p.port), Item: item, Sent: send}
	c, err := t.Net.TCP(ctx, p.port, t.Pace.Exchange)
	if err == nil {
		r.Recv, err = probe.Exchange(ctx, c, send, probe.MaxBytes, t.Pace.Exchange, probehttp.Whole)
		_ = c.Close()
	}
	if len(r.Recv) == 0 {
		r.Error = probe.Word(err)
	}
	r.Took = time.Since(start).Milliseconds()
	return rec.Add(r)
}

// Parse states device.uptime (the id of the last start) and amplification for the
// search, upnp.service for each service described, access.open for each port
// where actions were called, and what the device says of itself.
func Parse(records []probe.Record) fact.Set {
	var out fact.Set
	answers := datagram.Answers(records)
	base := map[[2]string]place{}
	for _, a := range answers {
		for _, l := range locations(a) {
			base[[2]string{probe.TCP(l.port), l.path}] = l
		}
		for _, b := range a.Recv {
			h := header(b)
			if h == nil {
				continue
			}
			out = append(out, datagram.Detail(a.Port, name, "server", h["SERVER"], a.Source())...)
			if id, err := strconv.ParseInt(h["BOOTID.UPNP.ORG"], 10, 32); err == nil && id > 0 {
				out = append(out, datagram.Uptime(a.Port+" "+name, -1, id, a.Record))
			}
		}
	}
	lists := map[[2]string]probe.Record{}
	calls := map[[2]string]probe.Record{}
	for _, r := range records {
		key := [2]string{r.Port, r.Item}
		switch r.Event {
		case "actions":
			lists[key] = r
		case "call", "map":
			calls[key] = r
		}
	}
	type access struct {
		read, write, asked bool
		what, source       []string
	}
	var ports probe.Ports[access]
	for _, r := range records {
		l, known := base[[2]string{r.Port, r.Item}]
		if r.Event != "description" || !known || r.Detail == "elsewhere" {
			continue
		}
		d, ok := parseDevice(probehttp.ParseAnswer(r.Recv).Body)
		if !ok {
			continue
		}
		for _, k := range []string{"friendlyName", "manufacturer", "modelName", "modelNumber", "modelDescription", "serialNumber"} {
			out = append(out, datagram.Detail(r.Port, upnp, k, d.told[k], r.Source())...)
		}
		for _, s := range d.services {
			to, ok := locate(l, s.control)
			if !ok || to.host != l.host {
				continue
			}
			port := probe.TCP(to.port)
			source := []string{r.Source()}
			reads, changes, called, answered := []string{}, []string{}, []string{}, []string{}
			complete := false
			if at, ok := locate(l, s.actions); ok {
				if x, ok := lists[[2]string{probe.TCP(at.port), at.path}]; ok {
					source = append(source, x.Source())
					var list []action
					list, complete = parseActions(probehttp.ParseAnswer(x.Recv).Body)
					complete = complete && !x.Cut
					for _, a := range list {
						if a.reads() {
							reads = append(reads, a.name)
						} else {
							changes = append(changes, a.name)
						}
						c, ok := calls[[2]string{port, to.path + " " + a.name}]
						if !ok || slices.Contains(called, a.name) {
							continue
						}
						p := ports.At(port)
						source = append(source, c.Source())
						p.source = append(p.source, c.Source())
						if c.Event == "map" {
							p.asked = true
							if done(c, a.name) {
								p.write = true
								p.what = append(p.what, a.name)
							}
							continue
						}
						called = append(called, a.name)
						if done(c, a.name) {
							answered = append(answered, a.name)
							p.read = true
							p.what = append(p.what, a.name)
						}
					}
				}
			}
			out = append(out, probe.Observed("upnp.service", port+" "+datagram.Text(to.path), map[string]any{"port": port, "type": datagram.Text(s.kind),
				"reads": reads, "changes": changes, "called": called, "answered": answered, "complete": complete}, source...))
		}
	}
	for port, p := range ports.All() {
		out = append(out, datagram.Open(port, upnp, p.read, p.write, p.asked, p.what, p.source...))
	}
	return append(datagram.First(out), datagram.Amplification(name, answers)...)
}
