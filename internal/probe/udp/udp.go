// Package udp finds the open UDP ports of the device among all 65,535 and asks
// what listens there in its own protocol.
//
// A datagram back means open, an ICMP port-unreachable means closed. Silence
// alone means nothing: a service may be there and not care to answer. It means
// open only where the device provably said "closed" for other ports at that very
// moment and never for this one. What cannot be told is undecided, never closed.
package udp

import (
	"context"

	"hoshi/internal/probe"
)

const (
	name = "udp"
	last = 65535
)

// Probe makes the registry entry from all protocols. It runs after the TCP scan
// has ended: the two never overlap, because together they starve weak devices.
//
// Events: "asked" (port; item: the protocol of the question; sent and received).
func Probe(protocols []probe.Protocol) probe.Probe {
	c := newCatalogue(protocols)
	return probe.Probe{Name: name, Stage: 2, Run: c.run, Parse: c.parse}
}

func (c catalogue) run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	rec.Add(probe.Record{Probe: name, Event: "plan", Ports: probe.Ranges(c.ports)})
	c.askAll(ctx, t, rec, c.ports)
	return nil
}
