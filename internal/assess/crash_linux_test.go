package assess_test

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fact"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
	"hoshi/internal/report"
	"hoshi/internal/testkit/bed"
)

// page puts an HTTP server with a sign-in form on a port of the device. fall, if not
// nil, is asked before each answer; what it says true to gets none.
func page(b *bed.Bed, port uint16, fall func() bool) {
	b.Go(func() (func(), error) {
		l, err := net.Listen("tcp", netip.AddrPortFrom(b.Addr, port).String())
		if err != nil {
			return nil, err
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if fall != nil && fall() {
				panic(http.ErrAbortHandler)
			}
			_, _ = w.Write([]byte("<form method=post action=/in><input type=text name=user><input type=password name=pass></form>"))
		})}
		go func() { _ = s.Serve(l) }()
		return func() { _ = s.Close() }, nil
	})
}

// A device that restarts three times, while its ports are asked, beside the first
// questions to its services, and when a page is asked for: the run notices, waits and goes on, and in
// the end knows all that a run knows that nothing disturbed. Each time is a finding
// with what was sent last, in the bundle and in the report.
func TestRestartingDevice(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{Delay: time.Millisecond, Uptime: time.Hour, Sysctl: quick}, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run
		}
		var armed atomic.Bool
		var wg sync.WaitGroup
		defer wg.Wait()
		reboot := func(off time.Duration) func() {
			return func() { wg.Go(func() { b.Reboot(off) }) }
		}
		page(b, 80, func() bool {
			if !armed.CompareAndSwap(true, false) {
				return false
			}
			reboot(5 * time.Second)()
			<-t.Context().Done() // it never answers
			return true
		})
		web(b, 50123)
		conf := filepath.Join(t.TempDir(), "snmpd.conf")
		if err := os.WriteFile(conf, []byte("rocommunity public\nagentaddress udp:161\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.Service("env", "SNMP_PERSISTENT_DIR="+filepath.Dir(conf), "MIBS=", "/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", conf, "-I", "-smux", "-p", conf+".pid")
		b.Await("tcp/80", "tcp/50123", "udp/161")

		o := bedOptions(t, b)
		o.Pace.TCPStart, o.Pace.TCPCap, o.Pace.Down = 4000, 7000, time.Minute
		var scan, web80, snmp sync.Once
		o.Progress = func(e assess.Event) {
			switch {
			case e.Probe == "tcp" && e.Done > 30000:
				scan.Do(reboot(1500 * time.Millisecond))
			case e.Probe == "http" && e.State == "begin":
				web80.Do(func() { armed.Store(true) })
			case e.Probe == "snmp" && e.State == "end":
				snmp.Do(reboot(5 * time.Second))
			}
		}
		run, err := assess.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("HOSHI_SOAK") != "" {
			o.Progress, o.Journal = nil, filepath.Join(t.TempDir(), "calm.hoshi.journal")
			calm, err := assess.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(calm.Facts.Named("device.outage")); n > 0 {
				t.Fatalf("%d outages of a device that did not go away", n)
			}
			sameButOutages(t, calm.Facts, run.Facts)
		}
		for _, id := range []string{"tcp.open[tcp/80]", "tcp.open[tcp/50123]", "udp.open[udp/161]", "signin.interface[tcp/80 form /]", "service.protocol[tcp/50123]"} {
			if !slices.ContainsFunc(run.Facts, func(f fact.Fact) bool { return f.ID() == id }) {
				t.Errorf("no %s", id)
			}
		}
		if f, _ := run.Facts.Get("tcp.coverage", ""); probe.Int(f.Value, "closed") != 65533 {
			t.Errorf("coverage %v", f.Value)
		}

		outages := run.Facts.Named("device.outage")
		for i, want := range []struct{ subject, kind, last string }{{"services 1", "unknown", "snmp udp/161"}, {"services 2", "unknown", "GET "}, {"tcp 1", "reboot", ","}} {
			if len(outages) != 3 || outages[i].Subject != want.subject || probe.Str(outages[i].Value, "kind") != want.kind || !strings.Contains(probe.Str(outages[i].Value, "last"), want.last) {
				t.Errorf("outages %v, want %v", outages, want)
			}
		}
		restarts := slices.DeleteFunc(run.Facts.Named("device.restart"), func(f fact.Fact) bool { return !probe.Bool(f.Value, "restarted") })
		if len(restarts) == 0 {
			t.Errorf("no restart in %v", run.Facts.Named("device.restart"))
		}
		for _, v := range run.Verdicts {
			if v.Criterion == "S1.1-13" && v.Outcome == criteria.Conforms {
				t.Error("a device that restarts under plain questions conforms to S1.1-13")
			}
		}
		if f, _ := run.Facts.Get("device.watch", ""); probe.Int(f.Value, "outages") != 2 {
			t.Errorf("watched %v", f.Value)
		}

		// Sealed and read by somebody else, it is all there to be seen.
		var sealed bytes.Buffer
		if err := evidence.Seal(&sealed, *run, nil); err != nil {
			t.Fatal(err)
		}
		limits := evidence.DefaultLimits()
		limits.AllowUnsigned = true
		bundle, err := evidence.Open(&sealed, limits)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range i18n.Langs {
			var words []string
			for _, f := range report.Findings(l, run.Facts, run.Transcripts) {
				words = append(words, f.Text)
			}
			if len(words) < 4 {
				t.Errorf("findings %q", words)
			}
			var html bytes.Buffer
			if err := report.Write(&html, bundle, l); err != nil {
				t.Fatal(err)
			}
			for _, w := range words {
				if !strings.Contains(html.String(), template.HTMLEscapeString(w)) {
					t.Errorf("the report in %s does not say %q", l, w)
				}
			}
		}
		if s := b.Strays(nil); len(s) > 0 {
			t.Errorf("%d frames for others: %v", len(s), s[0])
		}
	})
}

// sameButOutages holds two runs to the same facts, but for what tells of outages and
// of how a scan went.
func sameButOutages(t *testing.T, want, got fact.Set) {
	t.Helper()
	lasting := func(s fact.Set) map[string]string {
		out := map[string]string{}
		for _, f := range s {
			if !slices.Contains([]string{"device.outage", "device.restart", "device.uptime", "tcp.scan", "udp.scan", "amplification", "service.detail", "snmp.version"}, f.Name) {
				v, _ := json.Marshal(f.Lasting())
				out[f.ID()] = string(v)
			}
		}
		return out
	}
	a, b := lasting(want), lasting(got)
	for k, v := range a {
		if b[k] != v {
			t.Errorf("%s: %q, undisturbed %q", k, b[k], v)
		}
	}
	for k, v := range b {
		if _, ok := a[k]; !ok {
			t.Errorf("%s: %q, undisturbed none", k, v)
		}
	}
}
