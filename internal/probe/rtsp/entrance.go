package rtsp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/textproto"
	"strconv"
	"strings"

	"hoshi/internal/probe"
	probehttp "hoshi/internal/probe/http"
)

// entrances are the kinds of sign-in over RTSP: HTTP's Basic and Digest on a
// DESCRIBE request (RFC 2326 D.1).
var entrances = []probe.Entrance{{Kind: "rtsp", Attempt: attempt, Classify: classify}}

const maxReply = 16 << 10

func attempt(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	at := probe.Speaker{Port: probe.PortNumber(d.Port), TLS: d.TLS}
	url := stream(t, at, d.Path)
	c, err := t.Open(ctx, at.Port, at.TLS)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = c.Close() }()
	sent = request(1, url, "")
	recv, err = probe.Exchange(ctx, c, sent, maxReply, t.Pace.Exchange, wholeReply)
	status, header := parse(recv)
	if status != 401 {
		return sent, recv, none(recv, err)
	}
	auth, shown := "", "Basic "+probe.Mask
	if ch, ok := probehttp.DigestChallenge(header.Values("Www-Authenticate")); ok {
		auth, shown = ch.Answer("DESCRIBE", url, user, pass, hex.EncodeToString(t.Random(8)), 1), "Digest "+probe.Mask
	} else {
		auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))
	}
	again, err := probe.Exchange(ctx, c, request(2, url, auth), maxReply, t.Pace.Exchange, wholeReply)
	if len(again) == 0 { // servers that hang up after each answer
		_ = c.Close()
		if c, err = t.Open(ctx, at.Port, at.TLS); err != nil {
			return request(2, url, shown), nil, err
		}
		again, err = probe.Exchange(ctx, c, request(2, url, auth), maxReply, t.Pace.Exchange, wholeReply)
	}
	return request(2, url, shown), again, none(again, err)
}

// none: an answer makes the end of the connection unimportant.
func none(recv []byte, err error) error {
	if len(recv) > 0 {
		return nil
	}
	return err
}

// parse reads status and header of a reply; status 0 when it is none.
func parse(b []byte) (int, textproto.MIMEHeader) {
	line, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok || !bytes.HasPrefix(line, []byte("RTSP/1.")) {
		return 0, nil
	}
	parts := strings.SplitN(string(line), " ", 3)
	if len(parts) < 2 {
		return 0, nil
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n < 100 || n > 599 {
		return 0, nil
	}
	h, _ := textproto.NewReader(bufio.NewReader(io.LimitReader(bytes.NewReader(rest), maxReply))).ReadMIMEHeader()
	return n, h
}

// wholeReply: header and body have come in full.
func wholeReply(b []byte) bool {
	_, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return false
	}
	_, h := parse(b)
	n, err := strconv.Atoi(strings.TrimSpace(h.Get("Content-Length")))
	return err != nil || len(body) >= n
}

// classify: a stream that does not exist is only told to those who signed in.
func classify(_, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	status, header := parse(r.Recv)
	switch {
	case status == 429, status == 423, status == 503, status == 453, header.Get("Retry-After") != "":
		return probe.Limited
	case status == 403:
		return probe.Limited
	case status == 401:
		return probe.Refused
	case status >= 200 && status < 400, status == 404, status == 415, status == 454:
		if !bytes.Contains(r.Sent, []byte("\r\nAuthorization:")) && status >= 400 {
			return probe.Unclear // nobody asked for a value
		}
		return probe.Accepted
	}
	return probe.Unclear
}
