package after

import (
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// A service that has ended is named, one that only starts anew is not, and what
// other programs of this host do is nobody's business.
func TestAfter(t *testing.T) {
	open := daemon.Named(t, "BusyBox httpd")
	gone, late := daemon.Port(t), daemon.Port(t)
	target := daemon.Target(probe.Observed("tcp.open", probe.TCP(open), true), probe.Observed("tcp.open", probe.TCP(gone), true), probe.Observed("tcp.open", probe.TCP(late), true))
	if _, facts := daemon.Ask(t, Probe, target); len(facts) != 1 || probe.Int(facts[0].Value, "asked") != 0 {
		t.Errorf("asked beside other programs: %v", facts)
	}
	target.Network = probe.ModeRemote
	started := make(chan net.Listener, 1)
	go func() {
		probe.Wait(t.Context(), time.Second)
		l, _ := net.Listen("tcp", net.JoinHostPort(daemon.Addr, probe.TCP(late)[4:]))
		started <- l
	}()
	_, facts := daemon.Ask(t, Probe, target)
	if l := <-started; l != nil {
		defer func() { _ = l.Close() }()
	}
	f, ok := facts.Get("tcp.after", "")
	if d := cmp.Diff(any(map[string]any{"asked": int64(3), "ended": []any{probe.TCP(gone)}}), f.Value); !ok || d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A run that broke off says nothing.
func TestBrokenOff(t *testing.T) {
	if s := parse([]probe.Record{{Event: "connect", Port: "tcp/21", Error: "refused", Line: 1}}); len(s) != 0 {
		t.Errorf("%v", s)
	}
}
