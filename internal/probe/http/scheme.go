package http

import (
	"context"
	"encoding/hex"

	"hoshi/internal/probe"
)

func attemptBasic(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	v := newVisitor(t, d)
	v.auth = func(string, string) (string, string, string) { return user, pass, "" }
	_, recv, a, err := v.do(ctx, Request{Method: "GET", Path: d.Path, Basic: true, User: user, Pass: pass})
	if err == nil && a.Status >= 200 && a.Status < 400 {
		recv = v.behind(ctx, recv, a, d.Path)
	}
	return masked(t, d, v.port, "Basic "+probe.Mask), recv, err
}

func attemptDigest(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	v := newVisitor(t, d)
	sent, recv, a, err := v.do(ctx, Request{Method: "GET", Path: d.Path})
	if err != nil {
		return sent, recv, err
	}
	for range 2 { // a second time when the nonce was too old
		c, ok := DigestChallenge(a.Header.Values("WWW-Authenticate"))
		if !ok || a.Status != 401 {
			break // such as "too many attempts": that is the answer
		}
		cnonce := hex.EncodeToString(t.Random(8))
		use := 0
		v.auth = func(method, path string) (string, string, string) {
			use++
			return "", "", c.Answer(method, cleanPath(path), user, pass, cnonce, use)
		}
		_, _, header := v.auth("GET", d.Path)
		if _, recv, a, err = v.do(ctx, Request{Method: "GET", Path: d.Path, Auth: header}); err != nil {
			break
		}
		if c, ok := DigestChallenge(a.Header.Values("WWW-Authenticate")); a.Status != 401 || !ok || !c.Stale {
			break
		}
	}
	if v.auth != nil && err == nil && a.Status >= 200 && a.Status < 300 {
		recv = v.behind(ctx, recv, a, d.Path)
	}
	return masked(t, d, v.port, "Digest "+probe.Mask), recv, err
}

// masked is the request of a scheme with its proof left out.
func masked(t *probe.Target, d probe.Door, port int, header string) []byte {
	return Request{Method: "GET", Path: d.Path, Auth: header}.Bytes(t.Host(port, d.TLS))
}

// classifyScheme reads answers to HTTP's own schemes of signing in.
func classifyScheme(_, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	a, next := answers(r.Recv)
	switch {
	case a.Status == 0:
		return probe.Unclear
	case busy(a), a.Status == 403:
		return probe.Limited
	case a.Status == 401:
		if c, ok := DigestChallenge(a.Header.Values("WWW-Authenticate")); ok && c.Stale {
			return probe.Unclear
		}
		return probe.Refused
	case a.Status >= 200 && a.Status < 400:
		if forced(next) {
			return probe.Forced
		}
		return probe.Accepted
	}
	return probe.Unclear
}
