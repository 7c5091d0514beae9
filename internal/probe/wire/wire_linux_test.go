package wire

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hoshi/internal/probe"
)

// namespaced runs the calling test again in a user and network namespace of its
// own, where raw sockets are allowed and only loopback exists. It is true inside.
// Where the system refuses namespaces, raw packets are not covered.
func namespaced(t *testing.T) bool {
	t.Helper()
	if os.Getenv("HOSHI_TEST_NAMESPACE") != "" {
		up := exec.Command("ip", "link", "set", "lo", "up")
		if out, err := up.CombinedOutput(); err != nil {
			t.Fatalf("loopback: %v %s", err, out)
		}
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "HOSHI_TEST_NAMESPACE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil && strings.Contains(string(out), "--- PASS: "+t.Name()):
	case err != nil && !errors.As(err, &exit):
		t.Logf("namespaces are not allowed here (%v): raw packets are not covered", err)
	default:
		t.Errorf("in the namespace: %v\n%s", err, out)
	}
	return false
}

// gather receives until want packets that fit have come, for at most five seconds.
func gather(t *testing.T, w *Wire, want int, fits func(Packet) bool) []Packet {
	t.Helper()
	var got []Packet
	for end := time.Now().Add(5 * time.Second); len(got) < want && time.Now().Before(end); {
		if _, err := w.Receive(end, func(p Packet) {
			if fits(p) {
				p.Data = append([]byte(nil), p.Data...)
				got = append(got, p)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// On loopback, IPv4 and IPv6: an open port, a closed one, a UDP service that
// answers, a closed UDP port.
func TestLoopback(t *testing.T) {
	if !namespaced(t) {
		return
	}
	for _, target := range []string{"127.0.77.1", "::1"} {
		addr := netip.MustParseAddr(target)
		l, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		open := uint16(l.Addr().(*net.TCPAddr).Port)
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		go func() {
			b := make([]byte, 100)
			if n, from, err := u.ReadFromUDP(b); err == nil {
				_, _ = u.WriteToUDP(append([]byte("re:"), b[:n]...), from)
			}
		}()
		service := uint16(u.LocalAddr().(*net.UDPAddr).Port)

		w, err := Open(probe.NewNet(addr, nil), probe.Senders{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		from := netip.AddrPortFrom(netip.Addr{}, 7)
		ts := uint32(1)
		if err := errors.Join(w.SYN(from, open, 1000, &ts), w.SYN(from, 9, 2000, nil)); err != nil {
			t.Fatal(err)
		}
		for _, p := range gather(t, w, 2, func(p Packet) bool { return p.DstPort == 7 && (p.Kind == SYNACK || p.Kind == RST) }) {
			switch p.SrcPort {
			case open:
				if p.Kind != SYNACK || p.Ack != 1001 || !p.HasTS || p.Dst != w.Local() || p.Src != addr {
					t.Errorf("%s: open port: %+v", target, p)
				}
			case 9:
				if p.Kind != RST || p.Ack != 2001 {
					t.Errorf("%s: closed port: %+v", target, p)
				}
			default:
				t.Errorf("%s: unexpected %+v", target, p)
			}
		}
		// Sending to a socket that has come and gone makes the system complain, not us.
		if err := w.UDP(from, service, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if got := gather(t, w, 1, func(p Packet) bool { return p.Kind == UDP && p.SrcPort == service }); len(got) != 1 || string(got[0].Data) != "re:hello" || got[0].DstPort != 7 {
			t.Errorf("%s: datagram: %+v", target, got)
		}
		if err := w.UDP(from, 9, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if got := gather(t, w, 1, func(p Packet) bool { return p.PortUnreachable() && p.Quoted.DstPort == 9 }); len(got) != 1 ||
			got[0].Quoted.SrcPort != 7 || got[0].Quoted.Proto != ProtoUDP || got[0].Quoted.Src != w.Local() || got[0].Quoted.Dst != addr {
			t.Errorf("%s: port unreachable: %+v", target, got)
		}
	}
}

// A sender of the pool stands in the packet; what is none is refused. Packets
// of other hosts do not come through the filter.
func TestSendersAndFilter(t *testing.T) {
	if !namespaced(t) {
		return
	}
	for _, c := range []struct{ target, other, routed, pool, stranger string }{
		{"127.0.77.1", "127.0.77.2", "127.9.0.0/16", "127.9.1.2", "127.10.1.2"},
		{"::1", "", "fd00:9::/64", "fd00:9::5", "fd00:a::5"},
	} {
		w, err := Open(probe.NewNet(netip.MustParseAddr(c.target), nil), probe.Senders{Routed: netip.MustParsePrefix(c.routed)})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if c.other != "" {
			o, err := Open(probe.NewNet(netip.MustParseAddr(c.other), nil), probe.Senders{})
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			if err := o.SYN(netip.AddrPortFrom(netip.Addr{}, 1), 1, 1, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.SYN(netip.AddrPortFrom(netip.MustParseAddr(c.stranger), 1), 1, 1, nil); !errors.Is(err, ErrSource) {
			t.Errorf("%s sent with the address of a stranger: %v", c.target, err)
		}
		if c.other == "" {
			if out, err := exec.Command("ip", "-6", "addr", "add", "fd00:9::/64", "dev", "lo").CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, out)
			}
			if out, err := exec.Command("ip", "-6", "route", "add", "local", c.routed, "dev", "lo").CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, out)
			}
		}
		if err := w.SYN(netip.AddrPortFrom(netip.MustParseAddr(c.pool), 1), 2, 1, nil); err != nil {
			t.Fatal(err)
		}
		got := gather(t, w, 1, func(p Packet) bool { return p.Kind == RST })
		if len(got) != 1 {
			t.Errorf("%s: no answer to %s", c.target, c.pool)
		}
		for _, p := range got {
			if p.Src.String() != c.target || p.Dst.String() != c.pool || p.SrcPort != 2 {
				t.Errorf("%+v", p)
			}
		}
	}
}

// Without the privilege, or on a network given from outside, the answer is ErrNotAllowed.
func TestNotAllowed(t *testing.T) {
	if !namespaced(t) {
		return
	}
	addr := netip.MustParseAddr("127.0.0.1")
	var d net.Dialer
	if _, err := Open(probe.NewNet(addr, d.DialContext), probe.Senders{}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a network given from outside: %v", err)
	}
	// A capability belongs to the thread: the goroutine stays on it and takes it along.
	done := make(chan error)
	go func() {
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		runtime.LockOSThread()
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			done <- err
			return
		}
		_, err := Open(probe.NewNet(addr, nil), probe.Senders{})
		done <- err
	}()
	if err := <-done; !errors.Is(err, ErrNotAllowed) {
		t.Errorf("without privileges: %v", err)
	}
}
