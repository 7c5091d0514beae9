// Package service tells what speaks on each open TCP port, whatever its number,
// and what it calls itself.
//
// A port is asked on one connection at a time, each fresh: first it is listened
// to, then offered a TLS hello, then asked in the protocols that usually live on
// its number and in all others; inside TLS the same. Every answer is shown to
// every protocol. Ports are asked side by side within one time budget, so that
// mute ports cost one shared wait.
package service

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	probetls "hoshi/internal/probe/tls"
)

const (
	name   = "service"
	maxAsk = 8 << 10 // bytes read of one answer
)

// Probe makes the registry entry from all protocols.
//
// Events of one port, in this order: "banner" (what came unasked), "tls" (a hello
// and its answer), "ask" (a request and its answer; item = protocol), "end" (no
// question is left). Detail is "tls" inside TLS, else "plain". Error "handshake":
// TLS could not be agreed on.
func Probe(protocols []probe.Protocol) probe.Probe {
	c := newCatalogue(protocols)
	return probe.Probe{Name: name, Stage: 3, Run: c.run, Parse: c.parse}
}

func (c catalogue) run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	var ports []int
	for _, f := range t.Facts.Named("tcp.open") {
		if p := probe.PortNumber(f.Subject); p != 0 && f.Origin == fact.Observed {
			ports = append(ports, p)
		}
	}
	// Ports that nothing is known to live on take longest: they go first.
	slices.SortFunc(ports, func(a, b int) int { return cmp.Or(cmp.Compare(c.hints(a), c.hints(b)), cmp.Compare(a, b)) })
	gate := make(chan struct{}, max(1, t.Pace.Services))
	var wg sync.WaitGroup
	for _, p := range ports {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			a := asker{c: c, t: t, rec: rec, port: p, seen: &seen{}}
			if a.identify(ctx) {
				rec.Add(probe.Record{Probe: name, Event: "end", Port: probe.TCP(p)})
			}
		})
	}
	wg.Wait()
	return nil
}

// asker asks one port.
type asker struct {
	c    catalogue
	t    *probe.Target
	rec  *probe.Recorder
	port int
	seen *seen
}

// identify asks until the port is recognised or no question is left; false when
// it was broken off.
func (a *asker) identify(ctx context.Context) bool {
	quick := a.patience() / 4 // for questions that nothing suggests
	// Who greets late is heard on the connections of the questions too.
	wait := max(a.t.Pace.Banner/4, 250*time.Millisecond)
	if a.c.greets(a.port) {
		wait = min(3*a.t.Pace.Banner, a.t.Pace.Exchange)
	}
	if !a.listen(ctx, false, wait) {
		return false
	}
	if len(a.seen.raw) > 0 { // it speaks first, and nobody knows how
		return true
	}
	if a.seen.protocol == "" && !a.hello(ctx) {
		return false
	}
	secure := a.seen.tls
	hinted, general := a.c.asks(a.port)
	for _, p := range hinted {
		if a.settled() {
			break
		}
		if !a.ask(ctx, p, secure, a.t.Pace.Exchange) {
			return false
		}
	}
	if secure && !a.settled() && !a.listen(ctx, true, wait) {
		return false
	}
	for i, p := range general {
		if a.settled() {
			break
		}
		wait := quick
		if i == 0 {
			wait = a.patience() * 3 / 4
		}
		if !a.ask(ctx, p, secure, wait) {
			return false
		}
	}
	return a.deepen(ctx, secure) && ctx.Err() == nil
}

// patience is how long the likely questions wait on a port that says nothing.
func (a *asker) patience() time.Duration { return max(a.t.Pace.Banner, a.t.Pace.Exchange/4) }

// settled: the protocol is known, or TLS lets us ask nothing.
func (a *asker) settled() bool { return a.seen.protocol != "" || a.seen.shut }

// deepen asks a protocol that showed itself in the answer to another question in
// its own way, and for what it may carry.
func (a *asker) deepen(ctx context.Context, secure bool) bool {
	p, ok := a.c.byName[a.seen.protocol]
	if !ok {
		return true
	}
	if p.TCP.Ask != nil && !slices.Contains(a.seen.asked, p.Name) && !a.ask(ctx, p, secure, a.t.Pace.Exchange) {
		return false
	}
	for _, up := range a.c.over[p.Name] {
		if up.TCP.Ask != nil && slices.Contains(up.TCP.Ports, a.port) && !a.ask(ctx, up, secure, a.t.Pace.Exchange) {
			return false
		}
	}
	return true
}

func (a *asker) listen(ctx context.Context, secure bool, wait time.Duration) bool {
	return a.exchange(ctx, probe.Record{Event: "banner"}, secure, wait, a.c.greeting)
}

func (a *asker) ask(ctx context.Context, p probe.Protocol, secure bool, wait time.Duration) bool {
	r := probe.Record{Event: "ask", Item: p.Name, Sent: p.TCP.Ask(a.t.Host(a.port, secure), a.t.Random(32))}
	return a.exchange(ctx, r, secure, wait, p.TCP.Whole)
}

func (a *asker) hello(ctx context.Context) bool {
	// A common offer: which versions and suites exactly is the tls probe's question.
	offer := []uint16{0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c, 0x002f, 0x0035, 0x000a}
	wait := a.patience() * 3 / 4
	if slices.Contains(usuallyTLS, a.port) {
		wait = a.t.Pace.Exchange
	}
	return a.exchange(ctx, probe.Record{Event: "tls", Sent: probetls.Hello(probetls.TLS12, offer, a.t.Random(96))}, false, wait, probetls.Enough)
}

// usuallyTLS are ports on which a slow device is given more time for a hello.
var usuallyTLS = []int{443, 465, 636, 853, 990, 992, 993, 995, 4433, 5061, 8443, 8883, 9443}

// exchange records one connection; false when there was none.
func (a *asker) exchange(ctx context.Context, r probe.Record, secure bool, wait time.Duration, whole func([]byte) bool) bool {
	r.Probe, r.Port, r.Detail = name, probe.TCP(a.port), "plain"
	if secure {
		r.Detail = "tls"
	}
	start := time.Now()
	c, err := a.open(ctx, secure)
	if err == nil {
		// A path or device that is slow to connect is given as much more to answer.
		wait = min(wait+4*time.Since(start), max(wait, a.t.Pace.Exchange))
		r.Recv, err = probe.Exchange(ctx, c, r.Sent, maxAsk, wait, whole)
		_ = c.Close()
	}
	switch {
	case len(r.Recv) > 0:
	case c == nil && !errors.Is(err, probe.ErrNoConnection):
		r.Error = "handshake"
	case err == nil:
		r.Error = "closed"
	default:
		r.Error = probe.Word(err)
	}
	r.Took = time.Since(start).Milliseconds()
	if ctx.Err() != nil && len(r.Recv) == 0 {
		r.Error = "no-connection" // the budget ended, not the service's silence
	}
	r = a.rec.Add(r)
	a.c.note(a.seen, r)
	return r.Error != "no-connection"
}

// open connects. The port is known to be open, so that a refusal means that the
// device has its hands full: it is asked again, more patiently.
func (a *asker) open(ctx context.Context, secure bool) (c net.Conn, err error) {
	for pause := 250 * time.Millisecond; pause <= 4*time.Second; pause *= 4 {
		if c, err = a.t.Open(ctx, a.port, secure); err == nil || !probe.Wait(ctx, pause) {
			break
		}
	}
	if err != nil && errors.Is(err, probe.ErrNoConnection) {
		return nil, probe.ErrNoConnection
	}
	return c, err
}
