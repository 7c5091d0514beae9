// Package service tells what speaks on each open TCP port: HTTP, TLS, SSH,
// telnet or FTP, and what it calls itself.
//
// It listens first, then offers a TLS hello, then an HTTP request, each on its
// own connection. Ports are asked side by side within one time budget, so that
// mute ports cost one shared wait.
package service

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	probehttp "hoshi/internal/probe/http"
	probetls "hoshi/internal/probe/tls"
)

const (
	name     = "service"
	parallel = 6
)

// Probe is the registry entry.
//
// Events, in this order for one port: "banner" (what came unasked), "tls" (a
// hello and its answer), "http" (a request and its answer; detail "tls" when
// inside TLS).
var Probe = probe.Probe{Name: name, Stage: 3, Run: run, Parse: Parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	gate := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for _, f := range t.Facts.Named("tcp.open") {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			identify(ctx, t, rec, probe.PortNumber(f.Subject))
		})
	}
	wg.Wait()
	return nil
}

func identify(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int) {
	spoke := listen(ctx, t, rec, port)
	if len(spoke.Recv) > 0 || ctx.Err() != nil {
		return
	}
	hello := hello(ctx, t, rec, port)
	a := probetls.ParseAnswer(hello.Recv)
	if ctx.Err() != nil {
		return
	}
	probehttp.Exchange(ctx, t, rec, probe.Record{Probe: name, Event: "http"}, port, a.TLS, probehttp.Request{Method: "GET", Path: "/"})
}

func listen(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int) probe.Record {
	r := probe.Record{Probe: name, Event: "banner", Port: probe.TCP(port)}
	start := time.Now()
	c, err := t.Net.TCP(ctx, port, t.Pace.Exchange)
	if err != nil {
		err = probe.ErrNoConnection
	} else {
		r.Recv, err = probe.Exchange(ctx, c, nil, 1024, t.Pace.Banner, func(b []byte) bool { return bytes.ContainsRune(b, '\n') })
		_ = c.Close()
	}
	if len(r.Recv) == 0 {
		r.Error = probe.Word(err)
	}
	r.Took = time.Since(start).Milliseconds()
	return rec.Add(r)
}

func hello(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int) probe.Record {
	random := make([]byte, 96)
	_, _ = io.ReadFull(t.Rand, random)
	// A common offer: which versions and suites exactly is the tls probe's question.
	offer := []uint16{0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c, 0x002f, 0x0035, 0x000a}
	r := probe.Record{Probe: name, Event: "tls", Port: probe.TCP(port), Sent: probetls.Hello(probetls.TLS12, offer, random)}
	start := time.Now()
	c, err := t.Net.TCP(ctx, port, t.Pace.Exchange)
	if err != nil {
		err = probe.ErrNoConnection
	} else {
		r.Recv, err = probe.Exchange(ctx, c, r.Sent, 4096, t.Pace.Exchange/2, probetls.Enough)
		_ = c.Close()
	}
	if len(r.Recv) == 0 {
		r.Error = probe.Word(err)
	}
	r.Took = time.Since(start).Milliseconds()
	return rec.Add(r)
}

// Parse states service.protocol for every port that was asked to the end. A port
// whose questions were broken off gets no fact.
func Parse(records []probe.Record) fact.Set {
	type seen struct {
		protocol, software string
		tls, done          bool
		source             []string
	}
	ports := map[string]*seen{}
	var order []string
	for _, r := range records {
		if probe.PortNumber(r.Port) == 0 {
			continue
		}
		s := ports[r.Port]
		if s == nil {
			s = &seen{protocol: "silent"}
			ports[r.Port] = s
			order = append(order, r.Port)
		}
		s.source = append(s.source, r.Source())
		switch r.Event {
		case "banner":
			if len(r.Recv) > 0 {
				s.protocol, s.software = banner(r.Recv)
				s.done = true
			}
		case "tls":
			s.tls = probetls.ParseAnswer(r.Recv).TLS
			if s.tls {
				s.protocol = "other"
			} else if len(r.Recv) > 0 { // a greeting that came late
				s.protocol, s.software = banner(r.Recv)
			}
		case "http":
			if a := probehttp.ParseAnswer(r.Recv); a.Status != 0 {
				s.protocol, s.software = "http", clip(a.Header.Get("Server"))
			} else if len(r.Recv) > 0 && (s.protocol == "silent" || s.protocol == "other") {
				s.protocol, s.software = banner(r.Recv)
			}
			s.done = r.Error != "no-connection"
		}
	}
	var out fact.Set
	for _, p := range order {
		if s := ports[p]; s.done {
			out = append(out, probe.Observed("service.protocol", p, map[string]any{
				"protocol": s.protocol, "over": "", "tls": s.tls, "understood": s.protocol != "other" && s.protocol != "silent", "software": s.software, "excerpt": ""}, s.source...))
		}
	}
	return out
}

// banner names what speaks first.
func banner(b []byte) (protocol, software string) {
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSpace(line)
	low := strings.ToLower(string(b))
	switch {
	case strings.HasPrefix(line, "SSH-"):
		parts := strings.SplitN(line, "-", 3)
		return "ssh", clip(parts[len(parts)-1])
	case b[0] == 0xff && len(b) > 1 && b[1] >= 0xfb || strings.Contains(low, "login:") || strings.Contains(low, "password:"):
		return "telnet", ""
	case strings.HasPrefix(line, "220") && (strings.Contains(low, "ftp") || !strings.Contains(low, "smtp")):
		return "ftp", clip(strings.TrimSpace(strings.TrimPrefix(line, "220")))
	}
	return "other", clip(line)
}

func clip(s string) string {
	if s = probe.Clip(s); len(s) > 120 {
		s = strings.ToValidUTF8(s[:120], "")
	}
	return s
}
