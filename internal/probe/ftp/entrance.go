package ftp

import (
	"context"
	"regexp"
	"time"

	"hoshi/internal/probe"
)

// entrances are the kinds of sign-in over FTP.
var entrances = []probe.Entrance{{Kind: "ftp", Attempt: attempt, Classify: classify,
	Known: []probe.Known{{User: "anonymous", Pass: "hoshi@example.invalid", Label: "anonymous"}}}}

func attempt(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	c, err := t.Open(ctx, probe.PortNumber(d.Port), d.TLS)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	end := time.Now().Add(t.Pace.Exchange)
	for _, l := range []struct{ line, shown string }{{}, {"USER " + user + "\r\n", "USER " + user + "\r\n"}, {"PASS " + pass + "\r\n", "PASS " + probe.Mask + "\r\n"}} {
		sent = append(sent, l.shown...)
		got, err := probe.Exchange(ctx, c, []byte(l.line), 4096, time.Until(end), complete)
		recv = append(recv, got...)
		if err != nil && len(got) == 0 {
			return sent, recv, err
		}
		if code := replyCode(recv); code != 220 && code != 331 {
			break
		}
	}
	return sent, recv, nil
}

// secured: a refusal that asks for encryption first, not one of the value.
var secured = regexp.MustCompile(`(?i)(\bTLS\b|\bSSL\b|encrypt|AUTH first)`)

func classify(_, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	switch code := replyCode(r.Recv); code {
	case 230, 202:
		return probe.Accepted
	case 421:
		return probe.Limited
	case 530, 532, 430:
		if probe.SaysLimited(r.Recv) {
			return probe.Limited
		}
		if probe.SaysChange(r.Recv) {
			return probe.Forced
		}
		if secured.Match(r.Recv) {
			return probe.Unclear
		}
		return probe.Refused
	case 331, 220:
		return probe.Missed // no answer to the password
	}
	return probe.Unclear
}
