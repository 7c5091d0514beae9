package udp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// maxAsked bounds the ports that are asked in all protocols.
const maxAsked = 512

// askAll asks ports in the protocols that their numbers suggest and, when those
// give nothing, in all others. Ports are asked side by side.
func (c catalogue) askAll(ctx context.Context, t *probe.Target, rec *probe.Recorder, ports []int) {
	gate := make(chan struct{}, max(1, t.Pace.Services))
	var wg sync.WaitGroup
	for _, p := range ports[:min(len(ports), maxAsked)] {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			hinted, general := c.questions(p)
			if !c.ask(ctx, t, rec, p, hinted, t.Pace.UDPTries) && len(hinted) == 0 {
				c.ask(ctx, t, rec, p, general, min(2, t.Pace.UDPTries))
			}
		})
	}
	wg.Wait()
}

// ask puts questions to one port, side by side, until one is answered or all have
// been asked so many times. It reports whether anything came back, or a refusal.
func (c catalogue) ask(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int, qs []probe.Protocol, tries int) bool {
	if len(qs) == 0 || ctx.Err() != nil {
		return false
	}
	done := make(chan bool, len(qs))
	var answered sync.Once
	over := make(chan struct{})
	for i, q := range qs {
		go func() {
			if i > 0 { // a little apart, so that a weak service can follow
				select {
				case <-over:
					done <- false
					return
				case <-time.After(time.Duration(i) * 20 * time.Millisecond):
				}
			}
			random := make([]byte, 32)
			if t.Rand != nil {
				_, _ = io.ReadFull(t.Rand, random)
			}
			send := q.UDP.Ask(host(t.Addr), random)
			start := time.Now()
			got, word := exchange(ctx, t, port, q.UDP.Roams, send, tries, over)
			rec.Add(probe.Record{Probe: name, Event: "asked", Port: probe.UDP(port), Item: q.Name, Error: word, Sent: send, Recv: got, Took: time.Since(start).Milliseconds()})
			if len(got) > 0 || word == "refused" {
				answered.Do(func() { close(over) })
			}
			done <- len(got) > 0 || word == "refused"
		}()
	}
	any := false
	for range qs {
		any = <-done || any
	}
	return any
}

// host is what a client would call the device.
func host(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		return "[" + a.WithZone("").String() + "]"
	}
	return a.Unmap().String()
}

// exchange asks until there is an answer. Tries after the first are left out once
// another question at the port was answered (over).
func exchange(ctx context.Context, t *probe.Target, port int, roams bool, send []byte, tries int, over <-chan struct{}) ([]byte, string) {
	word := "timeout"
	for range max(1, tries) {
		c, err := t.Net.UDP(ctx, port, t.Pace.UDPWait)
		if err != nil {
			return nil, probe.Word(err)
		}
		got, err := probe.Datagram(ctx, c, send, t.Pace.UDPWait)
		_ = c.Close()
		if len(got) > 0 {
			return got, ""
		}
		if word = probe.Word(err); word == "refused" || ctx.Err() != nil {
			return nil, word
		}
		if roams { // the connected socket hears refusals only; this one, answers from any port
			if got := roaming(ctx, t, port, send); got != nil {
				return got, ""
			}
		}
		select {
		case <-over:
			return nil, word
		default:
		}
	}
	return nil, word
}

func roaming(ctx context.Context, t *probe.Target, port int, send []byte) []byte {
	p, err := t.Net.Packets(ctx)
	if err != nil {
		return nil
	}
	defer p.Close()
	if err := p.Send(port, send); err != nil {
		return nil
	}
	got, err := p.Receive(t.Pace.UDPWait)
	if err != nil || errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return got
}

// parse states udp.open for each open port and udp.coverage.
func (c catalogue) parse(records []probe.Record) fact.Set {
	type found struct {
		service  string
		answered bool
		source   []string
	}
	asked := map[int]bool{}
	ports := map[int]*found{}
	closed := map[int]bool{}
	var order []int
	var source []string
	for _, r := range records {
		switch r.Event {
		case "plan":
			clear(asked)
			if probe.ParseRanges(r.Ports, func(p int) { asked[p] = true }) != nil {
				return nil
			}
			source = append(source, r.Source())
		case "asked":
			p := probe.PortNumber(r.Port)
			if p == 0 || r.Port != probe.UDP(p) {
				continue
			}
			if len(r.Recv) == 0 {
				if r.Error == "refused" {
					closed[p] = true
				}
				continue
			}
			f := ports[p]
			if f == nil {
				f = &found{service: "other"}
				ports[p] = f
				order = append(order, p)
			}
			service := "other"
			if !bytes.Equal(r.Sent, r.Recv) {
				service = c.recognise(r.Item, r.Recv)
			}
			if f.service == "other" {
				f.service = service
			}
			f.answered, f.source = true, append(f.source, r.Source())
		}
	}
	if len(asked) == 0 {
		return nil
	}
	var out fact.Set
	for _, p := range order {
		asked[p] = true
		delete(closed, p)
		f := ports[p]
		out = append(out, probe.Observed("udp.open", probe.UDP(p), map[string]any{"service": f.service, "answered": f.answered}, f.source...))
	}
	for p := range closed {
		if !asked[p] {
			delete(closed, p)
		}
	}
	return append(out, probe.Observed("udp.coverage", "", map[string]any{
		"asked": len(asked), "open": len(order), "closed": len(closed), "filtered": 0, "undecided": max(0, len(asked)-len(order)-len(closed)),
		"answered": len(order), "method": "questions"}, source...))
}
