package ftp

import (
	"bytes"
	"regexp"
	"strings"

	"hoshi/internal/probe"
)

// Protocol is the registry entry.
var Protocol = probe.Protocol{Name: name, TCP: &probe.Talk{Ports: []int{21, 990, 2121}, Match: match, Whole: complete}, Probe: &Probe, Entrances: entrances}

var (
	reply = regexp.MustCompile(`^[1-5][0-9][0-9][ -]`)
	mail  = regexp.MustCompile(`(?i)(smtp|mail|postfix|sendmail|exim|nntp|news)`)
)

// match: a reply that names FTP, or a welcome (220) that does not name another
// protocol with the same kind of replies.
func match(b []byte) (software string, ok bool) {
	if !reply.Match(b) || !bytes.Contains(b, []byte("\n")) {
		return "", false
	}
	named := bytes.Contains(bytes.ToLower(b), []byte("ftp"))
	if !named && (!bytes.HasPrefix(b, []byte("220")) || mail.Match(b)) {
		return "", false
	}
	line, _, _ := strings.Cut(string(b[4:]), "\n")
	return strings.TrimSpace(line), true
}
