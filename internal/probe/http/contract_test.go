package http

import (
	"strings"
	"testing"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// Real servers are recognised, and looked at without a sign-in being made up.
func TestRealServers(t *testing.T) {
	for _, s := range []string{"lighttpd", "nginx", "BusyBox httpd", "mini_httpd", "micro-httpd", "tinyproxy"} {
		port := daemon.Named(t, s)
		if _, ok := daemon.Greets(t, Protocol.TCP, port); !ok {
			t.Errorf("%s is not recognised", s)
		}
		rs, facts := daemon.Ask(t, Probe, daemon.Target(daemon.Speaks(port, name, false)))
		if n := len(facts.Named("signin.interface")); n != 0 || len(rs) > 14 {
			t.Errorf("%s: %d sign-ins after %d requests", s, n, len(rs))
		}
		if f, ok := facts.Get("service.detail", probe.TCP(port)+" http server"); s != "BusyBox httpd" && (!ok || !strings.HasPrefix(strings.ReplaceAll(probe.Str(f.Value, "value"), "_", "-"), strings.ReplaceAll(s, "_", "-"))) {
			t.Errorf("%s calls itself %v", s, f.Value)
		}
	}
}
