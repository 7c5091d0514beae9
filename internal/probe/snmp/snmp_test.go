package snmp

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/udpd"
)

// agent starts Debian's snmpd.
func agent(t *testing.T, conf string) int {
	return udpd.Start(t, Third.UDP, func(dir string, port int) []string {
		file := filepath.Join(dir, "snmpd.conf")
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"env", "SNMP_PERSISTENT_DIR=" + dir, "MIBS=", "/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", file, "-I", "-smux", "-p", filepath.Join(dir, "pid"), fmt.Sprintf("udp:127.0.0.1:%d", port)}
	})
}

// The real agent: what anybody reads and writes, all three versions, and no
// trace of a community in the transcript.
func TestNetSNMP(t *testing.T) {
	all := []probe.Consent{probe.ConsentSignIn, probe.ConsentWrite}
	cases := map[string]struct {
		conf           string
		consents       []probe.Consent
		v1, v2c        bool
		write, asked   bool
		what, describe string
	}{
		"public reads":          {"rocommunity public\nsysDescr box 7\n", all, true, true, false, true, "SNMP v1 community public", "box 7"},
		"public writes":         {"rwcommunity public\n", all, true, true, true, true, "sysContact", ""},
		"no consent to writing": {"rwcommunity public\n", nil, true, true, false, false, "SNMP v1 community public", ""},
		"private writes":        {"rwcommunity private\nsysDescr box 7\n", all, false, false, true, true, "second well-known community", ""},
		"own community":         {"rwcommunity of-this-unit\nsysDescr box 7\n", all, false, false, false, false, "", ""},
		"version 3 only":        {"sysDescr box 7\ncreateUser admin SHA of-this-unit AES\nrwuser admin priv\n", all, false, false, false, false, "", ""},
		"not version 1":         {"com2sec c default public\ngroup g v2c c\nview v included .1\naccess g \"\" any noauth exact v none none\nsysDescr box 7\n", all, false, true, false, true, "SNMP v2c community public", "box 7"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := agent(t, c.conf)
			at := probe.UDP(port)
			facts, records := udpd.Run(t, Probe, udpd.Target(udpd.Loopback, map[int]string{port: "snmp"}, c.consents...))
			v := udpd.Get(t, facts, "snmp.version", at)
			if probe.Bool(v, "v1") != c.v1 || probe.Bool(v, "v2c") != c.v2c || !probe.Bool(v, "v3") || len(probe.Str(v, "engine")) < 10 {
				t.Errorf("versions: %v", v)
			}
			open := udpd.Get(t, facts, "access.open", at+" snmp")
			if probe.Bool(open, "write") != c.write || probe.Bool(open, "writeAsked") != c.asked || !strings.Contains(probe.Str(open, "what"), c.what) || (c.what == "") != (probe.Str(open, "what") == "") {
				t.Errorf("open: %v", open)
			}
			if c.describe != "" {
				if d := udpd.Get(t, facts, "service.detail", at+" snmp description"); probe.Str(d, "value") != c.describe {
					t.Errorf("description: %v", d)
				}
			}
			if d := udpd.Get(t, facts, "signin.interface", at+" snmpv3"); probe.Str(d, "kind") != "snmpv3" || !probe.Bool(d, "encrypted") {
				t.Errorf("sign-in of version 3: %v", d)
			}
			up := udpd.Get(t, facts, "device.uptime", at+" snmpv3")
			if probe.Int(up, "boots") != 1 || probe.Int(up, "seconds") < 0 || probe.Int(up, "seconds") > 60 {
				t.Errorf("uptime of a new agent: %v", up)
			}
			if c.v2c {
				udpd.Get(t, facts, "device.uptime", at+" snmp")
				if a := udpd.Get(t, facts, "amplification", at+" snmp"); probe.Str(a, "question") != "bulk" || probe.Int(a, "percent") < 200 || probe.Int(a, "received") < 2*probe.Int(a, "sent") {
					t.Errorf("amplification: %v", a)
				}
			}
			for _, r := range records {
				if bytes.Contains(r.Sent, []byte(second)) || bytes.Contains(r.Recv, []byte(second)) {
					t.Errorf("a community was recorded: %q", r.Sent)
				}
			}
		})
	}
}

// What the recorder masks in a community does not hide the rest of the message.
func TestMaskedCommunity(t *testing.T) {
	for _, community := range []string{"x", "public", "private", "a-much-longer-community-of-this-unit"} {
		b := wrap(V2c, community, tlv(Response, integer(id), integer(0), integer(0), tlv(tagSequence,
			tlv(tagSequence, objectID(SysDescr), tlv(tagString, []byte("box"))))))
		for _, b := range [][]byte{b, bytes.Replace(b, []byte(community), []byte(probe.Mask), 1)} {
			m, ok := Parse(b)
			d, _ := m.Value(SysDescr)
			if !ok || !m.Answers() || d.Text() != "box" {
				t.Errorf("%q: %+v", b, m)
			}
		}
	}
}

// A service that sends everything back is no agent.
func TestEchoIsNoAgent(t *testing.T) {
	for _, p := range []probe.Protocol{Protocol, First, Third} {
		if _, ok := Match(p.UDP.Ask("box", make([]byte, 32))); ok {
			t.Error("a question was taken for an answer")
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, n := range []int64{0, 1, 127, 128, 255, 256, 65507, id} {
		r := &reader{b: integer(n)}
		if got := r.number(); got != n || r.bad {
			t.Errorf("%d became %d", n, got)
		}
	}
	for _, o := range []string{SysDescr, HostUpTime, "1.3.6.1.4.1.8072.3.2.10"} {
		r := &reader{b: objectID(o)}
		if got := dotted(r.want(tagOID)); got != o {
			t.Errorf("%s became %s", o, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Question(V2c, Public, Get, SysDescr), "v2c", false)
	f.Add(Write(V1, Public, SysContact, []byte("me")), "set", true)
	f.Add(Discovery(), "v3", false)
	f.Add(bytes.Replace(Question(V1, second, Response, SysUpTime), []byte(second), []byte(probe.Mask), 1), "second", true)
	f.Fuzz(func(t *testing.T, b []byte, item string, more bool) {
		Match(b)
		r := probe.Record{Event: "asked", Port: "udp/161", Item: item, Recv: b, Number: 1, Detail: "9 " + item}
		rs := []probe.Record{r, r}
		if more {
			rs[1].Event = "more"
		}
		for _, x := range ParseRecords(rs) {
			if !fact.Known(x.Name) {
				t.Errorf("%s is not in the vocabulary", x.Name)
			}
		}
	})
}
