// Package greeting recognises protocols by what their servers say first, or
// answer to one line, so that a port gets its name. Hoshi asks them nothing
// further and does not look for sign-ins there: a person has to.
package greeting

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/probe"
)

// Protocols are the registry entries.
var Protocols = func() []probe.Protocol {
	var out []probe.Protocol
	for _, k := range known {
		out = append(out, probe.Protocol{Name: k.name, TCP: &probe.Talk{Ports: k.ports, Match: k.match, Whole: lines, Shy: slices.Contains(shy, k.name)}})
	}
	return append(out,
		probe.Protocol{Name: "smux", TCP: &probe.Talk{Ports: []int{199}, Match: matchSMUX, Shy: true}},
		probe.Protocol{Name: "coap-tcp", TCP: &probe.Talk{Ports: []int{5683, 5684}, Match: matchCoAP}},
		probe.Protocol{Name: "rdp", TCP: &probe.Talk{Ports: []int{3389}, Ask: askRDP, Match: matchRDP}})
}()

type kind struct {
	name  string
	ports []int
	says  *regexp.Regexp // its first group, if any, is the software
}

func (k kind) match(b []byte) (software string, ok bool) {
	m := k.says.FindSubmatch(b)
	if m == nil {
		return "", false
	}
	if len(m) > 1 {
		software = strings.TrimSpace(string(m[1]))
	}
	return software, true
}

var known = []kind{
	{"smtp", []int{25, 465, 587}, regexp.MustCompile(`(?i)^220[ -]([^\r\n]*(?:smtp|mail|postfix|sendmail|exim)[^\r\n]*)\r?\n`)},
	{"pop3", []int{110, 995}, regexp.MustCompile(`^\+OK ?([^\r\n]*)\r?\n`)},
	{"imap", []int{143, 993}, regexp.MustCompile(`^\* (?:OK|PREAUTH|BYE) ?([^\r\n]*)\r?\n`)},
	{"nntp", []int{119, 563}, regexp.MustCompile(`(?i)^20[01][ -]([^\r\n]*(?:nntp|news|inn)[^\r\n]*)\r?\n`)},
	{"irc", []int{6667, 6697}, regexp.MustCompile(`^(?::\S+ (?:NOTICE|451|020|001|421) |NOTICE AUTH |ERROR :)([^\r\n]*)\r?\n`)},
	{"vnc", []int{5900, 5901}, regexp.MustCompile(`^(RFB \d{3}\.\d{3})\n`)},
	{"rsync", []int{873}, regexp.MustCompile(`^@RSYNCD: ([\d.]+)`)},
	{"redis", []int{6379}, regexp.MustCompile(`^-(?:ERR (?:unknown command|wrong number of arguments|Protocol error)|NOAUTH |DENIED Redis)`)},
	{"memcached", []int{11211}, regexp.MustCompile(`^(?:ERROR\r\n)+$`)},
	{"sip", []int{5060, 5061}, regexp.MustCompile(`^SIP/2\.0 \d{3} `)},
	{"mysql", []int{3306}, regexp.MustCompile(`(?s)^.\x00\x00\x00\x0a(\d[\w.+-]{2,60})\x00`)},
	{"mpd", []int{6600}, regexp.MustCompile(`^OK MPD ([\d.]+)\n`)},
	{"sieve", []int{4190}, regexp.MustCompile(`^"IMPLEMENTATION" "([^"\r\n]*)"`)},
	{"daytime", []int{13}, regexp.MustCompile(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [^\r\n]{0,20}\d\d:\d\d:\d\d[^\r\n]{0,20}\r?\n$`)},
	{"adb", []int{5555}, regexp.MustCompile(`^(?:CNXN|AUTH|STLS)[\s\S]{16}`)},
}

// shy are those of them that say so in answer to what they do not understand.
var shy = []string{"redis", "memcached", "sip", "adb"}

func lines(b []byte) bool { return bytes.HasSuffix(b, []byte("\n")) }

// askRDP is a connection request of X.224 (MS-RDPBCGR 2.2.1.1) that offers TLS.
func askRDP(string, []byte) []byte {
	return []byte{3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0}
}

// matchSMUX: a close message with its reason, which is how a server of SNMP
// subagents answers anything it does not understand (RFC 1227).
func matchSMUX(b []byte) (software string, ok bool) {
	return "", len(b) == 3 && b[0] == 0x41 && b[1] == 1 && b[2] <= 4
}

// matchCoAP: a message of capabilities and settings, with which a server of CoAP
// over TCP begins (RFC 8323 5.3).
func matchCoAP(b []byte) (software string, ok bool) {
	return "", len(b) >= 2 && b[0]&0xf == 0 && b[0]>>4 < 13 && b[1] == 0xe1 && len(b) == 2+int(b[0]>>4) ||
		len(b) >= 3 && b[0] == 0xd0 && b[2] == 0xe1 && len(b) == 3+13+int(b[1])
}

// matchRDP: a connection confirm in a TPKT header.
func matchRDP(b []byte) (software string, ok bool) {
	return "", len(b) >= 11 && b[0] == 3 && b[1] == 0 && int(b[2])<<8|int(b[3]) == len(b) && b[5] == 0xd0
}
