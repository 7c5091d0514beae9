// Package rtsp asks servers of video streams which streams they describe to
// anybody, and where they ask for a sign-in. It never starts a stream.
package rtsp

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "rtsp"

// Protocol is the registry entry.
var Protocol = probe.Protocol{
	Name:      name,
	TCP:       &probe.Talk{Ports: []int{322, 554, 8554, 10554}, Ask: options, Match: match, Whole: wholeReply},
	Probe:     &probe.Probe{Name: name, Stage: 5, Run: run, Parse: parseAll},
	Entrances: entrances,
}

func options(string, []byte) []byte {
	return []byte("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: hoshi-assess\r\n\r\n")
}

var (
	statusLine = regexp.MustCompile(`^RTSP/[12]\.\d \d{3}[ \r]`)
	server     = regexp.MustCompile(`(?im)^server:[ \t]*([^\r\n]*)`)
	// tunnel: servers that carry streams over HTTP answer such requests as HTTP.
	tunnel = regexp.MustCompile(`(?i)^HTTP/1\.\d \d{3}[^\n]*\n(?:[^\r\n]+\r?\n){0,40}?server:[ \t]*[^\r\n]*rtsp`)
)

func match(b []byte) (software string, ok bool) {
	if !statusLine.Match(b) && !tunnel.Match(b) {
		return "", false
	}
	if m := server.FindSubmatch(b); m != nil {
		software = strings.TrimSpace(string(m[1]))
	}
	return software, true
}

// places are paths under which cameras usually serve, asked after the declared ones.
var places = []string{"/", "/live", "/stream1", "/stream", "/live/ch0", "/live/main", "/h264", "/video", "/media/video1", "/Streaming/Channels/101",
	"/cam/realmonitor?channel=1&subtype=0", "/11", "/axis-media/media.amp", "/onvif1", "/test"}

const maxPlaces = 24

// Events of one server: "describe" (item = path; a request without a sign-in).
func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	t.Each(t.Speakers(name), func(s probe.Speaker) {
		var paths []string
		for _, p := range t.Paths {
			if p.Port == s.Port && strings.HasPrefix(p.URL, "/") {
				paths = append(paths, p.URL)
			}
		}
		declared := len(paths)
		paths = append(paths, places...)
		misses := 0
		for i, p := range paths[:min(len(paths), maxPlaces)] {
			if i > 0 && (ctx.Err() != nil || misses == 2) || slices.Contains(paths[:i], p) {
				continue
			}
			r := describe(ctx, t, rec, s, p)
			if len(r.Recv) == 0 {
				misses++
			}
			if status, _ := parse(r.Recv); i >= declared-1 && (status == 200 || status == 401) {
				return
			}
		}
	})
	return nil
}

func describe(ctx context.Context, t *probe.Target, rec *probe.Recorder, s probe.Speaker, path string) probe.Record {
	r := probe.Record{Probe: name, Event: "describe", Item: path, Sent: request(2, stream(t, s, path), "")}
	return t.Ask(ctx, rec, s, r, maxReply, t.Pace.Exchange, wholeReply)
}

// stream is the URL of a stream.
func stream(t *probe.Target, s probe.Speaker, path string) string {
	scheme := "rtsp://"
	if s.TLS {
		scheme = "rtsps://"
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return scheme + t.Host(s.Port, s.TLS) + strings.Map(func(c rune) rune { // what would break out of the line is left out
		if c <= ' ' || c == 0x7f {
			return -1
		}
		return c
	}, path)
}

// request asks for the description of a stream; auth is the value of the Authorization
// header, "" = none.
func request(seq int, url, auth string) []byte {
	b := "DESCRIBE " + url + " RTSP/1.0\r\nCSeq: " + strconv.Itoa(seq) + "\r\nUser-Agent: hoshi-assess\r\nAccept: application/sdp\r\n"
	if auth != "" {
		b += "Authorization: " + auth + "\r\n"
	}
	return []byte(b + "\r\n")
}

// described: the answer describes a stream (SDP, RFC 8866).
func described(b []byte) bool {
	status, _ := parse(b)
	_, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	return status == 200 && bytes.Contains(body, []byte("m="))
}

// parseAll states signin.interface where a path asks for a sign-in, and access.open
// when a stream was described or refused. A server that does neither has its
// streams at places that were not asked: it gets a sign-in at "/", which cannot be
// tried, and no access.open.
func parseAll(records []probe.Record) fact.Set {
	type server struct {
		secure       bool
		open, closed []string
		source       map[string]string
		all          []string
	}
	var servers probe.Ports[server]
	for _, r := range records {
		if !probe.IsTCP(r.Port) || r.Event != "describe" {
			continue
		}
		s := servers.At(r.Port)
		if s.source == nil {
			s.source = map[string]string{}
		}
		s.secure = s.secure || r.Detail == "tls"
		s.all = append(s.all, r.Source())
		if _, seen := s.source[r.Item]; seen {
			continue
		}
		s.source[r.Item] = r.Source()
		switch status, _ := parse(r.Recv); {
		case described(r.Recv):
			s.open = append(s.open, r.Item)
		case status == 401:
			s.closed = append(s.closed, r.Item)
		}
	}
	var out fact.Set
	for port, s := range servers.All() {
		door := "/"
		if len(s.closed) > 0 {
			door = s.closed[0]
		}
		if len(s.open) == 0 || len(s.closed) > 0 {
			out = append(out, probe.SignIn(port, name, door, s.secure, s.all...))
		}
		if len(s.open) > 0 || len(s.closed) > 0 {
			out = append(out, probe.Open(port, name, len(s.open) > 0, false, false, strings.Join(s.open, " "), s.all...))
		}
	}
	return out
}
