// Package telnet speaks enough telnet to see a sign-in prompt and to try one
// sign-in. Telnet is never encrypted unless it runs inside TLS.
package telnet

import (
	"bytes"
	"context"
	"net"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "telnet"

// Probe is the registry entry.
//
// Events: "greeting" (port; recv = text before any sign-in).
var Probe = probe.Probe{Name: name, Stage: 5, Run: run, Parse: parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	t.Each(t.Speakers(name), func(s probe.Speaker) {
		start := time.Now()
		r := probe.Record{Probe: name, Event: "greeting"}
		c, err := t.Open(ctx, s.Port, s.TLS)
		if err == nil {
			r.Recv, err = (&session{Conn: c}).until(ctx, t.Pace.Exchange/2, prompt)
			_ = c.Close()
		}
		rec.Add(s.Asked(r, start, err))
	})
	return nil
}

// session is one telnet connection.
type session struct {
	Conn net.Conn
	rest []byte // an IAC sequence that is not complete yet
}

// until reads text, refusing every option the server offers, until done is
// satisfied, the peer hangs up or the time is over.
func (s *session) until(ctx context.Context, wait time.Duration, done func(string) bool) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = s.Conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := s.Conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	var text []byte
	buf := make([]byte, 2048)
	for len(text) < 16<<10 {
		n, err := s.Conn.Read(buf)
		plain, reply, rest := strip(append(s.rest, buf[:n]...))
		s.rest = rest
		text = append(text, plain...)
		if len(reply) > 0 {
			_, _ = s.Conn.Write(reply)
		}
		if done(string(text)) {
			return text, nil
		}
		if err != nil {
			return text, err
		}
	}
	return text, nil
}

// strip takes telnet commands out of a stream: the text, the refusals to send
// back, and an incomplete sequence at the end.
func strip(b []byte) (text, reply, rest []byte) {
	const iac, sb, se, will, wont, do, dont = 255, 250, 240, 251, 252, 253, 254
	for i := 0; i < len(b); i++ {
		if b[i] != iac {
			text = append(text, b[i])
			continue
		}
		if i+1 >= len(b) {
			return text, reply, b[i:]
		}
		switch b[i+1] {
		case iac:
			text = append(text, iac)
			i++
		case will, wont, do, dont:
			if i+2 >= len(b) {
				return text, reply, b[i:]
			}
			switch b[i+1] {
			case will:
				reply = append(reply, iac, dont, b[i+2])
			case do:
				reply = append(reply, iac, wont, b[i+2])
			}
			i += 2
		case sb:
			end := bytes.Index(b[i:], []byte{iac, se})
			if end < 0 {
				if len(b)-i > 1024 {
					return text, reply, nil
				}
				return text, reply, b[i:]
			}
			i += end + 1
		default:
			i++
		}
	}
	return text, reply, nil
}

// prompt: the text ends with a question for a name or a password, or with the
// prompt of a shell.
func prompt(s string) bool { return asksName(s) || asksPassword(s) || shell(s) }

// asksName reports a prompt for a user name at the end of the text.
func asksName(s string) bool { return endsWith(s, "login:", "username:", "user:", "name:", "account:") }

// asksPassword reports a prompt for a password at the end of the text.
func asksPassword(s string) bool { return endsWith(s, "password:", "passwd:", "passcode:") }

// shell reports the prompt of a shell at the end of the text.
func shell(s string) bool {
	s = strings.TrimRight(s, " ")
	return len(s) > 0 && strings.ContainsRune("#$>", rune(s[len(s)-1]))
}

func endsWith(s string, words ...string) bool {
	s = strings.ToLower(strings.TrimRight(s, " \r\n\x00"))
	for _, w := range words {
		if strings.HasSuffix(s, w) {
			return true
		}
	}
	return false
}

// parse states signin.interface for each server.
func parse(records []probe.Record) fact.Set {
	return probe.Greeted(records, "greeting", name, func(r probe.Record) bool { return r.Detail == "tls" })
}
