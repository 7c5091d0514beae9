// Package ipp asks printers, over HTTP, who they are, whether they tell anybody
// which jobs they have, and whether they would take a job from anybody. No job is
// made.
package ipp

import (
	"bytes"
	"context"
	"net/url"
	"strconv"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/http"
)

const name = "ipp"

// Protocol is the registry entry.
var Protocol = probe.Protocol{
	Name:  name,
	TCP:   &probe.Talk{Ports: []int{631}, Over: "http", Ask: ask, Match: match, Whole: whole},
	Probe: &probe.Probe{Name: name, Stage: 5, Lane: "http", Run: run, Parse: parse},
}

const usual = "/ipp/print" // RFC 3510, and every printer for driverless printing

func ask(host string, _ []byte) []byte {
	return post(host, usual, request(printerAttributes, "ipp://"+host+usual, "printer-make-and-model"))
}

func post(host, path string, body []byte) []byte {
	return append([]byte("POST "+path+" HTTP/1.1\r\nHost: "+host+"\r\nUser-Agent: hoshi-assess\r\nContent-Type: application/ipp\r\nContent-Length: "+
		strconv.Itoa(len(body))+"\r\nConnection: close\r\n\r\n"), body...)
}

// match recognises an answer in IPP, or a web server that says it speaks IPP.
func match(b []byte) (software string, ok bool) {
	a := http.ParseAnswer(b)
	if a.Status == 0 {
		return "", false
	}
	server := a.Header.Get("Server")
	return server, strings.Contains(server, "IPP/") || strings.HasPrefix(a.Header.Get("Content-Type"), "application/ipp")
}

func whole(b []byte) bool {
	_, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return false
	}
	a := http.ParseAnswer(b)
	n, err := strconv.Atoi(a.Header.Get("Content-Length"))
	return err == nil && len(body) >= n || bytes.HasSuffix(b, []byte("\r\n0\r\n\r\n"))
}

// Events of one server: "printer", "jobs" and "validate"; item = path.
func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	t.Each(t.Speakers(name), func(s probe.Speaker) {
		for _, q := range []struct {
			operation uint16
			path      string
		}{{printerAttributes, usual}, {defaultPrinter, "/"}, {printerAttributes, "/"}, {printerAttributes, "/ipp"}} {
			r := exchange(ctx, t, rec, s, "printer", q.path, request(q.operation, uri(t, s, q.path), "printer-make-and-model", "printer-info", "printer-firmware-string-version", "printer-uri-supported"))
			x, ok := answer(r)
			if !ok || !x.ok() {
				continue
			}
			path := q.path
			if u, err := url.Parse(x.attributes["printer-uri-supported"]); err == nil && strings.HasPrefix(u.Path, "/") && len(u.Path) < 200 {
				path = u.EscapedPath()
			}
			exchange(ctx, t, rec, s, "jobs", path, request(getJobs, uri(t, s, path), "job-id", "job-name"))
			exchange(ctx, t, rec, s, "validate", path, request(validateJob, uri(t, s, path)))
			return
		}
	})
	return nil
}

func uri(t *probe.Target, s probe.Speaker, path string) string {
	scheme := "ipp://"
	if s.TLS {
		scheme = "ipps://"
	}
	return scheme + t.Host(s.Port, s.TLS) + path
}

func exchange(ctx context.Context, t *probe.Target, rec *probe.Recorder, s probe.Speaker, event, path string, body []byte) probe.Record {
	r := probe.Record{Probe: name, Event: event, Item: path, Sent: post(t.Host(s.Port, s.TLS), path, body)}
	return t.Ask(ctx, rec, s, r, 64<<10, t.Pace.Exchange, whole)
}

// answer reads the IPP answer of a record.
func answer(r probe.Record) (response, bool) {
	a := http.ParseAnswer(r.Recv)
	if a.Status != 200 {
		return response{}, false
	}
	return parseResponse(a.Body)
}

// refused: the server wants to know who asks.
func refused(r probe.Record) bool {
	a := http.ParseAnswer(r.Recv)
	x, ok := answer(r)
	return a.Status == 401 || a.Status == 403 || a.Status == 426 || ok && x.status >= 0x0401 && x.status <= 0x0403
}

// parse states service.detail, and access.open when jobs were told or refused:
// read = the list of jobs, write = a job would be taken. A refusal is a sign-in
// that package signin does not know how to try.
func parse(records []probe.Record) fact.Set {
	var out fact.Set
	type server struct {
		read, write, refused, asked, secure bool
		source                              []string
	}
	var servers probe.Ports[server]
	stated := map[string]bool{}
	for _, r := range records {
		if !probe.IsTCP(r.Port) {
			continue
		}
		s := servers.At(r.Port)
		s.secure = s.secure || r.Detail == "tls"
		x, ok := answer(r)
		switch r.Event {
		case "printer":
			for _, k := range [][2]string{{"printer-make-and-model", "model"}, {"printer-info", "name"}, {"printer-firmware-string-version", "version"}} {
				if v := x.attributes[k[0]]; ok && v != "" && !stated[r.Port+k[1]] {
					stated[r.Port+k[1]] = true
					out = append(out, probe.Detail(r.Port, name, k[1], probe.Excerpt([]byte(v)), r.Source()))
				}
			}
		case "jobs", "validate":
			s.source = append(s.source, r.Source())
			s.refused = s.refused || refused(r)
			if r.Event == "jobs" {
				s.read = s.read || ok && x.ok()
			} else {
				s.asked = true
				s.write = s.write || ok && x.ok()
			}
		}
		if refused(r) && r.Event == "printer" {
			s.refused = true
			s.source = append(s.source, r.Source())
		}
	}
	for port, s := range servers.All() {
		what := ""
		switch {
		case s.read && s.write:
			what = "jobs, printing"
		case s.read:
			what = "jobs"
		case s.write:
			what = "printing"
		}
		if s.refused {
			out = append(out, probe.SignIn(port, "other", usual, s.secure, s.source...))
		}
		if s.read || s.write || s.refused {
			out = append(out, probe.Open(port, name, s.read, s.write, s.asked, what, s.source...))
		}
	}
	return out
}
