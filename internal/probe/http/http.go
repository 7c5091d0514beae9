// Package http looks at web servers on the device: where they ask for a sign-in
// (forms, HTTP Basic and Digest, JSON APIs), what they call themselves, and
// whether declared places of information assets can be read without a sign-in.
//
// It reads pages and scripts with GET only, never a link that looks like an
// action, and never another host or port. A sign-in that it sees and does not
// understand is stated as of kind "other".
package http

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const (
	name     = "http"
	maxPages = 24 // read on one port
)

// Probe asks further wherever HTTP was found.
//
// Events: "plan" (number of declared paths to be read over HTTP), "page" (item = path),
// "excerpt" (item = path of a script too long for one record; recv = the parts of
// the rest that speak of signing in), "read" (item = declared path id). Detail is
// "tls" or "plain".
var Probe = probe.Probe{Name: name, Stage: 5, Lane: "http", Run: run, Parse: parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	rec.Add(probe.Record{Probe: name, Event: "plan", Number: places(t)})
	speaks := map[int]probe.Speaker{}
	speakers := t.Speakers(name)
	for _, s := range speakers {
		speaks[s.Port] = s
	}
	t.Each(speakers, func(s probe.Speaker) { crawl(ctx, t, rec, s) })
	for _, p := range t.Paths {
		s, ok := speaks[p.Port]
		if !ok || p.URL == "" || ctx.Err() != nil {
			continue
		}
		exchange(ctx, t, rec, probe.Record{Probe: name, Event: "read", Item: p.ID}, p.Port, s.TLS, Request{Method: "GET", Path: p.URL})
	}
	return nil
}

// places counts the declared paths that can only be read over HTTP: those with a
// URL, and those on ports that speak no other known protocol. What another
// protocol lets anybody read is its own probe's matter.
func places(t *probe.Target) int {
	other := map[string]bool{}
	for _, f := range t.Facts.Named("service.protocol") {
		p := probe.Str(f.Value, "protocol")
		other[f.Subject] = f.Origin == fact.Observed && p != "" && p != name && probe.Str(f.Value, "over") != name && p != "other" && p != "silent"
	}
	n := 0
	for _, p := range t.Paths {
		if p.URL != "" || !other[probe.TCP(p.Port)] {
			n++
		}
	}
	return n
}

func crawl(ctx context.Context, t *probe.Target, rec *probe.Recorder, sp probe.Speaker) {
	s := newSite()
	misses := 0
	for pages := 0; pages == 0 || pages < maxPages && ctx.Err() == nil && misses < 2; pages++ {
		path := s.next()
		if path == "" {
			return
		}
		r := probe.Record{Probe: name, Event: "page", Item: path}
		start := time.Now()
		sent, recv, err := do(ctx, t, sp.Port, sp.TLS, Request{Method: "GET", Path: path})
		r.Sent, r.Recv = sent, recv
		r = rec.Add(sp.Asked(r, start, err))
		s.note(r)
		if len(r.Recv) == 0 {
			misses++
		}
		if full := ParseAnswer(recv); r.Cut && len(full.Body) > 0 {
			if rest := excerpts(full.Body, probe.MaxBytes); len(rest) > 0 {
				s.note(rec.Add(probe.Record{Probe: name, Event: "excerpt", Item: path, Port: r.Port, Detail: r.Detail, Recv: rest}))
			}
		}
	}
}

// parse states signin.interface for each entrance, service.detail for what servers
// call themselves, access.anonymous for each declared path that answered, and
// access.coverage.
func parse(records []probe.Record) fact.Set {
	var out fact.Set
	var source, order []string
	planned, asked := -1, 0
	sites := map[string]*site{}
	secure := map[string]bool{}
	read := map[string]bool{}
	for _, r := range records {
		switch r.Event {
		case "plan":
			planned, source = r.Number, append(source, r.Source())
		case "page", "excerpt":
			if probe.PortNumber(r.Port) == 0 {
				continue
			}
			if sites[r.Port] == nil {
				sites[r.Port], secure[r.Port] = newSite(), r.Detail == "tls"
				order = append(order, r.Port)
			}
			sites[r.Port].note(r)
		case "read":
			a := ParseAnswer(r.Recv)
			if a.Status == 0 || r.Item == "" || read[r.Item] {
				continue
			}
			read[r.Item] = true
			asked++
			granted, what := 0, []string{}
			if a.Status >= 200 && a.Status < 300 && len(a.Body) > 0 {
				if _, form := parsePage(a.Body).SignInForm(); !form {
					granted, what = 1, append(what, requestPath(r.Sent))
				}
			}
			out = append(out, probe.Observed("access.anonymous", r.Item, map[string]any{"asked": 1, "granted": granted, "what": what}, r.Source()))
			source = append(source, r.Source())
		}
	}
	for _, port := range order {
		s := sites[port]
		stated := map[string]bool{}
		for _, e := range s.entrances() {
			id := probe.Clip(port + " " + e.kind + " " + e.path)
			if stated[id] {
				continue
			}
			stated[id] = true
			out = append(out, probe.SignIn(port, e.kind, e.path, secure[port], e.source))
		}
		for _, k := range slices.Sorted(maps.Keys(s.details)) {
			out = append(out, probe.Detail(port, name, k, s.details[k], s.source["detail "+k]))
		}
	}
	if planned < 0 {
		return nil
	}
	return append(out, probe.Observed("access.coverage", "", map[string]any{"paths": planned, "asked": asked}, source...))
}

// requestPath returns the path of a recorded request.
func requestPath(sent []byte) string {
	line, _, _ := strings.Cut(string(sent), "\r\n")
	if parts := strings.Split(line, " "); len(parts) == 3 {
		return probe.Clip(parts[1])
	}
	return ""
}
