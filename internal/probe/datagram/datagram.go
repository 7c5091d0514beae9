// Package datagram asks one question in a datagram and writes down all that came
// back, with sizes. It serves every protocol that is spoken over UDP, and states
// what they have in common: how much larger an answer is than its question, and
// how long the device says it has been running.
//
// The sizes are those of the datagrams on the wire, before masking.
package datagram

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// Bounds of the answer to one question.
const (
	MaxDatagrams = 128
	MaxBytes     = 256 << 10
	// Quiet is how long to wait for one datagram more after the last.
	Quiet = 300 * time.Millisecond
)

// Events of an exchange. "asked" holds the question and the first datagram of the
// answer; number counts the datagrams, detail is "SENT RECEIVED", both in bytes.
// "more" holds a further datagram of the answer to the last question of its port.
const (
	Asked = "asked"
	More  = "more"
)

// Question is one datagram to one port.
type Question struct {
	Port  int
	Item  string // names the question in records and facts
	Send  []byte
	Roams bool // the answer comes from another port
	Many  bool // the answer may be several datagrams
	// Mask holds values that must not be kept.
	Mask []string
	// Ours tells an answer from other traffic; nil = any. It sees bytes before masking.
	Ours func([]byte) bool
}

// Ask puts the question, again when nothing comes back, and records the exchange
// for the probe. It returns the first datagram's record as kept.
func Ask(ctx context.Context, t *probe.Target, rec *probe.Recorder, name string, q Question) probe.Record {
	start := time.Now()
	var got [][]byte
	var err error
	for range max(1, t.Pace.UDPTries) {
		if got, err = once(ctx, t, q); len(got) > 0 || ctx.Err() != nil || probe.Word(err) == "refused" {
			break
		}
	}
	received := 0
	for _, b := range got {
		received += len(b)
	}
	r := probe.Record{Probe: name, Event: Asked, Port: probe.UDP(q.Port), Item: q.Item, Sent: q.Send, Number: len(got),
		Detail: fmt.Sprintf("%d %d", len(q.Send), received), Took: time.Since(start).Milliseconds()}
	if len(got) == 0 {
		r.Error = probe.Word(err)
	} else {
		r.Recv = got[0]
	}
	r = rec.Add(r, q.Mask...)
	kept := len(r.Recv)
	for _, b := range got[min(1, len(got)):] {
		if kept += len(b); kept > 2*probe.MaxBytes {
			break // the sizes are known; more of the like is not kept
		}
		rec.Add(probe.Record{Probe: name, Event: More, Port: r.Port, Item: q.Item, Recv: b}, q.Mask...)
	}
	return r
}

func once(ctx context.Context, t *probe.Target, q Question) ([][]byte, error) {
	send, receive, end, err := socket(ctx, t, q)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := send(q.Send); err != nil {
		return nil, err
	}
	var got [][]byte
	total := 0
	deadline := time.Now().Add(t.Pace.UDPWait)
	for len(got) < MaxDatagrams && total < MaxBytes {
		wait := time.Until(deadline)
		if len(got) > 0 {
			wait = min(Quiet, wait+t.Pace.UDPWait)
		}
		if wait <= 0 || ctx.Err() != nil {
			break
		}
		var b []byte
		if b, err = receive(wait); err != nil {
			break
		}
		if len(b) == 0 || q.Ours != nil && !q.Ours(b) {
			continue
		}
		got = append(got, b)
		total += len(b)
		if !q.Many {
			break
		}
	}
	if len(got) == 0 && err == nil {
		err = context.DeadlineExceeded
	}
	return got, err
}

// socket opens a connected socket, which hears refusals, or one that hears all
// ports of the device.
func socket(ctx context.Context, t *probe.Target, q Question) (send func([]byte) error, receive func(time.Duration) ([]byte, error), end func(), err error) {
	if q.Roams {
		if p, err := t.Net.Packets(ctx); err == nil {
			stop := context.AfterFunc(ctx, func() { _ = p.Close() })
			return func(b []byte) error { return p.Send(q.Port, b) }, p.Receive, func() { stop(); _ = p.Close() }, nil
		}
	}
	var c net.Conn
	if c, err = t.Net.UDP(ctx, q.Port, t.Pace.UDPWait); err != nil {
		return nil, nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	buf := make([]byte, 64<<10)
	receive = func(wait time.Duration) ([]byte, error) {
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return nil, err
		}
		n, err := c.Read(buf)
		return slices.Clone(buf[:n]), err
	}
	return func(b []byte) error { _, err := c.Write(b); return err }, receive, func() { stop(); _ = c.Close() }, nil
}

// Ports returns the UDP ports on which the protocol was found.
func Ports(t *probe.Target, protocol string) []int {
	var out []int
	for _, f := range t.Facts {
		p := probe.PortNumber(f.Subject)
		if p == 0 || f.Origin != fact.Observed || f.Subject != probe.UDP(p) || slices.Contains(out, p) {
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
	last := map[string]int{}
	for _, r := range records {
		p := probe.PortNumber(r.Port)
		if p == 0 || r.Port != probe.UDP(p) {
			continue
		}
		switch r.Event {
		case Asked:
			a := Answer{Record: r}
			if n, err := fmt.Sscanf(r.Detail, "%d %d", &a.Asked, &a.Size); n != 2 || err != nil || a.Asked < 0 || a.Size < 0 {
				a.Asked, a.Size = len(r.Sent), len(r.Recv)
			}
			if len(r.Recv) > 0 {
				a.Recv = [][]byte{r.Recv}
			}
			a.Complete = !r.Cut && len(a.Recv) == r.Number
			last[r.Port] = len(out)
			out = append(out, a)
		case More:
			if i, ok := last[r.Port]; ok && len(r.Recv) > 0 && out[i].Item == r.Item {
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
	best := map[string]Answer{}
	var order []string
	for _, a := range answers {
		b, ok := best[a.Port]
		if !ok {
			order = append(order, a.Port)
		}
		if !ok || percent(a) > percent(b) {
			best[a.Port] = a
		}
	}
	var out fact.Set
	for _, port := range order {
		a := best[port]
		if a.Size == 0 {
			continue
		}
		out = append(out, probe.Observed("amplification", port+" "+protocol, map[string]any{"port": port, "protocol": protocol, "question": a.Item,
			"sent": a.Asked, "received": a.Size, "datagrams": max(1, a.Number), "percent": percent(a)}, a.Source()))
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
	return probe.Observed("access.open", port+" "+protocol, map[string]any{"port": port, "protocol": protocol, "read": read, "write": write,
		"writeAsked": writeAsked, "what": Text(strings.Join(what, ", "))}, source...)
}

// Detail states something that a service says about itself; nothing when empty.
func Detail(port, protocol, key, value string, source ...string) fact.Set {
	if value = Text(value); value == "" {
		return nil
	}
	return fact.Set{probe.Observed("service.detail", port+" "+protocol+" "+key, map[string]any{"port": port, "protocol": protocol, "key": key, "value": value}, source...)}
}

// Text makes a value of the device fit for a fact: one line, bounded.
func Text(s string) string {
	if s = strings.TrimSpace(probe.Clip(s)); len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}
