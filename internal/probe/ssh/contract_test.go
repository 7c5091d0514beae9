package ssh

import (
	"testing"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// TinySSH says something else with each greeting, which is no part of its name.
func TestPassingComment(t *testing.T) {
	for in, want := range map[string]string{"SSH-2.0-tinyssh_20230101-1 24XuCXmv\r\n": "tinyssh_20230101-1", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n": "OpenSSH_9.2p1 Debian-2", "SSH-2.0-box\r\n": "box"} {
		if got, ok := match([]byte(in)); !ok || got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// Real servers are recognised and have a sign-in.
func TestRealServers(t *testing.T) {
	for _, s := range []string{"dropbear", "TinySSH", "Dropbear for one client at a time"} {
		port := daemon.Named(t, s)
		if _, ok := daemon.Greets(t, Protocol.TCP, port); !ok {
			t.Errorf("%s is not recognised", s)
		}
		_, facts := daemon.Ask(t, Probe, daemon.Target(daemon.Speaks(port, name, false)))
		if f, ok := facts.Get("signin.interface", probe.TCP(port)+" "+name); !ok || probe.Str(f.Value, "kind") != name || probe.Bool(f.Value, "encrypted") != (name == "ssh") {
			t.Errorf("%s: %v", s, facts)
		}
		f, _ := facts.Get("ssh.hostkey", probe.TCP(port))
		m, _ := f.Value.(map[string]any)
		if keys, _ := m["keys"].([]any); len(keys) != 1 || probe.Str(keys[0], "key") != "ed25519" {
			t.Errorf("%s: %v", s, f.Value)
		}
	}
}
