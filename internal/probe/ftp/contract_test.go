package ftp

import (
	"testing"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// Real servers are recognised and have a sign-in.
func TestRealServers(t *testing.T) {
	for _, s := range []string{"vsftpd", "pyftpdlib"} {
		port := daemon.Named(t, s)
		if _, ok := daemon.Greets(t, Protocol.TCP, port); !ok {
			t.Errorf("%s is not recognised", s)
		}
		_, facts := daemon.Ask(t, Probe, daemon.Target(daemon.Speaks(port, name, false)))
		if f, ok := facts.Get("signin.interface", probe.TCP(port)+" "+name); !ok || probe.Str(f.Value, "kind") != name || probe.Bool(f.Value, "encrypted") != (name == "ssh") {
			t.Errorf("%s: %v", s, facts)
		}
	}
}
