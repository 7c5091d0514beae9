// Package tcp finds the open TCP ports of the device among all 65,535, with
// complete connections (no privileges needed).
//
// A port is settled by an answer only: accepted is open, refused is closed. A
// port without an answer counts as filtered when the device demonstrably
// answered on a port known to answer (the canary) at that time, and as undecided
// otherwise. Losing the canary means that the device is overloaded or gone, so
// the scan slows down, waits, and at last gives up and says what it missed.
package tcp

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const (
	name   = "tcp"
	last   = 65535
	window = 1024 // ports between two looks at the canary
	// unpaced is the rate, per second, from which a scan without a limit slows down.
	unpaced = 8000
	// maxNamed bounds the ports that the ranges of one transcript name, repeats
	// included: a run names each a few times, a forged one could do so for hours.
	maxNamed = 8 * last
)

// Probe is the registry entry.
//
// Events: "plan" (ports asked), "open" (port), "closed" and "filtered" and
// "undecided" (ports), "slow", "down", "up", "gave-up" (what the canary told).
var Probe = probe.Probe{Name: name, Stage: 1, Run: run, Parse: Parse}

type answer int

const (
	silent answer = iota
	open
	closed
)

type scan struct {
	t       *probe.Target
	rec     *probe.Recorder
	rate    int
	workers int
	wait    time.Duration
	canary  int // a port known to answer; 0 = none yet
	heard   map[int]answer
	next    time.Time // when the next attempt may start
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	s := &scan{t: t, rec: rec, rate: t.Pace.TCPRate, workers: t.Pace.TCPWorkers, wait: t.Pace.TCPWait, heard: make(map[int]answer, last)}
	rec.Add(probe.Record{Probe: name, Event: "plan", Ports: "1-65535", Detail: t.Pace.Name})
	todo := make([]int, last)
	for i := range todo {
		todo[i] = i + 1
	}
	alive := true
	var witnessed []int // unanswered although the canary answered
	for try := 1; alive && len(todo) > 0 && try <= max(1, t.Pace.TCPTries); try++ {
		witnessed = nil
		var missed []int
		for len(todo) > 0 && alive {
			w := todo[:min(window, len(todo))]
			todo = todo[len(w):]
			quiet := s.window(ctx, w)
			if len(quiet) == 0 {
				s.faster()
				continue
			}
			missed = append(missed, quiet...)
			if alive = s.alive(ctx); alive && s.canary != 0 {
				witnessed = append(witnessed, quiet...)
			}
		}
		todo = append(missed, todo...)
		if s.canary == 0 {
			break // nothing ever answered: a second pass would tell no more
		}
		s.wait = min(t.Pace.TCPWait, 2*s.wait)
	}
	s.finish(witnessed, alive && ctx.Err() == nil)
	return nil
}

// window tries the ports once and returns those that did not answer, ascending.
func (s *scan) window(ctx context.Context, ports []int) []int {
	type result struct {
		port int
		a    answer
		took time.Duration
	}
	jobs, results := make(chan int), make(chan result, len(ports))
	var wg sync.WaitGroup
	for range min(s.inFlight(), len(ports)) {
		wg.Go(func() {
			for p := range jobs {
				start := time.Now()
				a := s.ask(ctx, p)
				results <- result{p, a, time.Since(start)}
			}
		})
	}
	for _, p := range ports {
		if !s.pace(ctx) {
			break
		}
		jobs <- p
	}
	close(jobs)
	wg.Wait()
	close(results)
	var shut, up []int
	var slowest time.Duration
	for r := range results {
		switch r.a {
		case open:
			up = append(up, r.port)
		case closed:
			shut = append(shut, r.port)
		default:
			continue
		}
		s.heard[r.port] = r.a
		slowest = max(slowest, r.took)
		if s.canary == 0 || r.a == closed && s.heard[s.canary] == open {
			s.canary = r.port
		}
	}
	if slowest > 0 { // the device's own speed sets how long an answer is waited for
		s.wait = min(s.t.Pace.TCPWait, max(200*time.Millisecond, 4*slowest))
	}
	if s.canary == 0 { // nothing answers at all: do not let the whole range take hours
		s.wait = min(s.wait, 500*time.Millisecond)
	}
	slices.Sort(up)
	for _, p := range up {
		s.rec.Add(probe.Record{Probe: name, Event: "open", Port: probe.TCP(p)})
	}
	slices.Sort(shut)
	if len(shut) > 0 {
		s.rec.Add(probe.Record{Probe: name, Event: "closed", Ports: probe.Ranges(shut)})
	}
	var quiet []int
	for _, p := range ports {
		if s.heard[p] == silent {
			quiet = append(quiet, p)
		}
	}
	return quiet
}

