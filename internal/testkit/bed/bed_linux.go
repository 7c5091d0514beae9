package bed

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childEnv marks the child process of one bed: test name and number of the bed in
// it. "loopback" does without namespaces, to see what tests then do.
const childEnv = "HOSHI_TEST_BED"

// exitRefused is the exit code of a child that could not make its bed.
const exitRefused = 98

var (
	runsMu sync.Mutex
	runs   = map[string]int{}
)

// Run makes a bed and runs the body in it, in a process of its own: a test, or a
// benchmark with one round (-benchtime 1x).
func Run[T testing.TB](t T, p Profile, body func(T, *Bed)) {
	t.Helper()
	runsMu.Lock()
	runs[t.Name()]++
	id := fmt.Sprintf("%s#%d", t.Name(), runs[t.Name()])
	runsMu.Unlock()
	why := errors.New("asked for by " + childEnv)
	flags := []uintptr{syscall.CLONE_NEWUSER}
	switch mine := os.Getenv(childEnv); {
	case mine == "loopback":
		flags = nil
	case mine == id:
		inside(t, p, body)
		return
	case mine != "":
		return
	}
	if flags != nil && os.Geteuid() == 0 {
		flags = []uintptr{0, syscall.CLONE_NEWUSER} // as root first, so that daemons can change their user
	}
	for _, f := range flags {
		if why = child(t, id, f); why == nil {
			return
		}
	}
	b := loopback(t, p, why)
	defer b.Close()
	body(t, b)
}

// child runs this test alone in fresh namespaces. It returns an error only when
// the system does not allow them; a failing test is reported to t.
func child(t testing.TB, id string, user uintptr) error {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var parts []string
	for _, n := range strings.Split(t.Name(), "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(n)+"$")
	}
	args := []string{"-test.run", strings.Join(parts, "/"), "-test.count=1"}
	_, bench := t.(*testing.B)
	if bench {
		args = []string{"-test.run", "^$", "-test.bench", strings.Join(parts, "/"), "-test.benchtime=1x"}
	}
	if testing.Verbose() {
		args = append(args, "-test.v")
	}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); !ok {
		args = append(args, "-test.timeout=0") // the parent's limit holds
	} else if end, ok := d.Deadline(); ok {
		args = append(args, "-test.timeout", max(time.Second, time.Until(end)-2*time.Second).String())
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+id)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if bench { // figures are seen as they come
		both := io.MultiWriter(&out, os.Stdout)
		cmd.Stdout, cmd.Stderr = both, both
	}
	// The child is the first process of its process namespace: whatever it started
	// ends with it, and it ends with us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: user | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if user != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	// The death signal is tied to the thread that started the child.
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- cmd.Run()
	}()
	err = <-done
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == exitRefused:
		return errors.New(strings.TrimSpace(out.String()))
	case errors.As(err, &exit):
		t.Errorf("in the bed: %v\n%s", err, out.String())
	case err != nil:
		return err
	case !strings.Contains(out.String(), "ok") && !strings.Contains(out.String(), "PASS"):
		t.Errorf("in the bed, nothing ran:\n%s", out.String())
	case testing.Verbose():
		t.Log(out.String())
	}
	return nil
}

// inside is the child's half of Run.
func inside[T testing.TB](t T, p Profile, body func(T, *Bed)) {
	b, err := build(t, p)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitRefused)
	}
	defer b.Close()
	body(t, b)
}

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

// start is one service: it is started at each boot and hands back its end.
type start func() (stop func(), err error)

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

// quiet keeps the kernel from sending for itself when interfaces come up.
func quiet(confs ...string) {
	for _, c := range confs {
		for k, v := range map[string]string{"accept_dad": "0", "dad_transmits": "0", "router_solicitations": "0", "accept_ra": "0"} {
			_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+c+"/"+k, []byte(v), 0)
		}
	}
}

func disable6() error {
	for _, c := range []string{"all", "default"} {
		p := "/proc/sys/net/ipv6/conf/" + c + "/disable_ipv6"
		if err := os.WriteFile(p, []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// fresh makes a network namespace, runs fn in it and returns it.
func fresh(fn func() error) (*os.File, error) {
	var ns *os.File
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("network namespace: %w", err)
		}
		var err error
		if ns, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		return fn()
	})
	return ns, err
}

// onThread runs fn on a thread that ends with it, so fn may change namespaces.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime drops the thread
		done <- fn()
	}()
	return <-done
}

func in(ns *os.File, fn func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return fn()
	})
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
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

// halt switches the device off: its cable, its services, its namespace.
func (b *Bed) halt() {
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
	b.halt()
	b.cable.tester.close()
	_ = b.wire.Close()
}

// Reboot switches the device off, leaves it off for the time, and switches it on
// again: a new network stack, no connection survives, its services start anew.
func (b *Bed) Reboot(off time.Duration) {
	b.needsWire("Reboot")
	b.halt()
	b.pause(off)
	b.cable.boot(0)
	if err := b.boot(); err != nil {
		b.t.Error(err)
	}
}

