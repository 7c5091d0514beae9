package http

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/probe"
)

const maxBody = 256 << 10 // bytes read of one answer

// Request is one question over HTTP.
type Request struct {
	Method string
	Path   string // path and query
	Cookie string
	Form   url.Values // body of a POST
	User   string     // HTTP Basic, when Basic is set
	Pass   string
	Basic  bool
	Auth   string // value of the Authorization header, when not Basic
	JSON   []byte // body of a POST instead of Form
}

// Bytes renders the request as sent on the wire.
func (q Request) Bytes(host string) []byte {
	var b, body bytes.Buffer
	if q.Method == "POST" {
		body.WriteString(q.Form.Encode())
	}
	kind := "application/x-www-form-urlencoded"
	if q.JSON != nil {
		body.Reset()
		body.Write(q.JSON)
		kind = "application/json"
	}
	b.WriteString(q.Method + " " + cleanPath(q.Path) + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: hoshi-assess\r\nAccept: */*\r\nConnection: close\r\n")
	if q.Cookie != "" {
		b.WriteString("Cookie: " + q.Cookie + "\r\n")
	}
	if q.Basic {
		b.WriteString("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(q.User+":"+q.Pass)) + "\r\n")
	}
	if q.Auth != "" {
		b.WriteString("Authorization: " + q.Auth + "\r\n")
	}
	if q.Method == "POST" {
		b.WriteString("Content-Type: " + kind + "\r\nContent-Length: " + strconv.Itoa(body.Len()) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body.Bytes())
	return b.Bytes()
}

// cleanPath keeps a path from breaking out of its line.
func cleanPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c == 0x7f {
			return -1
		}
		return c
	}, p)
}

// do sends one request on a fresh connection and reads the answer whole, up to
// a bound.
func do(ctx context.Context, t *probe.Target, port int, secure bool, q Request) (sent, recv []byte, err error) {
	sent = q.Bytes(t.Host(port, secure))
	c, err := t.Open(ctx, port, secure)
	if err != nil {
		return sent, nil, err
	}
	defer c.Close()
	recv, err = probe.Exchange(ctx, c, sent, maxBody, t.Pace.Exchange, Whole)
	if len(recv) > 0 {
		err = nil
	}
	return sent, recv, err
}

// Whole reports that an answer with a stated length has come in full.
func Whole(b []byte) bool {
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return false
	}
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, "content-length") {
			n, err := strconv.Atoi(strings.TrimSpace(v))
			return err == nil && len(body) >= n
		}
	}
	return false
}

// exchange asks and records: Detail is "tls" or "plain". The kept record is returned.
func exchange(ctx context.Context, t *probe.Target, rec *probe.Recorder, r probe.Record, port int, secure bool, q Request) probe.Record {
	start := time.Now()
	sent, recv, err := do(ctx, t, port, secure, q)
	r.Sent, r.Recv = sent, recv
	return rec.Add(probe.Speaker{Port: port, TLS: secure}.Asked(r, start, err))
}

// Answer is a parsed HTTP answer.
type Answer struct {
	Status     int // 0 when the bytes are not HTTP
	Header     http.Header
	Body       []byte
	RetryAfter int // seconds; 0 when not stated
}

// ParseAnswer reads an answer out of a transcript. Bodies that were cut or
// masked are read as far as they go.
func ParseAnswer(b []byte) Answer {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), &http.Request{Method: "GET"})
	if err != nil {
		return Answer{}
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	a.Body, _ = io.ReadAll(io.LimitReader(res.Body, maxBody))
	if len(a.Body) == 0 {
		_, a.Body, _ = bytes.Cut(b, []byte("\r\n\r\n"))
	}
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") { // some servers pack without being asked
		if z, err := gzip.NewReader(bytes.NewReader(a.Body)); err == nil {
			a.Body, _ = io.ReadAll(io.LimitReader(z, maxBody))
		}
	}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 && n <= 1e6 {
		a.RetryAfter = n
	}
	return a
}
