package udp

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"hoshi/internal/probe"
)

// maxAsked bounds the ports that are asked in all protocols.
const maxAsked = 512

// askAll asks ports in the protocols that their numbers suggest and, when those
// give nothing and something surely listens, in all others. Ports are asked side
// by side.
func (c catalogue) askAll(ctx context.Context, t *probe.Target, rec *probe.Recorder, ports []int, listens func(int) bool) {
	gate := make(chan struct{}, max(1, t.Pace.Services))
	var wg sync.WaitGroup
	for _, p := range ports[:min(len(ports), maxAsked)] {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			hinted, general := c.questions(p)
			a := asker{t: t, rec: rec, port: p, listens: listens(p), tries: t.Pace.UDPTries, wait: t.Pace.UDPWait}
			if a.ask(ctx, hinted) || !a.listens {
				general = nil
			}
			a.tries, a.wait = min(2, a.tries), min(time.Second, a.wait) // nothing suggests these
			a.ask(ctx, general)
			if ctx.Err() == nil {
				rec.Add(probe.Record{Probe: name, Event: "end", Port: probe.UDP(p)})
			}
		})
	}
	wg.Wait()
}

// asker asks one port.
type asker struct {
	t       *probe.Target
	rec     *probe.Recorder
	port    int
	listens bool // something surely does, so refusals need not be heard
	tries   int
	wait    time.Duration // per try
}

// ask puts questions, side by side, until one is answered or all have been asked
// so many times. It reports whether anything came back, or a refusal.
func (a asker) ask(ctx context.Context, qs []probe.Protocol) bool {
	if len(qs) == 0 || ctx.Err() != nil {
		return false
	}
	done := make(chan bool, len(qs))
	var answered sync.Once
	over := make(chan struct{})
	for i, q := range qs {
		go func() {
			// A little apart, so that a weak service can follow.
			pause := time.NewTimer(time.Duration(i) * 20 * time.Millisecond)
			defer pause.Stop()
			select {
			case <-over:
				done <- false
				return
			case <-pause.C:
			}
			send := q.UDP.Ask(host(a.t.Addr), a.t.Random(32))
			start := time.Now()
			got, word := a.exchange(ctx, q.UDP.Roams, send, over)
			a.rec.Add(probe.Record{Probe: name, Event: "asked", Port: probe.UDP(a.port), Item: q.Name, Error: word, Sent: send, Recv: got, Took: time.Since(start).Milliseconds()})
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

// exchange asks until there is an answer. The sockets stay open meanwhile: an answer
// to an earlier try may come late. Tries after the first are left out once another
// question at the port was answered (over).
func (a asker) exchange(ctx context.Context, roams bool, send []byte, over <-chan struct{}) (got []byte, word string) {
	// A connected socket hears refusals, an unconnected one answers from any port.
	var any *probe.Packets
	if roams {
		if p, err := a.t.Net.Packets(ctx); err == nil { // else: a network given from outside
			stop := context.AfterFunc(ctx, func() { _ = p.Close() })
			defer func() { stop(); _ = p.Close() }()
			any = p
		}
	}
	var ways []func() ([]byte, error)
	if any == nil || !a.listens {
		c, err := a.t.Net.UDP(ctx, a.port, a.wait)
		if err != nil {
			return nil, probe.Word(err)
		}
		defer c.Close()
		ways = append(ways, func() ([]byte, error) { return probe.Datagram(ctx, c, send, a.wait) })
	}
	if any != nil {
		ways = append(ways, func() ([]byte, error) {
			if err := any.Send(a.port, send); err != nil {
				return nil, err
			}
			return any.Receive(a.wait)
		})
	}
	for range max(1, a.tries) {
		for _, ask := range ways {
			got, err := ask()
			if len(got) > 0 {
				return got, ""
			}
			if word = probe.Word(err); word == "refused" || ctx.Err() != nil {
				return nil, word
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
