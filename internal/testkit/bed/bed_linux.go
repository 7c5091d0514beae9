package bed

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// system is the Linux half of a Bed.
type system struct {
	wire   *os.File // namespace of the middle of the cable
	device *os.File
	mac    string
	cable  *cable

	mu       sync.Mutex
	starts   []start
	stops    []func()
	loopStop []func() // on loopback
}

func build(t testing.TB, p Profile) (*Bed, error) {
	b := &Bed{Isolated: true, t: t, p: p, Addr: Device4, Addr4: Device4, Addr6: Device6}
	if p.IPv6Only {
		b.Addr, b.Addr4 = Device6, netip.Addr{}
	}
	b.mac = "02:00:00:00:00:02"
	// A /run of our own keeps daemons of several beds apart.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("mount namespace: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return nil, fmt.Errorf("/run: %w", err)
	}
	if err := command("ip", "link", "set", "lo", "up"); err != nil {
		return nil, err
	}
	quiet("all", "default")
	var err error
	if b.wire, err = fresh(func() error { return disable6() }); err != nil {
		return nil, err
	}
	b.cable = &cable{p: p, only: only(p.Only)}
	b.cable.boot(p.Uptime)
	err = b.plug(Interface, "02:00:00:00:00:01", "t1", Tester4, Tester6, func(r *ring) {
		b.cable.tester = r
		b.cable.pump(r, true)
	})
	if err != nil {
		return nil, err
	}
	return b, b.boot()
}

// plug makes a cable from the present namespace to the middle of the wire. The
// other end is read before this one comes up, so that nothing is missed.
func (b *Bed) plug(name, mac, other string, a4, a6 netip.Addr, attach func(*ring)) error {
	c := exec.Command("ip", "link", "add", name, "address", mac, "type", "veth", "peer", "name", other, "netns", "/proc/self/fd/3")
	c.ExtraFiles = []*os.File{b.wire}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("ip link add: %w: %s", err, bytes.TrimSpace(out))
	}
	if err := noOffload(name); err != nil {
		return err
	}
	if !b.p.Bare {
		if !b.p.IPv6Only {
			if err := command("ip", "addr", "add", a4.String()+"/24", "dev", name); err != nil {
				return err
			}
		}
		if err := command("ip", "addr", "add", a6.String()+"/64", "dev", name, "nodad"); err != nil {
			return err
		}
	}
	err := in(b.wire, func() error {
		if err := command("ip", "link", "set", other, "arp", "off", "up"); err != nil {
			return err
		}
		r, err := newRing(other)
		if err == nil {
			attach(r)
		}
		return err
	})
	if err != nil {
		return err
	}
	return command("ip", "link", "set", name, "up")
}

// boot switches the device on: a new namespace, then its services in order.
func (b *Bed) boot() error {
	var err error
	b.device, err = fresh(func() error {
		quiet("all", "default")
		// Timestamps without a random offset, so that the cable can count them from boot.
		if err := os.WriteFile("/proc/sys/net/ipv4/tcp_timestamps", []byte("2"), 0); err != nil {
			return err
		}
		// It says who it is when it comes up, as devices do.
		for _, f := range []string{"ipv4/conf/default/arp_notify", "ipv6/conf/default/ndisc_notify"} {
			_ = os.WriteFile("/proc/sys/net/"+f, []byte("1"), 0)
		}
		for k, v := range b.p.Sysctl {
			if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(k, ".", "/"), []byte(v), 0); err != nil {
				return err
			}
		}
		if err := command("ip", "link", "set", "lo", "up"); err != nil {
			return err
		}
		if err := b.plug(DeviceInterface, b.mac, "d1", Device4, Device6, b.cable.attach); err != nil {
			return err
		}
		if b.p.Bare {
			return nil
		}
		// The tester is the gateway; it forwards nothing.
		if !b.p.IPv6Only {
			if err := command("ip", "route", "add", "default", "via", Tester4.String()); err != nil {
				return err
			}
		}
		return command("ip", "-6", "route", "add", "default", "via", Tester6.String())
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.starts {
		stop, err := s()
		if err != nil {
			return err
		}
		b.stops = append(b.stops, stop)
	}
	return nil
}

// off switches the device off: its cable, its services, its namespace.
func (b *Bed) off() {
	b.cable.detach()
	b.mu.Lock()
	for _, s := range slices.Backward(b.stops) {
		s()
	}
	b.stops = nil
	b.mu.Unlock()
	_ = in(b.wire, func() error { return command("ip", "link", "del", "d1") })
	_ = b.device.Close()
}

// Close ends the bed; Run does so by itself.
func (b *Bed) Close() {
	if !b.Isolated {
		for _, s := range slices.Backward(b.loopStop) {
			s()
		}
		b.loopStop = nil
		return
	}
	b.off()
	b.cable.tester.close()
	_ = b.wire.Close()
}

// Reboot switches the device off, leaves it off for the time, and switches it on
// again: a new network stack, no connection survives, its services start anew.
func (b *Bed) Reboot(off time.Duration) {
	b.needsWire("Reboot")
	b.off()
	b.pause(off)
	b.on()
}

// on switches the device on again.
func (b *Bed) on() {
	b.cable.boot(0)
	if err := b.boot(); err != nil {
		b.t.Error(err)
	}
}

// Replace puts another device at the address, after the time: with another
// hardware address and the services that setup starts, none of the old.
func (b *Bed) Replace(off time.Duration, setup func()) {
	b.needsWire("Replace")
	b.off()
	b.mu.Lock()
	b.starts = nil
	b.mu.Unlock()
	b.mac = "02:00:00:00:00:33"
	b.pause(off)
	b.on()
	setup()
}

func (b *Bed) pause(d time.Duration) {
	ctx, cancel := context.WithTimeout(b.t.Context(), d)
	defer cancel()
	<-ctx.Done()
}

// Unplug cuts the cable; Plug joins it again. The device runs on.
func (b *Bed) Unplug() { b.needsWire("Unplug"); b.cable.cut.Store(true) }

// Plug joins the cable again.
func (b *Bed) Plug() { b.needsWire("Plug"); b.cable.cut.Store(false) }

func (b *Bed) needsWire(what string) {
	if !b.Isolated {
		b.t.Fatalf("%s needs a wire: look at Isolated first", what)
	}
}

// Device runs a command in the device's namespace and returns what it wrote.
func (b *Bed) Device(name string, args ...string) string {
	b.t.Helper()
	var out []byte
	err := b.onDevice(func() (err error) {
		out, err = exec.CommandContext(b.t.Context(), name, args...).CombinedOutput()
		return err
	})
	if err != nil {
		b.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (b *Bed) onDevice(fn func() error) error {
	if !b.Isolated {
		return fn()
	}
	return in(b.device, fn)
}

// ToDevice counts the frames that the wire has taken towards the device so far.
func (b *Bed) ToDevice() Counters { return b.cable.counters() }

// Sent returns every frame that has left the tester so far.
func (b *Bed) Sent() []Frame {
	b.needsWire("Sent")
	return b.cable.sent()
}

// Strays returns the frames that left the tester for anybody but the device, or
// to ask for anybody else. allow, if not nil, accepts further frames.
func (b *Bed) Strays(allow func(Frame) bool) []Frame {
	targets := []netip.Addr{Device4, Device6}
	for _, n := range []byte{0x02, 0x33} { // what the device's kernel makes of its hardware address
		targets = append(targets, netip.AddrFrom16([16]byte{0xfe, 0x80, 11: 0xff, 12: 0xfe, 15: n}))
	}
	return strays(b.Sent(), targets, allow)
}
