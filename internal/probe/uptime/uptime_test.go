package uptime

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/snmp"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/udpd"
)

// A device that runs on, and the same device after it was switched off and on.
func TestRestartIsSeen(t *testing.T) {
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		dir := t.TempDir()
		conf := filepath.Join(dir, "snmpd.conf")
		if err := os.WriteFile(conf, []byte("rocommunity public\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.Service("env", "SNMP_PERSISTENT_DIR="+dir, "MIBS=", "/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", conf, "-I", "-smux", "-p", filepath.Join(dir, "pid"), "udp:161")
		up := func() {
			if !udpd.Answers(t, b.Addr, 161, snmp.Third.UDP) {
				t.Fatal("snmpd does not answer")
			}
		}
		up()
		target := udpd.Target(b.Addr, map[int]string{161: "snmp"})
		rec := probe.NewRecorder(time.Now, nil)
		if err := snmp.Probe.Run(t.Context(), target, rec); err != nil {
			t.Fatal(err)
		}
		target.Facts = append(target.Facts, snmp.Probe.Parse(rec.Records("snmp"))...)
		again := func() fact.Set {
			if err := Probe.Run(t.Context(), target, rec); err != nil {
				t.Fatal(err)
			}
			return parse(rec.Records(name))
		}
		facts := again()
		if f, ok := facts.Get("device.restart", "udp/161 snmp"); ok && probe.Bool(f.Value, "restarted") { // it has just started: it may be too early to tell
			t.Errorf("%v", f)
		}
		for _, s := range []string{"udp/161 snmp-host", "udp/161 snmpv3"} {
			if v := udpd.Get(t, facts, "device.restart", s); probe.Bool(v, "restarted") {
				t.Errorf("%s: %v", s, v)
			}
		}
		b.Reboot(0)
		up()
		rec = probe.NewRecorder(time.Now, nil)
		if v := udpd.Get(t, again(), "device.restart", "udp/161 snmpv3"); !probe.Bool(v, "restarted") {
			t.Errorf("%v", v)
		}
	})
}

func TestRestarted(t *testing.T) {
	for _, c := range []struct {
		a, b       reading
		yes, known bool
	}{
		{reading{100, 0, 0}, reading{160, 0, 60000}, false, true},
		{reading{100, 0, 0}, reading{158, 0, 60000}, false, true},
		{reading{100, 0, 0}, reading{20, 0, 60000}, true, true},
		{reading{100, 0, 0}, reading{110, 0, 60000}, true, true},
		{reading{1, 0, 0}, reading{4, 0, 4000}, false, false}, // so would one that starts at once
		{reading{1, 0, 0}, reading{0, 0, 9000}, true, true},
		{reading{4, 0, 0}, reading{9, 0, 5000}, false, true},
		{reading{-1, 7, 0}, reading{-1, 7, 60000}, false, true},
		{reading{-1, 7, 0}, reading{-1, 8, 60000}, true, true},
		{reading{-1, 0, 0}, reading{-1, 0, 60000}, false, false},
		{reading{wrap - 1, 0, 0}, reading{5, 0, 60000}, false, false}, // the counter began again
	} {
		if yes, known := restarted(c.a, c.b); yes != c.yes || known != c.known {
			t.Errorf("%v, %v: %v %v", c.a, c.b, yes, known)
		}
	}
}

// The sources ask with the items that their own probes read.
func TestSources(t *testing.T) {
	for kind, recv := range map[string]string{
		"natpmp": "\x00\x80\x00\x00\x00\x00\x00\x09\x0b\x16\x21\x2c",
		"ssdp":   "HTTP/1.1 200 OK\r\nST: a\r\nBOOTID.UPNP.ORG: 9\r\n\r\n",
	} {
		item := sources[kind].ask("192.0.2.1")[0].Item
		facts := parse([]probe.Record{{Event: "before", Port: "udp/1", Item: kind, Detail: "5000 7 0"}, {Event: "asked", Port: "udp/1", Item: kind + " " + item, Recv: []byte(recv), Number: 1, At: 1000}})
		if v := udpd.Get(t, facts, "device.restart", "udp/1 "+kind); !probe.Bool(v, "restarted") {
			t.Errorf("%s: %v", kind, v)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("snmpv3", "1 2 3", "snmpv3 v3", []byte("0"))
	f.Add("ssdp", "-1 2 3", "ssdp search", []byte("HTTP/1.1 200 OK\r\nST: a\r\nBOOTID.UPNP.ORG: 9\r\n\r\n"))
	f.Fuzz(func(t *testing.T, kind, detail, item string, b []byte) {
		for _, x := range parse([]probe.Record{{Event: "before", Port: "udp/1", Item: kind, Detail: detail}, {Event: "asked", Port: "udp/1", Item: item, Recv: b, Number: 1}}) {
			if !fact.Known(x.Name) {
				t.Errorf("%s is not in the vocabulary", x.Name)
			}
		}
	})
}
