// Package host records from where the device was tested: another machine, an
// address of the testing host itself, or a network namespace of its own. When
// listeners of the host are mixed into the result, that becomes a fact.
package host

import (
	"context"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "host"

// Probe is the registry entry. It sends nothing.
//
// Events: "network", detail one of the probe.Mode constants.
var Probe = probe.Probe{Name: name, Stage: 0, Run: run, Parse: parse}

func run(_ context.Context, t *probe.Target, rec *probe.Recorder) error {
	rec.Add(probe.Record{Probe: name, Event: "network", Detail: t.Network})
	return nil
}

// parse states host.mixed.
func parse(records []probe.Record) fact.Set {
	for _, r := range records {
		if r.Event != "network" {
			continue
		}
		switch r.Detail {
		case probe.ModeRemote, probe.ModeNamespace:
			return fact.Set{probe.Observed("host.mixed", "", false, r.Source())}
		case probe.ModeShared:
			return fact.Set{probe.Observed("host.mixed", "", true, r.Source())}
		}
	}
	return nil
}
