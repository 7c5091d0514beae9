// Package tls lists the TLS and SSL versions and cipher suites that a port
// accepts, the old ones too.
//
// It builds its own ClientHello and reads the ServerHello or alert only; no
// handshake is completed, so versions that no library speaks any more can be
// asked for. Lists are complete by elimination: what the server picked is taken
// out of the offer and the rest is offered again until the server refuses.
package tls

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const (
	name  = "tls"
	chunk = 64 // suites in one hello; some servers give up on longer lists
)

// Probe is the registry entry.
//
// Events: "hello" (port; what was sent and the first record received), "settled" (port, item = version:
// every suite was accepted or refused).
var Probe = probe.Probe{Name: name, Stage: 4, Run: run, Parse: Parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, f := range t.Facts.Named("service.protocol") {
		if f.Origin != fact.Observed || !probe.Bool(f.Value, "tls") {
			continue
		}
		for _, v := range Versions {
			if version(ctx, t, rec, probe.PortNumber(f.Subject), v) {
				rec.Add(probe.Record{Probe: name, Event: "settled", Port: f.Subject, Item: v.String()})
			}
		}
	}
	return nil
}

// version settles one version on one port; false when an answer was missed.
func version(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int, v Version) bool {
	all := classic
	if v == TLS13 {
		all = modern
	}
	for offer := range slices.Chunk(all, chunk) {
		offer = slices.Clone(offer)
		for len(offer) > 0 {
			a, ok := ask(ctx, t, rec, port, v, offer)
			if !ok {
				return false
			}
			i := slices.Index(offer, a.Suite)
			if !a.Hello || a.Version != v || i < 0 {
				break // refused, or answered with another version
			}
			offer = slices.Delete(offer, i, i+1)
		}
	}
	return true
}

// ask sends one hello; ok is false when the server's answer stayed away twice.
func ask(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int, v Version, offer []uint16) (a Answer, ok bool) {
	random := make([]byte, 96)
	for range 2 {
		if ctx.Err() != nil {
			return Answer{}, false
		}
		if _, err := io.ReadFull(t.Rand, random); err != nil {
			return Answer{}, false
		}
		r := probe.Record{Probe: name, Event: "hello", Port: probe.TCP(port), Item: v.String(), Number: len(offer), Sent: Hello(v, offer, random)}
		start := time.Now()
		c, err := t.Net.TCP(ctx, port, t.Pace.Exchange)
		if err == nil {
			r.Recv, err = probe.Exchange(ctx, c, r.Sent, 16<<10, t.Pace.Exchange, Enough)
			_ = c.Close()
		}
		r.Took = time.Since(start).Milliseconds()
		if len(r.Recv) == 0 {
			r.Error = probe.Word(err)
		}
		if Enough(r.Recv) { // the certificate may follow; it is not needed
			r.Recv = r.Recv[:5+int(r.Recv[3])<<8+int(r.Recv[4])]
		}
		rec.Add(r)
		if a := ParseAnswer(r.Recv); a.TLS || refused(r) {
			return a, true
		}
	}
	return Answer{}, false
}

// refused: the server hung up on the hello instead of sending an alert.
func refused(r probe.Record) bool {
	return len(r.Recv) == 0 && (r.Error == "closed" || r.Error == "reset")
}

// Parse states tls.version and tls.suite for each port asked. complete is true
// only when every version was settled.
func Parse(records []probe.Record) fact.Set {
	type seen struct {
		versions map[Version]bool
		suites   map[string]bool
		offered  map[uint16]bool
		settled  []string
		source   []string
	}
	ports := map[string]*seen{}
	var order []string
	for _, r := range records {
		s := ports[r.Port]
		if s == nil {
			if probe.PortNumber(r.Port) == 0 {
				continue
			}
			s = &seen{versions: map[Version]bool{}, suites: map[string]bool{}, offered: map[uint16]bool{}}
			ports[r.Port] = s
			order = append(order, r.Port)
		}
		switch r.Event {
		case "hello":
			v, offered, err := Offered(r.Sent)
			if err != nil {
				continue
			}
			for _, id := range offered {
				s.offered[id] = true
			}
			if a := ParseAnswer(r.Recv); a.Hello && a.Version == v && slices.Contains(offered, a.Suite) {
				s.versions[v] = true
				s.suites[Suite(a.Suite)] = true
				s.source = append(s.source, r.Source())
			}
		case "settled":
			if !slices.Contains(s.settled, r.Item) {
				s.settled = append(s.settled, r.Item)
				s.source = append(s.source, r.Source())
			}
		}
	}
	var out fact.Set
	for _, port := range order {
		s := ports[port]
		versions := []string{}
		for _, v := range Versions {
			if s.versions[v] {
				versions = append(versions, v.String())
			}
		}
		suites := []string{}
		for n := range s.suites {
			suites = append(suites, n)
		}
		slices.Sort(suites)
		complete := true
		asked := []string{}
		for _, v := range Versions {
			if slices.Contains(s.settled, v.String()) {
				asked = append(asked, v.String())
			} else {
				complete = false
			}
		}
		slices.SortFunc(asked, cmp.Compare)
		slices.SortFunc(versions, cmp.Compare)
		out = append(out,
			probe.Observed("tls.version", port, map[string]any{"versions": versions, "asked": asked, "complete": complete}, s.source...),
			probe.Observed("tls.suite", port, map[string]any{"suites": suites, "asked": len(s.offered), "complete": complete}, s.source...))
	}
	return out
}
