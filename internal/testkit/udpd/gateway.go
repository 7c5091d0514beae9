package udpd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"hoshi/internal/testkit/bed"
)

// Outer is the outer address of the gateway that Gateway makes. It exists in the
// bed only; miniupnpd refuses those that are reserved for documentation.
const Outer = "11.22.33.44"

// Gateway starts miniupnpd on the device of a bed: UPnP on tcp/5000 and udp/1900,
// NAT-PMP and PCP on udp/5351.
func Gateway(t testing.TB, b *bed.Bed) {
	t.Helper()
	if !b.Isolated {
		t.Fatal("a gateway needs a network namespace of its own")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "upnp.conf")
	text := fmt.Sprintf("ext_ifname=ext0\nlistening_ip=%s\nhttp_port=5000\nenable_natpmp=yes\nenable_upnp=yes\nfriendly_name=box seven\nuuid=00000000-0000-0000-0000-000000000001\nserial=42\nmodel_number=7\nsystem_uptime=yes\nallow 1024-65535 0.0.0.0/0 1024-65535\n", bed.DeviceInterface)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Device("ip", "link", "add", "ext0", "type", "veth", "peer", "name", "ext1")
	b.Device("ip", "addr", "add", Outer+"/32", "dev", "ext0")
	b.Device("ip", "link", "set", "ext0", "up")
	b.Service("/usr/sbin/miniupnpd", "-d", "-f", conf, "-P", filepath.Join(dir, "pid"))
}
