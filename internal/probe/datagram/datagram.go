// Package datagram asks one question in a datagram and writes down all that came
// back, with sizes. It serves every protocol that is spoken over UDP, and states
// what they have in common: how much larger an answer is than its question, and
// how long the device says it has been running.
//
// The sizes are those of the datagrams on the wire, before masking.
package datagram

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// Bounds of the answer to one question.
const (
	maxDatagrams = 128
	maxBytes     = 256 << 10
	// Quiet is how long to wait for one datagram more after the last, and MaxTime
	// for all after the first.
	Quiet   = 300 * time.Millisecond
	maxTime = 2 * time.Second
	// The port is known to answer its protocol, so silence means that this question
	// is not liked: neither long nor often is it put again.
	maxWait  = time.Second
	maxTries = 2
)

// Events of an exchange. "asked" holds the question and the first datagram of the
// answer; number counts the datagrams, detail is "SENT RECEIVED", both in bytes.
// "more" holds a further datagram of the answer to the last question of its port and
// item; sent is what it answers, when something was sent in between.
const (
	asked = "asked"
	more  = "more"
)

// Question is one datagram to one port.
type Question struct {
	Port  int
	Item  string // names the question in records and facts
	Send  []byte
	Roams bool          // the answer comes from another port
	Many  bool          // the answer may be several datagrams
	Quiet time.Duration // instead of the constant, when not 0: the protocol allows such gaps
	// Mask holds values that must not be kept.
	Mask []string
	// Next is shown each datagram of the answer and returns what to send back to
	// where it came from, and whether to wait for more; nil = nothing, see Many.
	Next func(got []byte) (reply []byte, more bool)
	// Ours tells an answer from other traffic; nil = any. It sees bytes before masking.
	Ours func([]byte) bool
}

// Ask puts the question, again when nothing comes back, and records the exchange
// for the probe. It returns the answer as the transcript holds it.
func Ask(ctx context.Context, t *probe.Target, rec *probe.Recorder, name string, q Question) Answer {
	start := time.Now()
	var got []exchanged
	var err error
	for range max(1, min(t.Pace.UDPTries, maxTries)) {
		if got, err = once(ctx, t, q); len(got) > 0 || ctx.Err() != nil || probe.Word(err) == "refused" {
			break
		}
	}
	sent, received := len(q.Send), 0
	for _, x := range got {
		sent, received = sent+len(x.sent), received+len(x.recv)
	}
	r := probe.Record{Probe: name, Event: asked, Port: probe.UDP(q.Port), Item: q.Item, Sent: q.Send, Number: len(got),
		Detail: fmt.Sprintf("%d %d", sent, received), Took: time.Since(start).Milliseconds()}
	if len(got) == 0 {
		r.Error = probe.Word(err)
	} else {
		r.Recv = got[0].recv
	}
	r = rec.Add(r, q.Mask...)
	records, kept := []probe.Record{r}, len(r.Recv)
	for _, x := range got[min(1, len(got)):] {
		if kept += len(x.recv); kept > 2*probe.MaxBytes {
			break // the sizes are known; more of the like is not kept
		}
		records = append(records, rec.Add(probe.Record{Probe: name, Event: more, Port: r.Port, Item: q.Item, Sent: x.sent, Recv: x.recv}, q.Mask...))
	}
	return Answers(records)[0]
}

// AskAll puts questions side by side, a little apart. The answers are in the order
// of the questions.
func AskAll(ctx context.Context, t *probe.Target, rec *probe.Recorder, name string, qs ...Question) []Answer {
	out := make([]Answer, len(qs))
	var wg sync.WaitGroup
	for i, q := range qs {
		if i > 0 && !probe.Wait(ctx, apart) {
			break
		}
		wg.Go(func() { out[i] = Ask(ctx, t, rec, name, q) })
	}
	wg.Wait()
	return out
}

// apart keeps questions from reaching a weak device all at once.
const apart = 20 * time.Millisecond

// exchanged is a datagram of an answer and what was sent for it.
type exchanged struct{ sent, recv []byte }

func once(ctx context.Context, t *probe.Target, q Question) ([]exchanged, error) {
	s, err := open(ctx, t, q)
	if err != nil {
		return nil, err
	}
	defer s.end()
	if err := s.send(q.Port, q.Send); err != nil {
		return nil, err
	}
	var got []exchanged
	var last []byte
	total := 0
	quiet := cmp.Or(q.Quiet, Quiet)
	// Where the protocol lets datagrams come so far apart, the first may be held back as
	// long, and then the device still needs its usual time.
	patience := min(t.Pace.UDPWait, maxWait) + q.Quiet
	deadline := time.Now().Add(patience)
	for len(got) < maxDatagrams && total < maxBytes && ctx.Err() == nil {
		wait := time.Until(deadline)
		switch {
		case last != nil:
			wait = patience
		case len(got) > 0:
			wait = min(quiet, wait)
		}
		if wait <= 0 {
			break
		}
		b, from, e := s.receive(wait)
		if e != nil {
			err = e
			break
		}
		if len(b) == 0 || q.Ours != nil && !q.Ours(b) {
			total += 64 + len(b) // a flood of foreign datagrams ends too
			continue
		}
		if len(got) == 0 {
			deadline = time.Now().Add(maxTime)
		}
		got = append(got, exchanged{last, b})
		total += len(b)
		last = nil
		more := q.Many
		if q.Next != nil {
			if last, more = q.Next(b); last != nil {
				if err = s.send(from, last); err != nil {
					break
				}
			}
		}
		if !more {
			break
		}
	}
	if len(got) == 0 && err == nil {
		err = context.DeadlineExceeded
	}
	return got, err
}

