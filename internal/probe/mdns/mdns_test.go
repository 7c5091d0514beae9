package mdns

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/udpd"
)

const printer = `<service-group><name>Box 7, v1.2</name>
<service><type>_http._tcp</type><port>8080</port><txt-record>path=/admin</txt-record><txt-record>model=seven</txt-record></service>
<service><type>_coap._udp</type><port>5683</port></service></service-group>`

// avahi starts Debian's daemon on the device with files of its own.
func avahi(t *testing.T, b *bed.Bed, services, options string) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("conf", "[server]\nuse-ipv4=yes\nuse-ipv6=yes\nenable-dbus=no\nhost-name=hoshidev\n[publish]\n"+options)
	list := filepath.Join(dir, "services")
	if err := os.Mkdir(list, 0o755); err != nil {
		t.Fatal(err)
	}
	if services != "" {
		write("services/box.service", services)
	}
	b.Service("unshare", "-m", "sh", "-c", fmt.Sprintf("mount -t tmpfs none /run && mkdir /run/avahi-daemon && mount --bind %s /etc/avahi/services && exec avahi-daemon --no-chroot --no-drop-root --no-rlimits -f %s/conf", list, dir))
	if !udpd.Answers(t, b.Addr, 5353, Protocol.UDP) {
		t.Fatal("avahi does not answer")
	}
}

// A real daemon: services with ports, and a device that advertises none.
func TestAvahi(t *testing.T) {
	for name, p := range map[string]bed.Profile{"IPv4": {}, "IPv6": {IPv6Only: true}} {
		t.Run(name, func(t *testing.T) {
			bed.Run(t, p, func(t *testing.T, b *bed.Bed) {
				avahi(t, b, printer, "publish-workstation=no\n")
				var facts fact.Set
				find := func(id string) map[string]any {
					f, _ := facts.Get("mdns.service", id)
					v, _ := f.Value.(map[string]any)
					return v
				}
				// Names are announced step by step after the start.
				const web, coap = `udp/5353 Box 7, v1\.2._http._tcp.local`, `udp/5353 Box 7, v1\.2._coap._udp.local`
				for range 20 {
					facts, _ = udpd.Run(t, Probe, udpd.Target(b.Addr, map[int]string{5353: "mdns"}))
					if probe.Str(find(web), "port") != "" && probe.Str(find(coap), "port") != "" {
						break
					}
				}
				if d := cmp.Diff(map[string]any{"name": "Box 7, v1.2", "type": "_http._tcp", "port": "tcp/8080", "host": "hoshidev.local", "text": []any{"path=/admin", "model=seven"}}, find(web)); d != "" {
					t.Error(d)
				}
				if v := find(coap); probe.Str(v, "port") != "udp/5683" {
					t.Errorf("%v", v)
				}
				if v := udpd.Get(t, facts, "service.detail", "udp/5353 mdns host"); probe.Str(v, "value") != "hoshidev.local" {
					t.Errorf("%v", v)
				}
				udpd.Get(t, facts, "amplification", "udp/5353 mdns")
			})
		})
	}
}

// Names run in circles, point outside, or are too long: refused, never followed for ever.
func TestBadNames(t *testing.T) {
	head := []byte{0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	for _, b := range []string{"\xc0\x0c", "\xc0\xff", "\x05ab", "\x40", "\xc0"} {
		if es, _, ok := parse(append(append([]byte{}, head...), b...)); ok || len(es) > 0 {
			t.Errorf("%q was read: %v", b, es)
		}
	}
	if _, ok := match(ask("192.0.2.1", nil)); ok {
		t.Error("a question was taken for an answer")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x09_services\x07_dns-sd\x04_udp\x05local\x00\x00\x0c\x00\x01\x00\x00\x00\x0a\x00\x0d\x05_http\x04_tcp\xc0\x23"),
		[]byte("\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01x\x05_http\x04_tcp\x05local\x00\x00\x21\x00\x01\x00\x00\x00\x0a\x00\x09\x00\x00\x00\x00\x00\x50\x01h\x00"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		match(one)
		for _, x := range Parse([]probe.Record{{Event: "asked", Port: "udp/5353", Item: "types", Recv: one, Number: 2}, {Event: "more", Port: "udp/5353", Item: "types", Recv: two}}) {
			if !fact.Known(x.Name) {
				t.Errorf("%s is not in the vocabulary", x.Name)
			}
		}
	})
}
