package bench

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/testkit/bed"
)

// client starts a DHCP client on the device, as small Linux devices have it.
func client(t *testing.T, b *bed.Bed, more ...string) {
	script := filepath.Join(t.TempDir(), "script")
	text := `#!/bin/sh
case $1 in
bound|renew) ip addr replace $ip/$mask dev $interface; ip route replace default via $router; echo "$dns $ntpsrv" >` + script + `.got ;;
esac
`
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	b.Service("busybox", append([]string{"udhcpc", "-f", "-i", bed.DeviceInterface, "-s", script, "-x", "hostname:kitchen-cam", "-t", "20", "-T", "1", "-O", "ntpsrv"}, more...)...)
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v %s", name, args, err, out)
	}
	return string(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// bare is a bed in which nobody has an address, where namespaces are allowed.
func bare(t *testing.T, body func(t *testing.T, b *bed.Bed)) {
	bed.Run(t, bed.Profile{Bare: true}, func(t *testing.T, b *bed.Bed) {
		if b.Isolated {
			body(t, b)
		}
	})
}

// A device with a real DHCP client comes up, routes to us, and nothing of it is
// forwarded although the host forwards; afterwards all is as before.
func TestDevice(t *testing.T) {
	t.Parallel()
	bare(t, func(t *testing.T, b *bed.Bed) {
		// The host is a router to somewhere else, as one with containers is.
		run(t, "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
		run(t, "ip", "link", "set", "up1", "up")
		run(t, "ip", "addr", "add", "203.0.113.1/24", "dev", "up0")
		run(t, "ip", "link", "set", "up0", "up")
		run(t, "ip", "route", "add", "default", "via", "203.0.113.254", "dev", "up0")
		run(t, "ip", "neigh", "add", "203.0.113.254", "lladdr", "02:00:00:00:00:fe", "dev", "up0")
		forwarding := "/proc/sys/net/ipv4/conf/" + bed.Interface + "/forwarding"
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/all/forwarding", []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
		if read(t, forwarding) != "1" {
			t.Fatal("the interface does not forward beforehand")
		}
		before := run(t, "ip", "addr", "show", "dev", bed.Interface)

		var events []string
		x, err := Setup(t.Context(), Options{Interface: bed.Interface, Notes: t.TempDir(), Settle: 100 * time.Millisecond,
			Progress: func(e Event) { events = append(events, e.Kind) }})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = x.Close() }()
		client(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		d, err := x.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d.Host != "kitchen-cam" || d.MAC.String() != "02:00:00:00:00:02" || d.Addr4.String() != "192.168.142.20" || d.Addr() != d.Addr4 {
			t.Errorf("device %+v", d)
		}
		if got := strings.Join(events, " "); !strings.HasPrefix(got, "waiting asked leased") && !strings.HasPrefix(got, "waiting ipv6 asked leased") || !strings.HasSuffix(got, "ready") {
			t.Errorf("events %q", got)
		}
		until(t, "the device to route to us", func() bool {
			return strings.Contains(b.Device("ip", "route"), "default via 192.168.142.1")
		})
		// Its way to anywhere ends here.
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/up0/disable_ipv6", []byte("1"), 0) // its own chatter would count
		sent := transmitted(t)
		for _, to := range []string{"203.0.113.77", "203.0.113.254", "198.51.100.1"} {
			b.Device("sh", "-c", "busybox ping -c 1 -W 1 "+to+" || true")
		}
		if x.s.static.IsValid() {
			t.Errorf("taken for a device with a fixed address: %s", x.s.static)
		}
		if got := transmitted(t); got != sent {
			t.Errorf("packets left for elsewhere: %s, then %s", sent, got)
		}
		// An address of the pool is answered through us: the answer arrives here.
		pool := x.Senders(d.Addr()).Routed
		if route := b.Device("ip", "route", "get", pool.Addr().Next().String()); !strings.Contains(route, "via 192.168.142.1") {
			t.Errorf("pool: %s", route)
		}
		if strays := b.Strays(bed.OnBench(d.Addr4, link6)); len(strays) > 0 {
			t.Errorf("strays: %v", strays)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		if after := run(t, "ip", "addr", "show", "dev", bed.Interface); plain(after) != plain(before) {
			t.Errorf("the interface was\n%s\nis\n%s", before, after)
		}
		if read(t, forwarding) != "1" {
			t.Error("forwarding was not put back")
		}
		// A second run finds the device although it asks for nothing.
		y, err := Setup(t.Context(), Options{Interface: bed.Interface, Notes: t.TempDir(), Settle: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = y.Close() }()
		if again, err := y.Wait(ctx); err != nil || again.Addr4 != d.Addr4 || again.MAC.String() != d.MAC.String() {
			t.Errorf("again: %+v %v", again, err)
		}
	})
}

// transmitted counts what left through the way to elsewhere.
func transmitted(t *testing.T) string {
	t.Helper()
	for l := range strings.SplitSeq(read(t, "/proc/thread-self/net/dev"), "\n") {
		if w := strings.Fields(l); len(w) > 10 && w[0] == "up0:" {
			return w[10]
		}
	}
	t.Fatal("up0 is not counted")
	return ""
}

// plain leaves out what changes by itself: lifetimes and link-local addresses.
func plain(s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if strings.Contains(l, "inet") && !strings.Contains(l, "fe80") {
			out = append(out, strings.TrimSpace(l))
		}
	}
	return strings.Join(out, "\n")
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A device without IPv4 takes an address from our announcement.
func TestIPv6Device(t *testing.T) {
	t.Parallel()
	bare(t, func(t *testing.T, b *bed.Bed) {
		x, err := Setup(t.Context(), Options{Interface: bed.Interface, Notes: t.TempDir(), Settle: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = x.Close() }()
		b.Device("sh", "-c", "echo 2 >/proc/sys/net/ipv6/conf/"+bed.DeviceInterface+"/accept_ra; ip link set "+bed.DeviceInterface+" down; ip link set "+bed.DeviceInterface+" up")
		until(t, "an address", func() bool {
			return strings.Contains(b.Device("ip", "-6", "addr"), "fd68:6f73:6869:1:")
		})
		// It is heard of when it speaks.
		b.Device("sh", "-c", "busybox ping -6 -c 3 -W 1 fd68:6f73:6869:1::1 >/dev/null")
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		d, err := x.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d.Addr4.IsValid() || !link6.Contains(d.Addr()) {
			t.Errorf("device %+v", d)
		}
		if route := b.Device("ip", "-6", "route", "get", x.Senders(d.Addr()).Routed.Addr().Next().String()); !strings.Contains(route, "via fe80:") {
			t.Errorf("pool: %s", route)
		}
	})
}

// Interfaces that are in use are refused, a bench that was killed is cleaned up.
func TestSetup(t *testing.T) {
	t.Parallel()
	bare(t, func(t *testing.T, b *bed.Bed) {
		notes := t.TempDir()
		refused := func(name, key string) {
			t.Helper()
			x, err := Setup(t.Context(), Options{Interface: name, Notes: notes})
			if err == nil {
				_ = x.Close()
				t.Errorf("%s was taken", name)
				return
			}
			var f *fault.Error
			if !asFault(err, &f) || f.Key != key {
				t.Errorf("%s: %v, want %s", name, err, key)
			}
		}
		refused("nosuch0", "bench.no-interface")
		refused("lo", "bench.not-ethernet")
		run(t, "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
		run(t, "ip", "link", "set", "up1", "up")
		run(t, "ip", "link", "set", "up0", "up")
		run(t, "ip", "route", "add", "default", "dev", "up0")
		refused("up0", "bench.uplink")
		run(t, "ip", "link", "add", "used0", "type", "veth", "peer", "name", "used1")
		run(t, "ip", "addr", "add", "192.168.142.9/24", "dev", "used0")
		refused("used0", "bench.addressed")

		x, err := Setup(t.Context(), Options{Interface: bed.Interface, Notes: notes})
		if err != nil {
			t.Fatal(err)
		}
		if x.s.us.String() != "172.29.142.1" { // the first network is in use on this host
			t.Errorf("our address %s", x.s.us)
		}
		refused(bed.Interface, "bench.taken")
		// As after a kill: sockets and lock are gone, everything else stays.
		x.halt()
		_ = x.note.Close()
		if !strings.Contains(run(t, "ip", "addr", "show", "dev", bed.Interface), "172.29.142.1") {
			t.Error("the address went by itself")
		}
		y, err := Setup(t.Context(), Options{Interface: bed.Interface, Notes: notes})
		if err != nil {
			t.Fatal(err)
		}
		if err := y.Close(); err != nil {
			t.Error(err)
		}
		if got := run(t, "ip", "addr", "show", "dev", bed.Interface); strings.Contains(got, "172.29") || strings.Contains(got, "fd68") {
			t.Errorf("left behind: %s", got)
		}
		if left, err := filepath.Glob(filepath.Join(notes, "*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		// What cannot be put back is said, and kept for the next time.
		file := filepath.Join(notes, "hoshi-bench-"+bed.Interface+".json")
		text, err := json.Marshal(note{Interface: bed.Interface, Up: true, Sysctl: map[string]string{"net/ipv4/conf/" + bed.Interface + "/forwarding": "neither"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(bed.Interface, "bench.not-restored")
		if got := read(t, file); got != string(text) {
			t.Errorf("the note is now %q", got)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		// Nobody comes.
		y, err = Setup(t.Context(), Options{Interface: bed.Interface, Notes: notes})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = y.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := y.Wait(ctx); !fault.Is(err, fault.Unavailable) {
			t.Errorf("nobody: %v", err)
		}
	})
}

func asFault(err error, f **fault.Error) bool {
	e, ok := err.(*fault.Error)
	*f = e
	return ok
}

// The note of a kill in the middle of writing is no obstacle.
func TestHalfNote(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "note"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	whole, err := json.Marshal(note{Interface: "x", Addresses: []string{"192.0.2.1/24"}})
	if err != nil {
		t.Fatal(err)
	}
	b := &Bench{}
	b.note = f
	if _, err := f.Write(whole[:len(whole)-5]); err != nil {
		t.Fatal(err)
	}
	if err := b.undo(); err != nil {
		t.Error(err)
	}
	if i, err := f.Stat(); err != nil || i.Size() != 0 {
		t.Error(i, err)
	}
}
