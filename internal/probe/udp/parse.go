package udp

import (
	"bytes"
	"cmp"
	"slices"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

// How many ports may stay silent on a device that tells of closed ones until it
// is a firewall that keeps silent and not services.
const (
	fewSilent  = 64
	wallShare  = 10 // one in so many: a firewall
	leastClose = 4  // closed ports that the device must have told of
)

// state is what is known of a port.
type state int

const (
	undecided state = iota
	open
	closed
	filtered
)

// answer is one question's answer.
type answer struct {
	item       string
	sent, recv []byte
	source     string
}

// transcript is what the records say.
type transcript struct {
	*sweep.Earlier
	answers  map[int][]answer
	refused  map[int]bool
	ended    map[int]bool
	estimate int
	silent   state // what silence means on this device
	planned  bool
}

func read(records []probe.Record) *transcript {
	t := &transcript{answers: map[int][]answer{}, refused: map[int]bool{}, ended: map[int]bool{}}
	if t.Earlier, t.planned = sweep.Read(records, "udp"); t.Earlier == nil {
		t.Earlier, t.planned = &sweep.Earlier{}, false
	}
	for _, r := range records {
		p := probe.PortNumber(r.Port)
		switch r.Event {
		case "estimate":
			t.estimate = min(max(r.Number, 0), 1<<30)
		case "asked", "end":
			switch {
			case p == 0 || r.Port != probe.UDP(p):
			case r.Event == "end":
				t.ended[p] = true
			case len(r.Recv) > 0:
				t.answers[p] = append(t.answers[p], answer{r.Item, r.Sent, r.Recv, r.Source()})
			case r.Error == "refused":
				t.refused[p] = true
			}
		}
	}
	c := t.Count(false)
	mute := 0
	for p := range t.Ports {
		if s := &t.Ports[p]; s.Settled && s.Answer == sweep.Silent {
			mute++
		}
	}
	switch {
	case c.Closed < leastClose:
	case mute <= fewSilent:
		t.silent = open
	case mute*wallShare >= c.Asked:
		t.silent = filtered
	}
	return t
}

func (t *transcript) state(p int) state {
	s := &t.Ports[p]
	switch {
	case len(t.answers[p]) > 0 || s.Settled && s.Answer == sweep.Open:
		return open
	case s.Settled && s.Answer == sweep.Closed || t.refused[p]:
		return closed
	case s.Settled && s.Answer == sweep.Filtered:
		return filtered
	case s.Settled:
		return t.silent
	}
	return undecided
}

// parse states udp.open for each open port, udp.coverage, udp.scan and
// device.outage.
func (c catalogue) parse(records []probe.Record) fact.Set {
	t := read(records)
	if !t.planned {
		return nil
	}
	source := func(line int) string { return probe.Record{Probe: name, Line: line}.Source() }
	n := map[state]int{}
	answered := 0
	var out fact.Set
	for p := 1; p <= last; p++ {
		s := t.state(p)
		n[s]++
		if s != open {
			continue
		}
		service, heard := "silent", t.Ports[p].Answer == sweep.Open
		var from []string
		if line := t.Ports[p].Line; line > 0 {
			from = append(from, source(line))
		}
		if heard {
			service = "other"
		}
		for _, a := range t.answers[p] {
			heard, from = true, append(from, a.source)
			found := "other"
			if !bytes.Equal(a.sent, a.recv) { // an echo service is like every protocol
				found = c.recognise(a.item, a.recv)
			}
			if service == "silent" || service == "other" {
				service = found
			}
		}
		if heard {
			answered++
		}
		out = append(out, probe.Observed("udp.open", probe.UDP(p), map[string]any{"service": service, "answered": heard}, from...))
	}
	for i, o := range t.Down {
		out = append(out, probe.Away(name, i+1, o.Kind, o.Took, o.Rate, o.Last, source(o.Line)))
	}
	method := t.Method
	if !slices.Contains([]string{byPool, byLink, bySingle, bySockets}, method) {
		method = byQuestions
	}
	asked := max(t.Asked, n[open]+n[closed]+n[filtered])
	tries := slices.MaxFunc(t.Ports[:], func(a, b sweep.Settled) int { return cmp.Compare(a.Tries, b.Tries) }).Tries
	silent := asked - answered - n[closed] - n[filtered]
	return append(out,
		probe.Observed("udp.coverage", "", map[string]any{
			"asked": asked, "open": n[open], "answered": answered, "closed": n[closed], "filtered": n[filtered],
			"undecided": asked - n[open] - n[closed] - n[filtered], "method": method}, source(t.Plan)),
		probe.Observed("udp.scan", "", map[string]any{
			"silent": silent, "tries": tries, "outages": len(t.Down), "estimate": t.estimate}, source(t.Plan)))
}
