package bench

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hoshi/internal/fault"
)

// advertiseEvery is how often the router announces itself unasked, and looks for a
// device that has its address already.
const advertiseEvery = 5 * time.Second

// port is the Linux half of a bench.
type port struct {
	index  int
	note   *os.File // locked while the bench runs; holds what to undo
	fd     int
	sinks  []io.Closer
	ended  chan struct{}
	closed sync.Once
	stop   context.CancelFunc
}

// note is what a bench changed, so that it can be undone after a kill.
type note struct {
	Interface string            `json:"interface"`
	Up        bool              `json:"up"` // it was up before
	Addresses []string          `json:"addresses"`
	Sysctl    map[string]string `json:"sysctl"` // former values
}

// Setup takes the interface: cleans up after a bench that was killed, checks that
// nothing else uses it, gives it our addresses and starts to serve. The link goes
// down for a moment, so that a device that is on already asks anew.
func Setup(ctx context.Context, o Options) (*Bench, error) {
	if o.Notes == "" {
		o.Notes = "/run"
	}
	fail := func(kind fault.Kind, err error, key string) error {
		return fault.Wrap(kind, "bench.Setup", err, key, "interface", o.Interface)
	}
	i, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, fail(fault.NotFound, err, "bench.no-interface")
	}
	if i.Flags&net.FlagLoopback != 0 || len(i.HardwareAddr) != 6 {
		return nil, fail(fault.Invalid, nil, "bench.not-ethernet")
	}
	b := &Bench{o: o}
	b.index, b.fd, b.ended = i.Index, -1, make(chan struct{})
	if b.note, err = os.OpenFile(filepath.Join(o.Notes, "hoshi-bench-"+o.Interface+".json"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fail(fault.Denied, err, "bench.rights")
	}
	if err := unix.Flock(int(b.note.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = b.note.Close()
		return nil, fail(fault.Conflict, err, "bench.taken")
	}
	if err := b.undo(); err != nil { // of a run that was killed
		_ = b.note.Close()
		return nil, b.notRestored(err)
	}
	if err := b.take(ctx, i); err != nil {
		if back := b.undo(); back != nil {
			_ = b.note.Close()
			return nil, b.notRestored(errors.Join(err, back))
		}
		_ = os.Remove(b.note.Name()) // it is empty
		_ = b.note.Close()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, os.ErrPermission) {
			return nil, fail(fault.Denied, err, "bench.rights")
		}
		var f *fault.Error
		if errors.As(err, &f) {
			return nil, f
		}
		return nil, fail(fault.Unavailable, err, "bench.failed")
	}
	return b, nil
}

// take checks and configures the interface, and starts to serve.
func (b *Bench) take(ctx context.Context, i *net.Interface) error {
	refuse := func(key string) error { return fault.New(fault.Conflict, "bench.Setup", key, "interface", i.Name) }
	if uplink, err := hasDefaultRoute(i.Index); err != nil {
		return err
	} else if uplink {
		return refuse("bench.uplink")
	}
	addrs, err := i.Addrs()
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
			return refuse("bench.addressed")
		}
	}
	link4, err := freeLink()
	if err != nil {
		return err
	}
	us4, us6 := netip.PrefixFrom(link4.Addr().Next(), link4.Bits()), netip.PrefixFrom(link6.Addr().Next(), link6.Bits())
	n := note{Interface: i.Name, Up: i.Flags&net.FlagUp != 0, Addresses: []string{us4.String(), us6.String()}, Sysctl: map[string]string{}}
	want := map[string]string{
		// Nothing of the device is forwarded, whatever the host does elsewhere.
		"net/ipv4/conf/" + i.Name + "/forwarding": "0", "net/ipv6/conf/" + i.Name + "/forwarding": "0",
		"net/ipv4/conf/" + i.Name + "/send_redirects": "0", "net/ipv4/conf/" + i.Name + "/proxy_arp": "0",
		// What the device announces is not believed.
		"net/ipv6/conf/" + i.Name + "/accept_ra": "0", "net/ipv4/conf/" + i.Name + "/accept_redirects": "0",
	}
	for k := range want {
		v, err := os.ReadFile("/proc/sys/" + k)
		if errors.Is(err, os.ErrNotExist) {
			delete(want, k) // no IPv6 on this host
			continue
		}
		if err != nil {
			return err
		}
		n.Sysctl[k] = string(v)
	}
	if err := b.write(n); err != nil {
		return err
	}
	for k, v := range want {
		if err := os.WriteFile("/proc/sys/"+k, []byte(v), 0); err != nil {
			return err
		}
	}
	if n.Up {
		if err := setUp(i.Name, false); err != nil {
			return err
		}
	}
	if err := setUp(i.Name, true); err != nil {
		return err
	}
	if err := address(unix.RTM_NEWADDR, i.Index, us4); err != nil {
		return err
	}
	local := netip.Addr{}
	if err := address(unix.RTM_NEWADDR, i.Index, us6); err == nil {
		local = linkLocal(ctx, i)
	} else if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EOPNOTSUPP) { // IPv6 is switched off
		return err
	}
	b.s = &server{mac: i.HardwareAddr, us: us4.Addr(), bits: us4.Bits(), lease: netip.AddrFrom4(lastByte(link4.Addr(), 20)), local: local, prefix: link6}
	return b.serve(ctx, us4.Addr(), us6.Addr())
}

