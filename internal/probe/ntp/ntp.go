// Package ntp finds time servers (RFC 5905) and sees whether they answer the
// management questions of mode 6 (RFC 9327) and mode 7, whose long answers have
// been turned on others.
package ntp

import (
	"context"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
)

const name = "ntp"

// Modes of a packet.
const (
	client  = 3
	server  = 4
	control = 6
	private = 7
)

// stamp is the transmit time of our question; a server sends it back.
const stamp = "HoshiNTP"

// Probe is the registry entry.
//
// Events as in package datagram. Items: "time", "readvar" (mode 6: variables of
// the server), "monlist" (mode 7: who asked before).
var Probe = probe.Probe{Name: name, Stage: 3, Run: run, Parse: parse}

// Protocol is the registry entry.
var Protocol = probe.Protocol{Name: name, UDP: &probe.Talk{Ports: []int{123}, Match: match,
	Ask: func(string, []byte) []byte { return clock() }}, Probe: &Probe}

// clock is the question of a client of version 4.
func clock() []byte {
	b := make([]byte, 48)
	b[0] = 4<<3 | client
	copy(b[40:], stamp)
	return b
}

var (
	readvar = []byte{2<<3 | control, 2, 0x48, 0x53, 0, 0, 0, 0, 0, 0, 0, 0}
	// monlist asks implementation 3 (ntpd) for request 42.
	monlist = []byte{2<<3 | private, 0, 3, 42, 0, 0, 0, 0}
)

// match recognises the answer to a client.
func match(answer []byte) (software string, ok bool) {
	return "", len(answer) >= 48 && answer[0]&7 == server && string(answer[24:32]) == stamp
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, port := range datagram.Ports(t, name) {
		datagram.AskAll(ctx, t, rec, name,
			datagram.Question{Port: port, Item: "time", Send: clock()},
			datagram.Question{Port: port, Item: "readvar", Send: readvar, Many: true, Ours: func(b []byte) bool { _, ok := variables(b); return ok }},
			datagram.Question{Port: port, Item: "monlist", Send: monlist, Many: true, Ours: listed})
	}
	return nil
}

// variables returns the text in an answer to readvar; an error of the server is
// an answer without text.
func variables(b []byte) (text string, ok bool) {
	if len(b) < 12 || b[0]&7 != control || b[1]&0x80 == 0 || b[1]&0x1f != 2 || string(b[2:4]) != "\x48\x53" {
		return "", false
	}
	n := int(binary.BigEndian.Uint16(b[10:]))
	if b[1]&0x40 != 0 || n > len(b)-12 {
		return "", true
	}
	return string(b[12 : 12+n]), true
}

// listed recognises an answer to monlist, an error too.
func listed(b []byte) bool {
	return len(b) >= 8 && b[0]&7 == private && b[0]&0x80 != 0 && b[2] == 3 && b[3] == 42
}

// entries is how many hosts an answer to monlist names; 0 for an error.
func entries(b []byte) int {
	if !listed(b) || b[4]>>4 != 0 {
		return 0
	}
	return int(binary.BigEndian.Uint16(b[4:]) & 0x0fff)
}

var variable = regexp.MustCompile(`(?:^|,)\s*(version|processor|system|refid)=(?:"([^"]*)"|([^,\r\n]*))`)

// parse states ntp.answer, access.open and amplification for each server, and what
// it says of itself.
func parse(records []probe.Record) fact.Set {
	type seen struct {
		time, control, private bool
		text                   strings.Builder
		what, source, told     []string
	}
	var servers probe.Ports[seen]
	answers := datagram.Answers(records)
	for _, a := range answers {
		s := servers.At(a.Port)
		s.source = append(s.source, a.Source())
		for _, b := range a.Recv {
			switch a.Item {
			case "time":
				_, ok := match(b)
				s.time = s.time || ok
			case "readvar":
				if text, ok := variables(b); ok && text != "" && s.text.Len() < probe.MaxBytes {
					s.control = true
					s.text.WriteString(text)
					s.told = []string{a.Source()}
				}
			case "monlist":
				s.private = s.private || entries(b) > 0
			}
		}
	}
	var out fact.Set
	for port, s := range servers.All() {
		if s.control {
			s.what = append(s.what, "mode 6 readvar")
		}
		if s.private {
			s.what = append(s.what, "mode 7 monlist")
		}
		out = append(out,
			probe.Observed("ntp.answer", port, map[string]any{"time": s.time, "control": s.control, "private": s.private}, s.source...),
			datagram.Open(port, name, s.control || s.private, false, false, s.what, s.source...))
		keys := []string{}
		for _, m := range variable.FindAllStringSubmatch(s.text.String(), 16) {
			if !slices.Contains(keys, m[1]) {
				keys = append(keys, m[1])
				out = append(out, datagram.Detail(port, name, m[1], m[2]+m[3], s.told...)...)
			}
		}
	}
	return append(out, datagram.Amplification(name, answers)...)
}
