// Package registry lists the protocols that Hoshi knows, one line each, and makes
// the probes of a run from them. A new protocol is one folder and one line here.
package registry

import (
	"cmp"
	"slices"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/after"
	"hoshi/internal/probe/coap"
	"hoshi/internal/probe/dns"
	"hoshi/internal/probe/ftp"
	"hoshi/internal/probe/greeting"
	"hoshi/internal/probe/host"
	"hoshi/internal/probe/http"
	"hoshi/internal/probe/ipp"
	"hoshi/internal/probe/mdns"
	"hoshi/internal/probe/modbus"
	"hoshi/internal/probe/mqtt"
	"hoshi/internal/probe/natpmp"
	"hoshi/internal/probe/ntp"
	"hoshi/internal/probe/outage"
	"hoshi/internal/probe/rtsp"
	"hoshi/internal/probe/service"
	"hoshi/internal/probe/signin"
	"hoshi/internal/probe/snmp"
	"hoshi/internal/probe/ssdp"
	"hoshi/internal/probe/ssh"
	"hoshi/internal/probe/tcp"
	"hoshi/internal/probe/telnet"
	"hoshi/internal/probe/tftp"
	"hoshi/internal/probe/tls"
	"hoshi/internal/probe/udp"
	"hoshi/internal/probe/uptime"
)

// Protocols are all protocols. An answer is shown to them in this order.
var Protocols = append([]probe.Protocol{
	http.Protocol,
	ssh.Protocol,
	telnet.Protocol,
	ftp.Protocol,
	ipp.Protocol,
	rtsp.Protocol,
	mqtt.Protocol,
	modbus.Protocol,
	dns.Protocol,
	snmp.Protocol, snmp.First, snmp.Third,
	tftp.Protocol,
	coap.Protocol,
	ntp.Protocol,
	natpmp.Protocol,
	ssdp.Protocol,
	mdns.Protocol,
}, greeting.Protocols...) // named, and asked nothing further

// Probes are all probes in the order of their stages.
var Probes = probes()

func probes() []probe.Probe {
	out := []probe.Probe{
		host.Probe,
		tcp.Probe,
		udp.Probe(Protocols),
		service.Probe(Protocols),
		tls.Probe,
	}
	for _, p := range Protocols {
		if p.Probe != nil {
			out = append(out, *p.Probe)
		}
	}
	out = append(out, outage.Probe, signin.Probe(Entrances()), uptime.Probe, after.Probe)
	slices.SortStableFunc(out, func(a, b probe.Probe) int { return cmp.Compare(a.Stage, b.Stage) })
	return out
}

// Stages are the probes of each stage, by lanes: those of a lane take turns.
func Stages() [][][]probe.Probe {
	var out [][][]probe.Probe
	for i, p := range Probes {
		if i == 0 || p.Stage != Probes[i-1].Stage {
			out = append(out, nil)
		}
		stage := &out[len(out)-1]
		same := -1
		if p.Lane != "" {
			same = slices.IndexFunc(*stage, func(lane []probe.Probe) bool { return lane[0].Lane == p.Lane })
		}
		if same < 0 {
			*stage = append(*stage, nil)
			same = len(*stage) - 1
		}
		(*stage)[same] = append((*stage)[same], p)
	}
	return out
}

// Entrances are the kinds of sign-in of all protocols.
func Entrances() []probe.Entrance {
	var out []probe.Entrance
	for _, p := range Protocols {
		out = append(out, p.Entrances...)
	}
	return out
}

// Parse states the facts of all transcripts, sorted. Transcripts of a probe that
// this program does not know are left out.
func Parse(transcripts map[string][]probe.Record) fact.Set {
	var out fact.Set
	for _, p := range Probes {
		out = append(out, p.Parse(transcripts[p.Name])...)
	}
	out.Sort()
	return out
}
