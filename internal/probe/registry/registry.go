// Package registry lists the probes, one line each. A new probe is one folder
// and one line here.
package registry

import (
	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/ftp"
	"hoshi/internal/probe/host"
	"hoshi/internal/probe/http"
	"hoshi/internal/probe/service"
	"hoshi/internal/probe/signin"
	"hoshi/internal/probe/ssh"
	"hoshi/internal/probe/tcp"
	"hoshi/internal/probe/telnet"
	"hoshi/internal/probe/tls"
	"hoshi/internal/probe/udp"
)

// Probes are all probes in the order in which they run.
var Probes = []probe.Probe{
	host.Probe,
	tcp.Probe,
	udp.Probe,
	service.Probe,
	http.Probe,
	tls.Probe,
	ssh.Probe,
	telnet.Probe,
	ftp.Probe,
	signin.Probe,
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