func lastByte(a netip.Addr, n byte) [4]byte {
	b := a.As4()
	b[3] = n
	return b
}

// freeLink is the first network that this host has no part in.
func freeLink() (netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Prefix{}, err
	}
	for _, l := range links4 {
		free := true
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Overlaps(l) {
				free = false
			}
		}
		if free {
			return l, nil
		}
	}
	return netip.Prefix{}, errors.New("bench: the host has a part in all networks of a bench")
}

// linkLocal is the address from which routers announce themselves. The kernel
// gives it when the link is up; a link without a carrier gets none for now.
func linkLocal(ctx context.Context, i *net.Interface) netip.Addr {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for {
		addrs, err := i.Addrs()
		if err != nil {
			return netip.Addr{}
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
				return p.Addr()
			}
		}
		t := time.NewTimer(50 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			// No carrier yet: the address that the kernel would make of the hardware address.
			m := i.HardwareAddr
			return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
		}
	}
}

// serve opens the sockets and answers until the bench is closed.
func (b *Bench) serve(ctx context.Context, us4, us6 netip.Addr) error {
	// Questions about names and time end here, so that no other program of this host
	// answers them and asks the Internet; 67 only keeps the system from refusing renewals.
	for _, a := range []netip.Addr{us4, us6} {
		for _, port := range []uint16{53, 67, 123} {
			c, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", netip.AddrPortFrom(a, port).String())
			if err != nil {
				continue // another program has it on all addresses, or there is no IPv6
			}
			b.sinks = append(b.sinks, c)
			go func() { // what comes is dropped
				buf := make([]byte, 2048)
				for {
					if _, _, err := c.ReadFrom(buf); err != nil {
						return
					}
				}
			}()
		}
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.closeSinks()
		return err
	}
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // network byte order
	if err := errors.Join(unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: b.index})); err != nil {
		_ = unix.Close(fd)
		b.closeSinks()
		return err
	}
	b.fd = fd
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	go b.loop(running)
	return nil
}

func (b *Bench) loop(ctx context.Context) {
	defer close(b.ended)
	buf := make([]byte, 2048)
	var next time.Time
	for ctx.Err() == nil {
		if now := time.Now(); now.After(next) {
			next = now.Add(advertiseEvery)
			b.mu.Lock()
			out := append(b.s.advertise(), b.s.remind()...)
			b.mu.Unlock()
			b.send(out)
		}
		n, err := unix.Read(b.fd, buf)
		if err != nil {
			// ENETDOWN: the cable was drawn; it may come back.
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) {
				continue
			}
			b.mu.Lock()
			b.broken = err
			b.mu.Unlock()
			return
		}
		b.send(b.frame(buf[:n]))
	}
}

func (b *Bench) send(frames [][]byte) {
	for _, f := range frames {
		_, _ = unix.Write(b.fd, f)
	}
}

func (b *Bench) closeSinks() {
	for _, c := range b.sinks {
		_ = c.Close()
	}
	b.sinks = nil
}

// Close stops serving and puts the interface back as it was. Where that fails, the note
// stays for the next Setup.
func (b *Bench) Close() error {
	var err error
	b.closed.Do(func() {
		b.halt()
		if err = b.undo(); err == nil {
			err = os.Remove(b.note.Name())
		}
		_ = b.note.Close()
	})
	if err != nil {
		return b.notRestored(err)
	}
	return nil
}

// notRestored says that something that was changed is still so.
func (b *Bench) notRestored(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fault.Wrap(fault.Denied, "bench", err, "bench.rights", "interface", b.o.Interface)
	}
	return fault.Wrap(fault.Unavailable, "bench", err, "bench.not-restored", "interface", b.o.Interface)
}

// halt closes the sockets.
func (b *Bench) halt() {
	b.stop()
	<-b.ended
	_ = unix.Close(b.fd)
	b.closeSinks()
}

func (b *Bench) write(n note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := b.note.Truncate(0); err != nil {
		return err
	}
	if _, err := b.note.WriteAt(text, 0); err != nil {
		return err
	}
	return b.note.Sync()
}

// undo takes back what the note says and empties it. What cannot be taken back stays
// in it; an interface that is gone has taken everything along.
func (b *Bench) undo() error {
	text, err := io.ReadAll(io.NewSectionReader(b.note, 0, 1<<16))
	if err != nil || len(text) == 0 {
		return err
	}
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		return b.note.Truncate(0) // written half: nothing was changed yet
	}
	var errs []error
	failed := func(err error, unless ...error) {
		if err != nil && !slices.ContainsFunc(unless, func(x error) bool { return errors.Is(err, x) }) {
			errs = append(errs, err)
		}
	}
	for _, a := range n.Addresses {
		if p, err := netip.ParsePrefix(a); err == nil {
			failed(address(unix.RTM_DELADDR, b.index, p), unix.EADDRNOTAVAIL, unix.EOPNOTSUPP, unix.ENODEV)
		}
	}
	for k, v := range n.Sysctl {
		failed(os.WriteFile("/proc/sys/"+k, []byte(v), 0), os.ErrNotExist)
	}
	if !n.Up {
		failed(setUp(n.Interface, false), unix.ENODEV)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return b.note.Truncate(0)
}
