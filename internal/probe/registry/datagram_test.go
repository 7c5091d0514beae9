package registry_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/udpd"
)

// Real datagram services on their usual ports, found, named and questioned by the
// probes of a run one after the other; nothing leaves for anybody else.
func TestRealDatagramServices(t *testing.T) {
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		dir := t.TempDir()
		file := func(name, text string) string {
			p := filepath.Join(dir, name)
			if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			return p
		}
		udpd.Gateway(t, b)
		b.Service("env", "SNMP_PERSISTENT_DIR="+dir, "MIBS=", "/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", file("snmpd.conf", "rocommunity public\n"), "-I", "-smux", "-p", filepath.Join(dir, "snmpd.pid"), "udp:161")
		b.Service("/usr/sbin/in.tftpd", "-L", "-4", "-u", "root", "-s", "-a", "0.0.0.0:69", t.TempDir())
		b.Service("/usr/bin/coap-server-notls", "-A", "0.0.0.0", "-p", "5683")
		b.Service("/usr/sbin/ntpd", "-n", "-c", file("ntp.conf", "tos orphan 5\n"), "-p", filepath.Join(dir, "ntpd.pid"))
		b.Service("unshare", "-m", "sh", "-c", fmt.Sprintf("mount -t tmpfs none /run && mkdir /run/avahi-daemon && exec avahi-daemon --no-chroot --no-drop-root --no-rlimits -f %s",
			file("avahi.conf", "[server]\nuse-ipv4=yes\nenable-dbus=no\nhost-name=hoshidev\n[publish]\npublish-workstation=yes\n")))
		want := map[string]int{"snmp": 161, "tftp": 69, "coap": 5683, "ntp": 123, "natpmp": 5351, "ssdp": 1900, "mdns": 5353}
		for _, p := range registry.Protocols {
			if port, ok := want[p.Name]; ok && p.UDP != nil && p.Probe != nil && !udpd.Answers(t, b.Addr, port, p.UDP) {
				t.Fatalf("%s does not answer", p.Name)
			}
		}
		target := udpd.Target(b.Addr, nil)
		rec := probe.NewRecorder(time.Now, nil)
		for _, p := range registry.Probes {
			if p.Name != "udp" && want[p.Name] == 0 {
				continue
			}
			if err := p.Run(t.Context(), target, rec); err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
			target.Facts = append(target.Facts, p.Parse(rec.Records(p.Name))...)
		}
		for name, port := range want {
			at := probe.UDP(port)
			if v := udpd.Get(t, target.Facts, "udp.open", at); probe.Str(v, "service") != name || !probe.Bool(v, "answered") {
				t.Errorf("%s: %v", name, v)
			}
			udpd.Get(t, target.Facts, "amplification", at+" "+name)
		}
		if n := len(target.Facts.Named("udp.open")); n != len(want) {
			var ids []string
			for _, f := range target.Facts.Named("udp.open") {
				ids = append(ids, f.ID())
			}
			t.Errorf("open, and asked: %s", strings.Join(ids, " "))
		}
		if s := b.Strays(nil); len(s) > 0 {
			t.Errorf("packets for others: %v", s)
		}
	})
}
