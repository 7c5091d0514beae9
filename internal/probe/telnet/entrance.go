package telnet

import (
	"context"
	"strings"

	"hoshi/internal/probe"
)

// entrances are the kinds of sign-in over telnet.
var entrances = []probe.Entrance{{Kind: "telnet", Attempt: attempt, Classify: classify}}

func attempt(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	c, err := t.Open(ctx, probe.PortNumber(d.Port), d.TLS)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	s := session{Conn: c}
	recv, err = s.until(ctx, t.Pace.Exchange, prompt)
	if err != nil {
		return nil, recv, err
	}
	if shell(string(recv)) {
		return nil, recv, nil
	}
	say := func(line, shown string) error {
		sent = append(sent, shown+"\r\n"...)
		_, err := c.Write([]byte(line + "\r\n"))
		return err
	}
	if asksName(string(recv)) {
		if err := say(user, user); err != nil {
			return sent, recv, err
		}
		if recv, err = s.until(ctx, t.Pace.Exchange, asksPassword); err != nil {
			return sent, recv, err
		}
	}
	if err := say(pass, probe.Mask); err != nil {
		return sent, recv, err
	}
	recv, err = s.until(ctx, t.Pace.Exchange, func(x string) bool {
		x = strings.Replace(x, pass, "", 1) // an echo is no answer
		return prompt(x) || probe.SaysWrong([]byte(x))
	})
	if len(recv) > 0 {
		err = nil
	}
	return sent, recv, err
}

func classify(_, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	s := string(r.Recv)
	switch {
	case probe.SaysLimited(r.Recv):
		return probe.Limited
	case len(r.Sent) > 0 && !probe.SaysWrong(r.Recv) && (probe.SaysChange(r.Recv) || endsWith(s, "new password:", "new unix password:")):
		return probe.Forced
	case probe.SaysWrong(r.Recv), asksName(s), asksPassword(s) && len(r.Sent) > 0:
		return probe.Refused
	case shell(s):
		return probe.Accepted
	}
	return probe.Unclear
}
