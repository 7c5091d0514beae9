package udp

import (
	"bytes"
	"slices"

	"hoshi/internal/probe"
)

// basic are questions for services whose protocol has no folder of its own.
var basic = []probe.Protocol{
	// A recursion-free query for the name servers of the root.
	question("dns", 53, false, []byte("\x48\x53\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"), "\x48\x53"),
	// A read request for a file that no device has; the answer is "not found".
	question("tftp", 69, true, []byte("\x00\x01hoshi-probe-no-such-file\x00octet\x00"), "\x00"),
	// NTP version 4, client.
	question("ntp", 123, false, append([]byte{0x23}, make([]byte, 47)...), ""),
	// SNMP version 2c, community "public", get sysDescr.0.
	question("snmp", 161, false, []byte("\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x48\x6f\x73\x68\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00"), "\x30"),
	question("ssdp", 1900, true, []byte("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n"), "HTTP/1.1 "),
	// A one-shot query for the list of service types, unicast answer wanted.
	question("mdns", 5353, true, []byte("\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09_services\x07_dns-sd\x04_udp\x05local\x00\x00\x0c\x80\x01"), "\x00\x00\x84"),
	// CoAP confirmable GET /.well-known/core.
	question("coap", 5683, false, []byte("\x40\x01\x48\x53\xbb.well-known\x04core"), ""),
}

// question makes a protocol of one fixed request. begins is how an answer begins.
func question(name string, port int, roams bool, ask []byte, begins string) probe.Protocol {
	return probe.Protocol{Name: name, UDP: &probe.Talk{Ports: []int{port}, Roams: roams,
		Ask: func(string, []byte) []byte { return ask },
		Match: func(answer []byte) (string, bool) {
			if bytes.Equal(answer, ask) || !bytes.HasPrefix(answer, []byte(begins)) {
				return "", false // an echo service sends back what it got
			}
			switch name {
			case "dns":
				return "", len(answer) >= 12 && answer[2]&0x80 != 0
			case "tftp":
				return "", len(answer) >= 4 && answer[1] >= 3 && answer[1] <= 6
			case "ntp":
				return "", len(answer) >= 48 && answer[0]&7 == 4
			case "coap":
				return "", len(answer) >= 4 && answer[0]>>6 == 1 && answer[1] >= 0x40 && bytes.Equal(answer[2:4], ask[2:4])
			}
			return "", true
		}}}
}

// catalogue is what the probe knows of protocols over UDP.
type catalogue struct {
	all   []probe.Protocol
	ports []int // where they are usually found, ascending
}

func newCatalogue(protocols []probe.Protocol) catalogue {
	var c catalogue
	for _, p := range protocols {
		if p.UDP != nil && p.UDP.Ask != nil {
			c.all = append(c.all, p)
		}
	}
	for _, b := range basic {
		if !slices.ContainsFunc(c.all, func(p probe.Protocol) bool { return p.Name == b.Name }) {
			c.all = append(c.all, b)
		}
	}
	for _, p := range c.all {
		c.ports = append(c.ports, p.UDP.Ports...)
	}
	slices.Sort(c.ports)
	c.ports = slices.Compact(c.ports)
	return c
}

// questions are those that the number of a port suggests, and all others.
func (c catalogue) questions(port int) (hinted, general []probe.Protocol) {
	for _, p := range c.all {
		if slices.Contains(p.UDP.Ports, port) {
			hinted = append(hinted, p)
		} else {
			general = append(general, p)
		}
	}
	return hinted, general
}

// recognise names the protocol of an answer to a question of the protocol asked:
// that one first, then whichever knows it. "other" when none does.
func (c catalogue) recognise(asked string, answer []byte) string {
	match := func(same bool) string {
		for _, p := range c.all {
			if p.UDP.Match != nil && (p.Name == asked) == same {
				if _, ok := p.UDP.Match(answer); ok {
					return p.Name
				}
			}
		}
		return ""
	}
	if n := match(true); n != "" {
		return n
	}
	if n := match(false); n != "" {
		return n
	}
	return "other"
}
