// Package outage notices when the device stops answering while its services are
// asked, waits for it, and states what happened. The scans of all ports notice that
// by themselves (package sweep), and so do the sign-in tests, in which silence may
// be the limit that is looked for. Elsewhere the run watches the device beside each
// probe ([Begin]) and waits for it behind ([Look]).
package outage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "outage"

// Probe is the registry entry. Its own part is to look once more after the services.
//
// Events: "down" (item: during which probe; detail: what was sent last), "up"
// (took: since "down"), "gave-up" (likewise; the device did not come back),
// "watched" (all services have been tested).
var Probe = probe.Probe{Name: name, Stage: 6, Continues: true, Parse: Parse, Run: func(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	Look(ctx, t, rec, name, 0)
	if ctx.Err() == nil {
		rec.Add(probe.Record{Probe: name, Event: "watched"})
	}
	return ctx.Err()
}}

// Notice is how long a device may be away before the watch knows.
const Notice = 3 * knock

const (
	knocked  = 4                // open ports of the device that are tried
	knock    = time.Second      // how long each may take, and how often the watch tries one
	starting = 30 * time.Second // after a device is back, until its services can be expected to run
	most     = 8                // outages that are waited for; then the run goes on without
)

// Watch looks after the device while a probe runs.
type Watch struct {
	stop context.CancelFunc
	done chan struct{}
	at   int64 // when the device was found not to answer, ms since the run began; 0 = it answered
}

// Begin asks a closed port of the device once a second, which disturbs no service,
// and calls down when neither that port nor an open one answers any more. Of a device
// whose closed ports are silent it sees nothing.
func Begin(ctx context.Context, t *probe.Target, rec *probe.Recorder, down func()) *Watch {
	ctx, stop := context.WithCancel(ctx)
	w := &Watch{stop: stop, done: make(chan struct{})}
	closed := closedPort(rec)
	go func() {
		defer close(w.done)
		// Some hosts learn too late that a port is closed, and a device may fall silent about
		// it: then nothing is gained, and its open ports are left alone.
		for missed := 0; closed != 0 && missed < 3 && probe.Wait(ctx, knock); missed++ {
			asked := rec.Since()
			switch {
			case answers(ctx, t, closed):
				missed = -1
				continue
			case answers(ctx, t, append(openPorts(t), closed)...) || ctx.Err() != nil:
				continue
			}
			w.at = max(1, asked)
			down()
			return
		}
	}()
	return w
}

// End ends the watch. It returns when the device was found not to answer, for
// [Look]; 0 when it answered all the time.
func (w *Watch) End() int64 {
	w.stop()
	<-w.done
	return w.at
}

// closedPort is a port that the scan found to say that it is closed; 0 = none.
func closedPort(rec *probe.Recorder) int {
	closed := 0
	for _, r := range rec.Records("tcp") {
		if r.Event == "closed" && closed == 0 {
			_ = probe.ParseRanges(r.Ports, func(p int) { closed = max(closed, p) })
		}
	}
	return closed
}

// openPorts are the first ports that were found open.
func openPorts(t *probe.Target) []int {
	var open []int
	for _, f := range t.Facts.Named("tcp.open") {
		if f.Origin == fact.Observed && len(open) < knocked {
			open = append(open, probe.PortNumber(f.Subject))
		}
	}
	return open
}

// answers reports whether any of the ports answers, be it that it is closed. All
// are asked at the same time.
func answers(ctx context.Context, t *probe.Target, ports ...int) bool {
	heard := make(chan bool, len(ports))
	for _, p := range ports {
		go func() {
			c, err := t.Net.TCP(ctx, p, knock)
			if err == nil {
				_ = c.Close()
			}
			w := probe.Word(err)
			heard <- err == nil || w == "refused" || w == "reset"
		}()
	}
	one := false
	for range ports {
		one = <-heard || one
	}
	return one
}

