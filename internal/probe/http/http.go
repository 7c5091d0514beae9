// Package http looks at web servers on the device: where they ask for a sign-in
// (forms and HTTP Basic), and whether declared places of information assets can
// be read without one.
//
// It reads pages with GET only, never a link that looks like an action, and
// never another host or port. Pages that build their sign-in form with a script
// are not understood.
package http

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const (
	name     = "http"
	maxPages = 16 // read on one port
)

// Probe is the registry entry.
//
// Events: "plan" (number of declared paths to be read over HTTP), "page" (item = path),
// "read" (item = declared path id). Detail is "tls" or "plain".
var Probe = probe.Probe{Name: name, Stage: 4, Run: run, Parse: Parse}

// Links that may do something are not followed.
var action = regexp.MustCompile(`(?i)(reboot|restart|reset|delete|remove|erase|format|upgrade|update|shutdown|logout|signout|logoff|save|set[_-]?|apply|exec|start|stop|enable|disable|factory)`)

// Places where a sign-in page usually is, tried when no link leads to one.
var usual = []string{"/login", "/login.html", "/index.html", "/admin"}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	rec.Add(probe.Record{Probe: name, Event: "plan", Number: places(t)})
	speaks := map[int]probe.Speaker{}
	for _, s := range t.Speakers("http") {
		speaks[s.Port] = s
		crawl(ctx, t, rec, s)
	}
	for _, p := range t.Paths {
		s, ok := speaks[p.Port]
		if !ok || p.URL == "" || ctx.Err() != nil {
			continue
		}
		Exchange(ctx, t, rec, probe.Record{Probe: name, Event: "read", Item: p.ID}, p.Port, s.TLS, Request{Method: "GET", Path: p.URL})
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
		other[f.Subject] = f.Origin == fact.Observed && p != "" && p != "http" && p != "other" && p != "silent"
	}
	n := 0
	for _, p := range t.Paths {
		if p.URL != "" || !other[probe.TCP(p.Port)] {
			n++
		}
	}
	return n
}

func crawl(ctx context.Context, t *probe.Target, rec *probe.Recorder, s probe.Speaker) {
	host := Host(t, s.Port, s.TLS)
	queue, seen := []string{"/"}, map[string]bool{"/": true}
	found, guessed := false, false
	misses := 0
	for pages := 0; pages < maxPages && ctx.Err() == nil && misses < 2; pages++ {
		if len(queue) == 0 {
			if found || guessed {
				return
			}
			guessed = true
			for _, p := range usual {
				if !seen[p] {
					seen[p] = true
					queue = append(queue, p)
				}
			}
		}
		path := queue[0]
		queue = queue[1:]
		r := Exchange(ctx, t, rec, probe.Record{Probe: name, Event: "page", Item: path}, s.Port, s.TLS, Request{Method: "GET", Path: path})
		a := ParseAnswer(r.Recv)
		if a.Status == 0 {
			misses++
			continue
		}
		if _, _, ok := entrance(r, a); ok {
			found = true
		}
		links := ParsePage(a.Body).Links
		if to := a.Header.Get("Location"); to != "" && a.Status >= 300 && a.Status < 400 {
			links = append([]string{to}, links...)
		}
		for _, l := range links {
			p, ok := Resolve(path, l, host, s.TLS)
			if !ok || seen[p] || action.MatchString(p) || len(p) > 200 {
				continue
			}
			seen[p] = true
			if low := strings.ToLower(p); strings.Contains(low, "login") || strings.Contains(low, "sign") || strings.Contains(low, "auth") {
				queue = slices.Insert(queue, 0, p)
			} else {
				queue = append(queue, p)
			}
		}
	}
}

// entrance tells whether the answer to a "page" record asks for a sign-in, and how.
func entrance(r probe.Record, a Answer) (kind, path string, ok bool) {
	if a.Status == 401 && strings.HasPrefix(strings.ToLower(a.Header.Get("WWW-Authenticate")), "basic") {
		return "basic", r.Item, true
	}
	if a.Status >= 200 && a.Status < 300 || a.Status == 401 || a.Status == 403 {
		if _, ok := ParsePage(a.Body).SignInForm(); ok {
			return "form", r.Item, true
		}
	}
	return "", "", false
}

// Parse states signin.interface for forms and Basic, access.anonymous for each
// declared path that answered, and access.coverage.
func Parse(records []probe.Record) fact.Set {
	var out fact.Set
	var source []string
	planned, asked := -1, 0
	seen := map[string]bool{}
	targets := map[string]bool{} // where forms send to: the same form on many pages is one interface
	for _, r := range records {
		if r.Event == "plan" {
			planned, source = r.Number, append(source, r.Source())
			continue
		}
		a := ParseAnswer(r.Recv)
		if a.Status == 0 {
			continue
		}
		switch r.Event {
		case "page":
			kind, path, ok := entrance(r, a)
			if !ok {
				continue
			}
			id := r.Port + " " + kind + " " + path
			target := r.Port + " " + kind
			if f, ok := ParsePage(a.Body).SignInForm(); ok && kind == "form" {
				to := f.Action
				if to == "" {
					to = path
				}
				target += " " + to
			}
			if seen[id] || targets[target] {
				continue
			}
			seen[id], targets[target] = true, true
			out = append(out, probe.Observed("signin.interface", id, map[string]any{
				"port": r.Port, "kind": kind, "encrypted": r.Detail == "tls"}, r.Source()))
		case "read":
			if r.Item == "" || seen["read "+r.Item] {
				continue
			}
			seen["read "+r.Item] = true
			asked++
			granted, what := 0, []string{}
			if a.Status >= 200 && a.Status < 300 && len(a.Body) > 0 {
				if _, form := ParsePage(a.Body).SignInForm(); !form {
					granted, what = 1, append(what, requestPath(r.Sent))
				}
			}
			out = append(out, probe.Observed("access.anonymous", r.Item, map[string]any{"asked": 1, "granted": granted, "what": what}, r.Source()))
			source = append(source, r.Source())
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
