package ssh

import (
	"bytes"
	"strings"

	"hoshi/internal/probe"
)

// Protocol is the registry entry.
var Protocol = probe.Protocol{Name: name, TCP: &probe.Talk{Ports: []int{22, 2222}, Match: match, Whole: whole}, Probe: &Probe, Entrances: entrances}

// identification finds the version line, which other lines may precede (RFC 4253 4.2).
func identification(b []byte) (string, bool) {
	for range 10 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if bytes.HasPrefix(line, []byte("SSH-")) {
			return strings.TrimSpace(string(line)), ended
		}
		if b = rest; !ended {
			break
		}
	}
	return "", false
}

func match(b []byte) (software string, ok bool) {
	line, _ := identification(b)
	if name, _, ok := strings.Cut(line, " "); ok && strings.Contains(name, "-tinyssh") {
		line = name // its comment is a random value
	}
	parts := strings.SplitN(line, "-", 3)
	return parts[len(parts)-1], len(parts) == 3
}

func whole(b []byte) bool {
	_, ended := identification(b)
	return ended
}
