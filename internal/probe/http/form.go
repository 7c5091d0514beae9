package http

import (
	"bytes"
	"context"
	"strings"

	"hoshi/internal/probe"
)

// attemptForm reads the page afresh, because it may hold a token for one use, and
// posts it.
func attemptForm(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	v := newVisitor(t, d)
	sent, recv, a, err := v.do(ctx, Request{Method: "GET", Path: d.Path})
	if err != nil {
		return sent, recv, err
	}
	f, ok := parsePage(a.Body).SignInForm()
	if !ok {
		return sent, recv, nil // such as "too many attempts": that is the answer
	}
	to := d.Path
	if f.Action != "" {
		if to, ok = resolve(d.Path, f.Action, t.Host(v.port, d.TLS), d.TLS); !ok {
			return sent, recv, probe.ErrElsewhere
		}
	}
	fill := func(pass string) Request {
		q := Request{Method: f.Method, Path: to, Form: f.Fill(user, pass)}
		if q.Method == "GET" {
			p, _, _ := strings.Cut(q.Path, "?")
			q.Path = p + "?" + q.Form.Encode()
		}
		return q
	}
	_, recv, a, err = v.do(ctx, fill(pass))
	to = location(a)
	if _, form := parsePage(a.Body).SignInForm(); !form && a.Status >= 200 && a.Status < 400 && (to == "" || !back.MatchString(to)) &&
		!probe.SaysWrong(a.Body) && !probe.SaysLimited(a.Body) {
		recv = v.behind(ctx, recv, a)
	}
	return fill(probe.Mask).Bytes(t.Host(v.port, d.TLS)), recv, err
}

func classifyForm(base, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	a, next := answers(r.Recv)
	if a.Status == 0 {
		return probe.Unclear
	}
	if busy(a) {
		return probe.Limited
	}
	b, _ := answers(base.Recv)
	if bytes.Equal(a.Body, b.Body) && a.Status == b.Status && location(a) == location(b) {
		return probe.Refused
	}
	if probe.SaysLimited(a.Body) && !probe.SaysLimited(b.Body) {
		return probe.Limited
	}
	_, form := parsePage(a.Body).SignInForm()
	switch {
	case a.Status >= 300 && a.Status < 400:
		if location(a) == location(b) && a.Status == b.Status || back.MatchString(location(a)) {
			return probe.Refused
		}
	case form, a.Status == 401:
		return probe.Refused
	case a.Status == 403:
		if b.Status == 403 {
			return probe.Refused
		}
		return probe.Limited
	case a.Status >= 200 && a.Status < 300:
		if a.Status == b.Status && (probe.SaysWrong(a.Body) && probe.SaysWrong(b.Body) || same(a, b) || outside(next)) {
			return probe.Refused
		}
	default:
		return probe.Unclear
	}
	if changeForm(parsePage(a.Body)) && len(next) == 0 {
		return probe.Forced
	}
	if forced(next) {
		return probe.Forced
	}
	return probe.Accepted
}
