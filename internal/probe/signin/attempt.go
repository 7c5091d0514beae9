package signin

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"hoshi/internal/probe"
	"hoshi/internal/probe/ftp"
	probehttp "hoshi/internal/probe/http"
	probessh "hoshi/internal/probe/ssh"
	"hoshi/internal/probe/telnet"
)

// entry is one sign-in interface, as fact signin.interface names it.
type entry struct {
	id   string
	port int
	kind string
	path string // page of a form or of HTTP Basic
	tls  bool
}

// attempt tries one user and password once and returns what was sent, with a
// form's password masked, and received. For SSH, whose bytes are encrypted, recv names the message that
// answered.
func (e entry) attempt(ctx context.Context, t *probe.Target, user, pass string) (sent, recv []byte, err error) {
	switch e.kind {
	case "form":
		return e.form(ctx, t, user, pass)
	case "basic":
		return probehttp.Do(ctx, t, e.port, e.tls, probehttp.Request{Method: "GET", Path: e.path, Basic: true, User: user, Pass: pass})
	case "ssh":
		return e.ssh(ctx, t, user, pass)
	case "telnet":
		return e.telnet(ctx, t, user, pass)
	case "ftp":
		return e.ftp(ctx, t, user, pass)
	}
	return nil, nil, fmt.Errorf("signin: kind %q", e.kind)
}

// form reads the page afresh, because it may hold a token for one use, and posts it.
func (e entry) form(ctx context.Context, t *probe.Target, user, pass string) (sent, recv []byte, err error) {
	sent, recv, err = probehttp.Do(ctx, t, e.port, e.tls, probehttp.Request{Method: "GET", Path: e.path})
	if err != nil {
		return sent, recv, err
	}
	a := probehttp.ParseAnswer(recv)
	f, ok := probehttp.ParsePage(a.Body).SignInForm()
	if !ok {
		return sent, recv, nil // such as "too many attempts": that is the answer
	}
	var cookies []string
	for _, c := range a.Header.Values("Set-Cookie") {
		kv, _, _ := strings.Cut(c, ";")
		cookies = append(cookies, kv)
	}
	q := probehttp.Request{Method: f.Method, Path: e.path, Form: f.Fill(user, pass), Cookie: strings.Join(cookies, "; ")}
	if f.Action != "" {
		to, ok := probehttp.Resolve(e.path, f.Action, probehttp.Host(t, e.port, e.tls), e.tls)
		if !ok {
			return sent, recv, probe.ErrElsewhere
		}
		q.Path = to
	}
	if q.Method == "GET" {
		p, _, _ := strings.Cut(q.Path, "?")
		q.Path = p + "?" + q.Form.Encode()
	}
	_, recv, err = probehttp.Do(ctx, t, e.port, e.tls, q)
	// The record shows the request with the value masked, whatever its encoding.
	if q.Form = f.Fill(user, probe.Mask); q.Method == "GET" {
		p, _, _ := strings.Cut(q.Path, "?")
		q.Path = p + "?" + q.Form.Encode()
	}
	return q.Bytes(probehttp.Host(t, e.port, e.tls)), recv, err
}

func (e entry) ssh(ctx context.Context, t *probe.Target, user, pass string) (sent, recv []byte, err error) {
	version, err := probessh.Dial(ctx, t, e.port, user, []ssh.AuthMethod{
		ssh.Password(pass),
		ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			out := make([]string, len(questions))
			for i := range out {
				out[i] = pass
			}
			return out, nil
		}),
	})
	sent = []byte("USERAUTH_REQUEST " + url.QueryEscape(user) + " " + probe.Mask)
	switch {
	case err == nil:
		return sent, []byte("USERAUTH_SUCCESS"), nil
	case strings.Contains(err.Error(), "attempted methods [none]"):
		return sent, []byte("METHOD_NOT_OFFERED"), nil
	case strings.Contains(err.Error(), "unable to authenticate"):
		return sent, []byte("USERAUTH_FAILURE"), nil
	case version == "" && probe.Word(err) == "failed":
		return sent, nil, fmt.Errorf("EOF")
	}
	return sent, nil, err
}

func (e entry) telnet(ctx context.Context, t *probe.Target, user, pass string) (sent, recv []byte, err error) {
	c, err := t.Net.TCP(ctx, e.port, t.Pace.Exchange)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", probe.ErrNoConnection, err)
	}
	defer c.Close()
	s := telnet.Session{Conn: c}
	recv, err = s.Until(ctx, t.Pace.Exchange, func(x string) bool {
		return telnet.AsksName(x) || telnet.AsksPassword(x) || telnet.Shell(x)
	})
	if err != nil {
		return nil, recv, err
	}
	if telnet.Shell(string(recv)) {
		return nil, recv, nil
	}
	say := func(line string) error {
		sent = append(sent, line+"\r\n"...)
		_, err := c.Write([]byte(line + "\r\n"))
		return err
	}
	if telnet.AsksName(string(recv)) {
		if err := say(user); err != nil {
			return sent, recv, err
		}
		if recv, err = s.Until(ctx, t.Pace.Exchange, telnet.AsksPassword); err != nil {
			return sent, recv, err
		}
	}
	if err := say(pass); err != nil {
		return sent, recv, err
	}
	recv, err = s.Until(ctx, t.Pace.Exchange, func(x string) bool {
		return telnet.Shell(x) || telnet.AsksName(x) || telnet.AsksPassword(x) || failure.MatchString(x)
	})
	if len(recv) > 0 {
		err = nil
	}
	return sent, recv, err
}

func (e entry) ftp(ctx context.Context, t *probe.Target, user, pass string) (sent, recv []byte, err error) {
	c, err := t.Net.TCP(ctx, e.port, t.Pace.Exchange)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", probe.ErrNoConnection, err)
	}
	defer c.Close()
	end := time.Now().Add(t.Pace.Exchange)
	for _, line := range []string{"", "USER " + user + "\r\n", "PASS " + pass + "\r\n"} {
		sent = append(sent, line...)
		got, err := probe.Exchange(ctx, c, []byte(line), 4096, time.Until(end), ftp.Complete)
		recv = append(recv, got...)
		if err != nil && len(got) == 0 {
			return sent, recv, err
		}
		if code := ftp.Code(recv); code != 220 && code != 331 {
			break
		}
	}
	return sent, recv, nil
}
