package telnet

import (
	"regexp"

	"hoshi/internal/probe"
)

// Protocol is the registry entry.
var Protocol = probe.Protocol{Name: name, TCP: &probe.Talk{Ports: []int{23, 992, 2323}, Match: match}, Probe: &Probe, Entrances: entrances}

// openShell is the prompt of a shell that is there for anybody.
var openShell = regexp.MustCompile(`[~/][^\r\n]{0,64}[#$] $`)

// match: telnet negotiation, or a prompt as people see it.
func match(b []byte) (software string, ok bool) {
	if len(b) > 1 && b[0] == 255 && b[1] >= 250 && b[1] <= 254 {
		return "", true
	}
	s := string(b)
	return "", asksName(s) || asksPassword(s) || openShell.MatchString(s)
}