// Replace puts another device at the address, after the time: with another
// hardware address and the services that setup starts, none of the old.
func (b *Bed) Replace(off time.Duration, setup func()) {
	b.needsWire("Replace")
	b.halt()
	b.mu.Lock()
	b.starts = nil
	b.mu.Unlock()
	b.mac = "02:00:00:00:00:33"
	b.pause(off)
	b.cable.boot(0)
	if err := b.boot(); err != nil {
		b.t.Error(err)
	}
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

// Service runs a command on the device, now and after every reboot, until the
// device is switched off.
func (b *Bed) Service(name string, args ...string) {
	b.t.Helper()
	b.add(func() (func(), error) {
		logPath := filepath.Join(b.t.TempDir(), "log")
		log, err := os.Create(logPath)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(name, args...)
		if b.Isolated {
			// A process namespace, so that its own children end with it. A shell is its
			// first process and buries orphans, which not every service can: vsftpd dies of it.
			cmd = exec.Command("sh", append([]string{"-c", `"$@"; exit $?`, "sh", name}, args...)...)
		}
		cmd.Stdout, cmd.Stderr = log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if b.Isolated {
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
		}
		started, ended := make(chan error, 1), make(chan struct{})
		var killed sync.Once
		over := make(chan struct{})
		go func() {
			// The thread stays until the service ends, because the death signal is tied to it.
			_ = b.onDevice(func() error {
				runtime.LockOSThread()
				err := cmd.Start()
				started <- err
				if err == nil {
					err = cmd.Wait()
					select {
					case <-over:
					default:
						text, _ := os.ReadFile(logPath)
						fmt.Fprintf(os.Stderr, "%s on the device ended by itself: %v\n%s\n", name, err, text)
					}
				}
				close(ended)
				return nil
			})
		}()
		if err := <-started; err != nil {
			_ = log.Close()
			return nil, fmt.Errorf("%s is needed: %w", name, err)
		}
		return func() {
			killed.Do(func() { close(over) })
			_ = cmd.Process.Kill()
			<-ended
			_ = log.Close()
		}, nil
	})
}

// Go runs Go code on a thread of the device, now and after every reboot. Sockets
// that it opens on that thread belong to the device, whoever uses them later;
// goroutines that it starts do not stand in the device's namespace. stop, which
// may be nil, is called when the device is switched off.
func (b *Bed) Go(fn func() (stop func(), err error)) {
	b.t.Helper()
	b.add(func() (stop func(), err error) {
		err = b.onDevice(func() error {
			stop, err = fn()
			return err
		})
		if stop == nil {
			stop = func() {}
		}
		return stop, err
	})
}

func (b *Bed) add(s start) {
	b.t.Helper()
	stop, err := s()
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.Isolated {
		b.loopStop = append(b.loopStop, stop)
		return
	}
	b.starts, b.stops = append(b.starts, s), append(b.stops, stop)
}

// Await waits until something on the device is bound to all the ports, "tcp/22".
// On loopback it asks about this host.
func (b *Bed) Await(ports ...string) {
	b.t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		have := b.Truth()
		missing := slices.DeleteFunc(slices.Clone(ports), func(p string) bool { return slices.Contains(have, p) })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(end) || b.t.Context().Err() != nil {
			b.t.Fatalf("the device does not listen on %v, only on %v", missing, have)
		}
		b.pause(20 * time.Millisecond)
	}
}

// Truth lists what is bound on the device beyond its loopback, as its kernel
// says: "tcp/22", "udp/161", by protocol and number.
func (b *Bed) Truth() []string {
	var out []string
	err := b.onDevice(func() error {
		for _, file := range []string{"tcp", "tcp6", "udp", "udp6"} {
			f, err := os.Open("/proc/thread-self/net/" + file)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			s := bufio.NewScanner(f)
			for s.Scan() {
				w := strings.Fields(s.Text())
				if len(w) < 4 || !strings.Contains(w[1], ":") {
					continue
				}
				addr, port, _ := strings.Cut(w[1], ":")
				n, err := strconv.ParseUint(port, 16, 16)
				local := strings.HasSuffix(addr, "7F") && len(addr) == 8 || addr == "00000000000000000000000001000000"
				proto := file[:3]
				// 0A is a listening TCP socket, 07 a UDP socket without a peer.
				if err != nil || local && b.Isolated || proto == "tcp" && w[3] != "0A" || proto == "udp" && w[3] != "07" {
					continue
				}
				if p := fmt.Sprintf("%s/%d", proto, n); !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
			_ = f.Close()
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.SortFunc(out, func(x, y string) int {
		if x[:3] != y[:3] {
			return strings.Compare(x, y)
		}
		a, _ := strconv.Atoi(x[4:])
		c, _ := strconv.Atoi(y[4:])
		return a - c
	})
	return out
}

// ToDevice and FromDevice are the counters of the wire so far.
func (b *Bed) ToDevice() Counters { return b.cable.counters(true) }

// FromDevice counts the frames of the device.
func (b *Bed) FromDevice() Counters { return b.cable.counters(false) }

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
