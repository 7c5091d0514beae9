package http

import (
	"bytes"
	"strings"

	"hoshi/internal/probe"
)

// Protocol is the registry entry.
var Protocol = probe.Protocol{
	Name:      name,
	TCP:       &probe.Talk{Ports: []int{80, 81, 88, 443, 591, 8000, 8008, 8080, 8081, 8088, 8443, 8888, 9080, 9443, 49152}, Ask: ask, Match: match, Whole: headed},
	Probe:     &Probe,
	Entrances: entrances,
}

func ask(host string, _ []byte) []byte { return Request{Method: "GET", Path: "/"}.Bytes(host) }

func match(b []byte) (software string, ok bool) {
	if !bytes.HasPrefix(b, []byte("HTTP/")) {
		return "", false
	}
	a := ParseAnswer(b)
	server := a.Header.Get("Server")
	// Servers of streams answer HTTP too, to carry streams over it.
	return server, a.Status != 0 && !strings.Contains(strings.ToLower(server), "rtsp")
}

// headed: the header is complete, which is all that recognition needs.
func headed(b []byte) bool {
	return bytes.Contains(b, []byte("\r\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}