// socket sends to ports of the device and hears it.
type socket struct {
	send    func(port int, b []byte) error
	receive func(time.Duration) (b []byte, from int, err error)
	end     func()
}

// open opens a connected socket, which hears refusals, or one that hears all
// ports of the device.
func open(ctx context.Context, t *probe.Target, q Question) (socket, error) {
	if q.Roams {
		if p, err := t.Net.Packets(ctx); err == nil {
			stop := context.AfterFunc(ctx, func() { _ = p.Close() })
			return socket{p.Send, p.ReceiveFrom, func() { stop(); _ = p.Close() }}, nil
		}
	}
	c, err := t.Net.UDP(ctx, q.Port, t.Pace.UDPWait)
	if err != nil {
		return socket{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	buf := make([]byte, 64<<10)
	return socket{
		send: func(_ int, b []byte) error { _, err := c.Write(b); return err },
		receive: func(wait time.Duration) ([]byte, int, error) {
			if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
				return nil, 0, err
			}
			n, err := c.Read(buf)
			return slices.Clone(buf[:n]), q.Port, err
		},
		end: func() { stop(); _ = c.Close() },
	}, nil
}

// Ports returns the UDP ports on which the protocol was found.
func Ports(t *probe.Target, protocol string) []int {
	var out []int
	for _, f := range t.Facts {
		p := probe.PortNumber(f.Subject)
		if f.Origin != fact.Observed || !probe.IsUDP(f.Subject) || slices.Contains(out, p) {
			continue
		}
		if f.Name == "udp.open" && probe.Str(f.Value, "service") == protocol || f.Name == "service.protocol" && probe.Str(f.Value, "protocol") == protocol {
			out = append(out, p)
		}
	}
	return out
}

// Answer is the whole answer to one question.
type Answer struct {
	probe.Record
	Recv     [][]byte // all datagrams that were kept
	Size     int      // bytes received
	Asked    int      // bytes sent
	Complete bool     // every datagram was kept whole
}

// Answers gathers the exchanges of a transcript.
func Answers(records []probe.Record) []Answer {
	var out []Answer
	last := map[[2]string]int{}
	for _, r := range records {
		if !probe.IsUDP(r.Port) {
			continue
		}
		switch r.Event {
		case asked:
			a := Answer{Record: r}
			if n, err := fmt.Sscanf(r.Detail, "%d %d", &a.Asked, &a.Size); n != 2 || err != nil || a.Asked < 0 || a.Size < 0 || max(a.Asked, a.Size) > 1<<30 {
				a.Asked, a.Size = len(r.Sent), len(r.Recv)
			}
			if len(r.Recv) > 0 {
				a.Recv = [][]byte{r.Recv}
			}
			a.Complete = !r.Cut && len(a.Recv) == r.Number
			last[[2]string{r.Port, r.Item}] = len(out)
			out = append(out, a)
		case more:
			if i, ok := last[[2]string{r.Port, r.Item}]; ok && len(r.Recv) > 0 {
				out[i].Recv = append(out[i].Recv, r.Recv)
				out[i].Complete = !out[i].Cut && !r.Cut && len(out[i].Recv) == out[i].Number
			}
		}
	}
	return out
}

// Amplification states for each port how much larger the largest answer was than
// its question. Questions in one datagram can be sent in the name of another
// address, which then gets the answer.
func Amplification(protocol string, answers []Answer) fact.Set {
	var best probe.Ports[Answer]
	for _, a := range answers {
		if b := best.At(a.Port); b.Port == "" || percent(a) > percent(*b) {
			*b = a
		}
	}
	var out fact.Set
	for port, a := range best.All() {
		if a.Size == 0 {
			continue
		}
		out = append(out, probe.Observed("amplification", port+" "+protocol, map[string]any{"port": port, "protocol": protocol, "question": a.Item,
			"sent": a.Asked, "received": a.Size, "datagrams": max(1, a.Number), "percent": percent(*a)}, a.Source()))
	}
	return out
}

func percent(a Answer) int {
	if a.Asked <= 0 {
		return 0
	}
	return a.Size * 100 / a.Asked
}

// Uptime states how long the device says it has been running, as of the record.
// boots is the number of starts that it tells, or an id that changes with each; 0
// when it tells none, and seconds is -1 when it tells no time.
func Uptime(source string, seconds, boots int64, r probe.Record) fact.Fact {
	return probe.Observed("device.uptime", source, map[string]any{"seconds": seconds, "boots": boots, "at": r.At}, r.Source())
}

// Open states whether a service let anybody read or write without signing in.
func Open(port, protocol string, read, write, writeAsked bool, what []string, source ...string) fact.Fact {
	return probe.Open(port, protocol, read, write, writeAsked, Text(strings.Join(what, ", ")), source...)
}

// Detail states something that a service says about itself; nothing when empty.
func Detail(port, protocol, key, value string, source ...string) fact.Set {
	if value = Text(value); value == "" {
		return nil
	}
	return fact.Set{probe.Detail(port, protocol, key, value, source...)}
}

// First keeps the first fact of each id: a device tells many things twice.
func First(in fact.Set) fact.Set {
	seen := map[string]bool{}
	var out fact.Set
	for _, f := range in {
		if !seen[f.ID()] {
			seen[f.ID()] = true
			out = append(out, f)
		}
	}
	return out
}

// Text makes a value of the device fit for a fact: one line, bounded.
func Text(s string) string {
	if s = strings.TrimSpace(probe.Clip(s)); len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}
