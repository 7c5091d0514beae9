package ssh

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"golang.org/x/crypto/ssh"

	"hoshi/internal/probe"
)

// entrances are the kinds of sign-in over SSH.
var entrances = []probe.Entrance{{Kind: "ssh", Attempt: attempt, Classify: classify}}

// Names of the messages that answer an attempt; SSH's own bytes are encrypted.
const (
	success    = "USERAUTH_SUCCESS"
	failure    = "USERAUTH_FAILURE"
	notOffered = "METHOD_NOT_OFFERED"
	mustChange = "PASSWD_CHANGEREQ"
)

// attempt tries one value once, as a password where the server takes one, else as
// the answer to its questions.
func attempt(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	sent = []byte("USERAUTH_REQUEST " + url.QueryEscape(user) + " " + probe.Mask)
	recv, err = dial(ctx, t, d, user, ssh.Password(pass))
	if string(recv) != notOffered {
		return sent, recv, err
	}
	round, asked := 0, ""
	recv, err = dial(ctx, t, d, user, ssh.KeyboardInteractive(func(_, instruction string, questions []string, _ []bool) ([]string, error) {
		out := make([]string, len(questions))
		if len(questions) == 0 {
			return out, nil
		}
		if round++; round > 1 { // the value was taken, and something else is wanted now
			asked = instruction + " " + strings.Join(questions, " ")
			return nil, errAsked
		}
		for i := range out {
			out[i] = pass
		}
		return out, nil
	}))
	if s := strings.ToLower(asked); probe.SaysChange([]byte(asked)) || strings.Contains(s, "new ") {
		return sent, []byte(mustChange), nil
	}
	if asked != "" {
		return sent, []byte(failure), nil // asked once more: the first value was wrong
	}
	return sent, recv, err
}

var errAsked = errors.New("asked again")

func dial(ctx context.Context, t *probe.Target, d probe.Door, user string, method ssh.AuthMethod) (recv []byte, err error) {
	_, err = connect(ctx, t, probe.PortNumber(d.Port), user, []ssh.AuthMethod{method})
	switch {
	case err == nil:
		return []byte(success), nil
	case strings.Contains(err.Error(), "attempted methods [none]"):
		return []byte(notOffered), nil
	case strings.Contains(err.Error(), "unable to authenticate"):
		return []byte(failure), nil
	case strings.Contains(err.Error(), "message type 60"): // SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, RFC 4252 8
		return []byte(mustChange), nil
	}
	return nil, err
}

func classify(_, r probe.Record) probe.Outcome {
	switch string(r.Recv) {
	case success:
		return probe.Accepted
	case failure:
		return probe.Refused
	case notOffered:
		return probe.Closed
	case mustChange:
		return probe.Forced
	case "":
		return probe.Unanswered(r)
	}
	return probe.Unclear
}
