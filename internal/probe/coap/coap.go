// Package coap finds CoAP servers (RFC 7252), reads the list of their resources
// (RFC 6690) and sees which of them anybody can read and, with consent, write.
//
// Resources are never observed. One is written only when two readings more than a
// second apart gave the same short value, and that value is what is written.
package coap

import (
	"bytes"
	"context"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
)

const (
	name = "coap"
	core = "/.well-known/core"
	// Bounds of what is asked of one server.
	maxBlocks = 16
	maxReads  = 10
	maxWrites = 2
	maxValue  = 1024
	pause     = 1200 * time.Millisecond
)

// Probe is the registry entry.
//
// Events as in package datagram. Items: "GET /.well-known/core", "block" (a
// further block of the list), "GET <path>", "again <path>" (a second reading),
// "PUT <path>" (the value that was read).
var Probe = probe.Probe{Name: name, Stage: 3, Run: run, Parse: Parse}

// Protocol is the registry entry.
var Protocol = probe.Protocol{Name: name, UDP: &probe.Talk{Ports: []int{5683}, Match: match,
	Ask: func(string, []byte) []byte { return get(core) }}, Probe: &Probe}

func get(path string) []byte { return build(codeGet, path, 0, 0, nil, -1) }

// match recognises an answer to a question of ours.
func match(answer []byte) (software string, ok bool) {
	m, ok := parse(answer)
	return "", ok && m.answers()
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, port := range datagram.Ports(t, name) {
		var all []datagram.Answer
		ask := func(item string, send []byte) message {
			if ctx.Err() != nil {
				return message{}
			}
			a := datagram.Ask(ctx, t, rec, name, datagram.Question{Port: port, Item: item, Send: send, Next: next})
			all = append(all, a)
			return final(a)
		}
		ask("GET "+core, get(core))
		text, last := listing(all, probe.UDP(port))
		for n := 1; last.more && n < maxBlocks && last.block == n-1; n++ {
			ask("block", build(codeGet, core, n, last.size, nil, -1))
			text, last = listing(all, probe.UDP(port))
		}
		type value struct {
			path string
			message
		}
		var values []value
		reads := 0
		for _, l := range parseLinks(text) {
			if l.path == core || reads >= maxReads || ctx.Err() != nil {
				continue
			}
			reads++
			if m := ask("GET "+l.path, get(l.path)); plain(m) {
				values = append(values, value{l.path, m})
			}
		}
		// A clock, say, changes within the pause and is left alone.
		if !t.Agreed(probe.ConsentWrite) || len(values) == 0 || !probe.Wait(ctx, pause) {
			continue
		}
		writes := 0
		for _, v := range values {
			if again := ask("again "+v.path, get(v.path)); writes < maxWrites && plain(again) && bytes.Equal(again.payload, v.payload) {
				writes++
				ask("PUT "+v.path, build(codePut, v.path, 0, 0, v.payload, v.format))
			}
		}
	}
	return nil
}

// plain reports a short value that came whole.
func plain(m message) bool {
	return m.code == 0x45 && !m.more && len(m.payload) > 0 && len(m.payload) <= maxValue
}

// next acknowledges an answer that comes apart from its acknowledgement (RFC 7252,
// section 5.2.2).
func next(got []byte) (reply []byte, more bool) {
	m, ok := parse(got)
	switch {
	case !ok:
		return nil, false
	case m.kind == acknowledge && m.code == 0:
		return nil, true
	case m.kind == confirmable && m.code != 0:
		return []byte{0x40 | acknowledge<<4, 0, byte(m.id >> 8), byte(m.id)}, false
	}
	return nil, false
}

// final is the message that answers, of all that came back.
func final(a datagram.Answer) message {
	for _, b := range a.Recv {
		if m, ok := parse(b); ok && m.answers() && m.code != 0 {
			return m
		}
	}
	return message{}
}

// listing puts the blocks of a port's list together.
func listing(as []datagram.Answer, port string) (text string, last message) {
	for _, a := range as {
		if a.Port != port || a.Item != "GET "+core && a.Item != "block" {
			continue
		}
		m := final(a)
		if m.code != 0x45 || m.format != formatLink && m.format != -1 || last.more && m.block != last.block+1 || len(text) > probe.MaxBytes {
			continue
		}
		text += string(m.payload)
		last = m
	}
	return text, last
}

// Parse states coap.resource for each listed resource, access.open and
// amplification for each server.
func Parse(records []probe.Record) fact.Set {
	var out fact.Set
	answers := datagram.Answers(records)
	type seen struct {
		read, write, asked bool
		what, source       []string
		codes              map[string]string // of GET, by path
	}
	var servers probe.Ports[seen]
	for _, a := range answers {
		s := servers.At(a.Port)
		if s.codes == nil {
			s.codes = map[string]string{}
		}
		s.source = append(s.source, a.Source())
		verb, path, _ := strings.Cut(a.Item, " ")
		m := final(a)
		s.asked = s.asked || verb == "PUT"
		switch {
		case m.code == 0:
		case verb == "GET" && path != core:
			s.codes[path] = dotted(m.code)
			if m.code == 0x45 {
				s.read = true
				s.what = append(s.what, a.Item)
			}
		case verb == "PUT" && m.code>>5 == 2:
			s.write = true
			s.what = append(s.what, a.Item)
		}
	}
	for port, s := range servers.All() {
		text, _ := listing(answers, port)
		stated := map[string]bool{}
		for _, l := range parseLinks(text) {
			if l.path = datagram.Text(l.path); stated[l.path] {
				continue
			}
			stated[l.path] = true
			out = append(out, probe.Observed("coap.resource", port+" "+l.path, map[string]any{"port": port, "path": l.path, "type": datagram.Text(l.kind), "answer": s.codes[l.path]}, s.source...))
		}
		out = append(out, datagram.Open(port, name, s.read, s.write, s.asked, s.what, s.source...))
	}
	return append(out, datagram.Amplification(name, answers)...)
}