// faster takes back, step by step, what a silence of the device had cost.
func (s *scan) faster() {
	if s.rate == s.t.Pace.TCPRate {
		return
	}
	s.rate = s.rate*3/2 + 1
	s.workers = min(s.t.Pace.TCPWorkers, 2*s.workers)
	if limit := s.t.Pace.TCPRate; limit > 0 && s.rate > limit || limit == 0 && s.rate > unpaced {
		s.rate = limit
	}
}

// inFlight is how many attempts may be open at once. Where a rate is set, the
// rate protects the device, and ports that stay silent must not slow it further.
func (s *scan) inFlight() int {
	if s.rate <= 0 {
		return s.workers
	}
	return max(s.workers, min(900, int(s.wait.Seconds()*float64(s.rate))))
}

// pace waits for the next slot; false when the run is cancelled.
func (s *scan) pace(ctx context.Context) bool {
	if s.rate <= 0 {
		return ctx.Err() == nil
	}
	now := time.Now()
	if s.next.Before(now.Add(-100 * time.Millisecond)) {
		s.next = now
	}
	s.next = s.next.Add(time.Second / time.Duration(s.rate))
	return probe.Wait(ctx, s.next.Sub(now))
}

func (s *scan) ask(ctx context.Context, port int) answer {
	c, err := s.t.Net.TCP(ctx, port, s.wait)
	if err != nil {
		if w := probe.Word(err); w == "refused" || w == "reset" {
			return closed
		}
		return silent
	}
	defer c.Close()
	// On one host a socket can meet itself when its own port is the one asked.
	if c.LocalAddr().String() == c.RemoteAddr().String() {
		if tc, ok := c.(*net.TCPConn); ok {
			_ = tc.SetLinger(0)
		}
		return silent
	}
	return open
}

// alive looks at the canary. While it does not answer the scan stands still and
// asks it once a second; when the time for that is over, alive returns false.
func (s *scan) alive(ctx context.Context) bool {
	if s.canary == 0 {
		return ctx.Err() == nil
	}
	for range 2 {
		if s.ask(ctx, s.canary) != silent {
			return true
		}
	}
	if s.rate == 0 {
		s.rate = unpaced
	}
	s.rate, s.workers = max(20, s.rate/2), max(8, s.workers/2)
	s.rec.Add(probe.Record{Probe: name, Event: "down", Port: probe.TCP(s.canary), Number: s.rate})
	for end := time.Now().Add(s.t.Pace.Down); time.Now().Before(end); {
		if !probe.Wait(ctx, min(time.Second, s.t.Pace.Down/5)) {
			break
		}
		if s.ask(ctx, s.canary) != silent {
			s.rec.Add(probe.Record{Probe: name, Event: "up", Port: probe.TCP(s.canary)})
			return true
		}
	}
	s.rec.Add(probe.Record{Probe: name, Event: "gave-up", Port: probe.TCP(s.canary)})
	return false
}

// finish records what never answered: filtered where the canary witnessed it in
// the last pass, undecided everywhere else.
func (s *scan) finish(witnessed []int, complete bool) {
	var filtered, undecided []int
	for p := 1; p <= last; p++ {
		if s.heard[p] != silent {
			continue
		}
		if _, found := slices.BinarySearch(witnessed, p); found && complete {
			filtered = append(filtered, p)
		} else {
			undecided = append(undecided, p)
		}
	}
	if len(filtered) > 0 {
		s.rec.Add(probe.Record{Probe: name, Event: "filtered", Ports: probe.Ranges(filtered)})
	}
	if len(undecided) > 0 {
		s.rec.Add(probe.Record{Probe: name, Event: "undecided", Ports: probe.Ranges(undecided)})
	}
}

// Parse states tcp.open for each open port and tcp.coverage. A port that no
// record settles is undecided.
func Parse(records []probe.Record) fact.Set {
	state := map[int]string{}
	named := 0 // ports in ranges, however often
	asked := 0
	var out fact.Set
	var source []string
	for _, r := range records {
		switch r.Event {
		case "plan":
			asked = 0
			if probe.ParseRanges(r.Ports, func(int) { asked++; named++ }) != nil || named > maxNamed {
				return nil
			}
			source = append(source, r.Source())
		case "open":
			p := probe.PortNumber(r.Port)
			if p == 0 || r.Port != probe.TCP(p) || state[p] == "open" {
				continue
			}
			state[p] = "open"
			out = append(out, probe.Observed("tcp.open", r.Port, true, r.Source()))
		case "closed", "filtered":
			if named > maxNamed || probe.ParseRanges(r.Ports, func(p int) {
				named++
				if state[p] == "" {
					state[p] = r.Event
				}
			}) != nil {
				return nil
			}
		}
	}
	if asked == 0 {
		return nil
	}
	n := map[string]int{}
	for _, st := range state {
		n[st]++
	}
	return append(out, probe.Observed("tcp.coverage", "", map[string]any{
		"asked": asked, "open": n["open"], "closed": n["closed"], "filtered": n["filtered"],
		"undecided": max(0, asked-n["open"]-n["closed"]-n["filtered"]),
	}, source...))
}
