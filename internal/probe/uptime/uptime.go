// Package uptime asks the device at the end of a run again how long it has been
// running, wherever it said so before, and so sees a restart in between.
package uptime

import (
	"context"
	"fmt"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
	"hoshi/internal/probe/natpmp"
	"hoshi/internal/probe/snmp"
	"hoshi/internal/probe/ssdp"
)

const name = "uptime"

// Probe is the registry entry.
//
// Events: "before" (port; item is the source; detail is "SECONDS BOOTS AT" of the
// earlier reading), and those of package datagram, whose items are the source, a
// blank and the item of the source's own probe.
var Probe = probe.Probe{Name: name, Stage: 9, Run: run, Parse: parse}

// source is a protocol that tells how long the device has been running.
type source struct {
	ask   func(host string) []datagram.Question
	parse func([]probe.Record) fact.Set
}

func asked(p probe.Protocol, item string, many bool) func(string) []datagram.Question {
	return func(host string) []datagram.Question {
		return []datagram.Question{{Item: item, Send: p.UDP.Ask(host, make([]byte, 32)), Roams: p.UDP.Roams, Many: many}}
	}
}

var sources = map[string]source{
	"snmp": {func(string) []datagram.Question {
		return []datagram.Question{
			{Item: "v1", Send: snmp.Question(snmp.V1, snmp.Public, snmp.Get, snmp.SysUpTime)},
			{Item: "v2c", Send: snmp.Question(snmp.V2c, snmp.Public, snmp.Get, snmp.SysUpTime)},
		}
	}, snmp.ParseRecords},
	"snmp-host": {func(string) []datagram.Question {
		return []datagram.Question{{Item: "v2c", Send: snmp.Question(snmp.V2c, snmp.Public, snmp.Get, snmp.HostUpTime)}}
	}, snmp.ParseRecords},
	"snmpv3": {asked(snmp.Third, "v3", false), snmp.ParseRecords},
	"natpmp": {asked(natpmp.Protocol, "address", false), natpmp.Parse},
	"ssdp":   {asked(ssdp.Protocol, "search", true), ssdp.Parse},
}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, f := range t.Facts.Named("device.uptime") {
		port, kind, _ := strings.Cut(f.Subject, " ")
		s, ok := sources[kind]
		if !ok || f.Origin != fact.Observed || ctx.Err() != nil {
			continue
		}
		rec.Add(probe.Record{Probe: name, Event: "before", Port: port, Item: kind,
			Detail: fmt.Sprintf("%d %d %d", probe.Int(f.Value, "seconds"), probe.Int(f.Value, "boots"), probe.Int(f.Value, "at"))})
		qs := s.ask(t.Addr.String())
		for i := range qs {
			qs[i].Port, qs[i].Item = probe.PortNumber(port), kind+" "+qs[i].Item
		}
		datagram.AskAll(ctx, t, rec, name, qs...)
	}
	return nil
}

// reading is what a device said at a time.
type reading struct{ seconds, boots, at int64 }

// wrap is where counters of hundredths of a second begin again.
const wrap = (1<<32)/100 - 60

// restarted tells whether the device started between two readings; known is false
// when the two cannot tell.
func restarted(a, b reading) (yes, known bool) {
	if a.boots > 0 && b.boots > 0 && a.boots != b.boots {
		return true, true
	}
	passed := (b.at - a.at) / 1000
	if a.seconds >= 0 && b.seconds >= 0 && passed >= 0 && a.seconds+passed < wrap {
		slack := 3 + passed/50 // clocks drift, answers take a while
		if b.seconds < a.seconds+passed-slack {
			return true, true
		}
		if a.seconds > slack { // else a start soon after the first reading looks the same
			return false, true
		}
	}
	return false, a.boots > 0 && b.boots > 0
}

// parse states device.restart for each source that told again.
func parse(records []probe.Record) fact.Set {
	var out fact.Set
	for _, before := range records {
		s, ok := sources[before.Item]
		var a reading
		if n, err := fmt.Sscanf(before.Detail, "%d %d %d", &a.seconds, &a.boots, &a.at); before.Event != "before" || !ok || n != 3 || err != nil {
			continue
		}
		var again []probe.Record
		for _, r := range records {
			if item, ok := strings.CutPrefix(r.Item, before.Item+" "); ok && r.Port == before.Port {
				r.Item = item
				again = append(again, r)
			}
		}
		subject := before.Port + " " + before.Item
		f, ok := s.parse(again).Get("device.uptime", subject)
		if !ok {
			continue
		}
		b := reading{probe.Int(f.Value, "seconds"), probe.Int(f.Value, "boots"), probe.Int(f.Value, "at")}
		if yes, known := restarted(a, b); known {
			out = append(out, probe.Observed("device.restart", subject, map[string]any{"restarted": yes, "at": b.at - 1000*max(0, b.seconds), "secondsBefore": a.seconds, "secondsAfter": b.seconds,
				"bootsBefore": a.boots, "bootsAfter": b.boots}, append([]string{before.Source()}, f.Source...)...))
		}
	}
	return datagram.First(out)
}
