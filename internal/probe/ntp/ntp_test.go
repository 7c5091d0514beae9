package ntp

import (
	"os"
	"path/filepath"
	"testing"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/udpd"
)

// ntpsec's server with management questions open to all, and closed.
func TestNTPsec(t *testing.T) {
	for name, c := range map[string]struct {
		restrict string
		control  bool
	}{
		"open":   {"restrict 198.18.0.0 mask 255.255.0.0\n", true},
		"closed": {"restrict default noquery\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
				dir := t.TempDir()
				conf := filepath.Join(dir, "ntp.conf")
				if err := os.WriteFile(conf, []byte("tos orphan 5\n"+c.restrict), 0o644); err != nil {
					t.Fatal(err)
				}
				b.Service("/usr/sbin/ntpd", "-n", "-c", conf, "-p", filepath.Join(dir, "pid"))
				if !udpd.Answers(t, b.Addr, 123, Protocol.UDP) {
					t.Fatal("ntpd does not answer")
				}
				facts, _ := udpd.Run(t, Probe, udpd.Target(b.Addr, map[int]string{123: "ntp"}))
				v := udpd.Get(t, facts, "ntp.answer", "udp/123")
				if !probe.Bool(v, "time") || probe.Bool(v, "control") != c.control || probe.Bool(v, "private") {
					t.Errorf("%v", v)
				}
				if v := udpd.Get(t, facts, "access.open", "udp/123 ntp"); probe.Bool(v, "read") != c.control {
					t.Errorf("%v", v)
				}
				a := udpd.Get(t, facts, "amplification", "udp/123 ntp")
				if c.control {
					if v := udpd.Get(t, facts, "service.detail", "udp/123 ntp version"); probe.Str(v, "value") == "" {
						t.Errorf("%v", v)
					}
					if probe.Str(a, "question") != "readvar" || probe.Int(a, "percent") < 1000 {
						t.Errorf("%v", a)
					}
				} else if probe.Int(a, "percent") != 100 {
					t.Errorf("%v", a)
				}
			})
		})
	}
}

// No server that a system still ships answers monlist; the form is that of ntpd 4.2.6.
func TestMonlist(t *testing.T) {
	full := append([]byte{0xd7, 0, 3, 42, 0, 6, 0, 72}, make([]byte, 6*72)...)
	records := []probe.Record{{Event: "asked", Port: "udp/123", Item: "monlist", Sent: monlist, Recv: full, Number: 2, Detail: "8 880"},
		{Event: "more", Port: "udp/123", Item: "monlist", Recv: full}}
	facts := parse(records)
	if v := udpd.Get(t, facts, "ntp.answer", "udp/123"); !probe.Bool(v, "private") {
		t.Errorf("%v", v)
	}
	if a := udpd.Get(t, facts, "amplification", "udp/123 ntp"); probe.Int(a, "percent") != 11000 || probe.Int(a, "datagrams") != 2 {
		t.Errorf("%v", a)
	}
	records[0].Recv = []byte{0x97, 0, 3, 42, 0x40, 0, 0, 0}
	if v := udpd.Get(t, parse(records[:1]), "ntp.answer", "udp/123"); probe.Bool(v, "private") {
		t.Errorf("an error was taken for a list: %v", v)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(clock(), "time")
	f.Add([]byte("\x16\x82\x48\x53\x00\x00\x00\x00\x00\x00\x00\x0dversion=\"x\",\x00"), "readvar")
	f.Add([]byte{0xd7, 0, 3, 42, 0, 6, 0, 72}, "monlist")
	f.Fuzz(func(t *testing.T, b []byte, item string) {
		match(b)
		r := probe.Record{Event: "asked", Port: "udp/123", Item: item, Recv: b, Number: 2, Detail: item}
		for _, x := range parse([]probe.Record{r, {Event: "more", Port: "udp/123", Item: item, Recv: b}}) {
			if !fact.Known(x.Name) {
				t.Errorf("%s is not in the vocabulary", x.Name)
			}
		}
	})
}