// Look waits for a device that was found not to answer at a time, or that takes no
// connection now on any port that was found open, until it is back and its services
// run, at most as long as the pace says. It reports whether the device was away.
func Look(ctx context.Context, t *probe.Target, rec *probe.Recorder, during string, away int64) bool {
	open := openPorts(t)
	before := rec.Records(name)
	n, downs := len(before), 0
	for _, r := range before {
		if r.Event == "down" {
			downs++
		}
	}
	waiting := n > 0 && before[n-1].Event == "down" // a run that was killed meanwhile
	if len(open) == 0 || !waiting && (downs >= most || n > 0 && before[n-1].Event == "gave-up") {
		return false
	}
	began := rec.Since()
	switch {
	case waiting:
		began = before[n-1].At
	case away == 0 && takes(ctx, t, open, 1) || ctx.Err() != nil:
		return false
	default:
		if away > 0 {
			began = away
		}
		rec.Add(probe.Record{Probe: name, Event: "down", Item: during, At: max(1, began), Detail: LastSent(rec.Transcripts(), began)})
	}
	began = max(1, began)
	event := "gave-up"
	var back int64 // when it answered again, be it that its services do not run yet
	for probe.Wait(ctx, time.Second) {
		now := rec.Since()
		if takes(ctx, t, open, len(open)) || back > 0 && now-back > starting.Milliseconds() {
			event = "up"
			break
		}
		if back == 0 && answers(ctx, t, open...) {
			back = now
		}
		if back == 0 && now-began > t.Pace.Down.Milliseconds() {
			break
		}
	}
	if ctx.Err() == nil {
		rec.Add(probe.Record{Probe: name, Event: event, At: began, Took: rec.Since() - began})
	}
	return true
}

// takes reports whether so many of the ports take a connection.
func takes(ctx context.Context, t *probe.Target, ports []int, enough int) bool {
	for i, p := range ports {
		if c, err := t.Net.TCP(ctx, p, knock); err == nil {
			_ = c.Close()
			enough--
		}
		if enough <= 0 || enough > len(ports)-i-1 {
			break
		}
	}
	return enough <= 0
}

// LastSent tells in a line what was sent to the device last before a time, in ms
// since the run began: the last exchanges that were answered and the first that
// were not. The scans of all ports keep no bytes; they name their last ports themselves.
func LastSent(transcripts map[string][]probe.Record, before int64) string {
	var sent []probe.Record
	for _, rs := range transcripts {
		for _, r := range rs {
			if len(r.Sent) > 0 && r.At <= before {
				sent = append(sent, r)
			}
		}
	}
	slices.SortFunc(sent, func(a, b probe.Record) int {
		if a.At != b.At {
			return int(a.At - b.At)
		}
		return strings.Compare(a.Probe+a.Port+a.Item, b.Probe+b.Port+b.Item)
	})
	answered := 0
	for i, r := range sent {
		if len(r.Recv) > 0 {
			answered = i
		}
	}
	var out []string
	for _, r := range sent[min(len(sent), max(0, answered-2)):min(len(sent), answered+3)] {
		text := []rune(probe.Excerpt(r.Sent))
		out = append(out, fmt.Sprintf("%d.%d s %s %s: %s", r.At/1000, r.At%1000/100, r.Probe, r.Port, string(text[:min(len(text), 48)])))
	}
	return probe.Clip(strings.Join(out, "; "))
}

// Parse states device.outage for each time that the device was away, and
// device.watch.
func Parse(records []probe.Record) fact.Set {
	var out fact.Set
	for i, r := range records {
		if r.Event != "down" {
			continue
		}
		kind, took := "gone", int64(0)
		if i+1 < len(records) && records[i+1].Event != "watched" {
			took = min(max(0, records[i+1].Took), 1<<40)
			if records[i+1].Event == "up" {
				kind = "unknown"
			}
		}
		out = append(out, probe.Away("services", len(out)+1, kind, time.Duration(took)*time.Millisecond, 0, r.Detail, r.Source()))
	}
	if n := slices.IndexFunc(records, func(r probe.Record) bool { return r.Event == "watched" }); n >= 0 {
		out = append(out, probe.Observed("device.watch", "", map[string]any{"outages": len(out)}, records[n].Source()))
	}
	return out
}
