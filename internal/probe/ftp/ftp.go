// Package ftp sees whether an FTP server asks for a sign-in. Trying passwords,
// anonymous access among them, is package signin's part.
package ftp

import (
	"bytes"
	"context"
	"strconv"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "ftp"

// Probe is the registry entry.
//
// Events: "greeting" (port; recv = the server's first reply).
var Probe = probe.Probe{Name: name, Stage: 5, Run: run, Parse: parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	t.Each(t.Speakers(name), func(s probe.Speaker) {
		t.Ask(ctx, rec, s, probe.Record{Probe: name, Event: "greeting"}, 4096, t.Pace.Exchange, complete)
	})
	return nil
}

// complete reports that the last reply in b is whole: "ddd text\r\n".
func complete(b []byte) bool {
	if !bytes.HasSuffix(b, []byte("\n")) {
		return false
	}
	lines := bytes.Split(bytes.TrimRight(b, "\r\n"), []byte("\n"))
	l := lines[len(lines)-1]
	return len(l) >= 3 && replyCode(l) != 0 && (len(l) == 3 || l[3] == ' ' || l[3] == '\r')
}

// replyCode returns the code of the last reply in b, or 0 when there is none.
func replyCode(b []byte) int {
	lines := bytes.Split(bytes.TrimRight(b, "\r\n"), []byte("\n"))
	l := lines[len(lines)-1]
	if len(l) < 3 {
		return 0
	}
	n, err := strconv.Atoi(string(l[:3]))
	if err != nil || n < 100 || n > 599 {
		return 0
	}
	return n
}

// parse states signin.interface for each server.
func parse(records []probe.Record) fact.Set {
	return probe.Greeted(records, "greeting", name, func(r probe.Record) bool { return r.Detail == "tls" })
}
