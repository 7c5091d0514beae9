package bed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// echo starts a TCP echo service and a UDP echo service on the device.
func echo(b *Bed, port int) {
	b.Go(func() (func(), error) {
		l, err := net.Listen("tcp", netip.AddrPortFrom(b.Addr, uint16(port)).String())
		if err != nil {
			return nil, err
		}
		u, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil {
			return nil, err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
			}
		}()
		go func() {
			buf := make([]byte, 2048)
			for {
				n, from, err := u.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = u.WriteTo(buf[:n], from)
			}
		}()
		return func() { _ = l.Close(); _ = u.Close() }, nil
	})
}

func dial(b *Bed, network string, port int, wait time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: wait}
	return d.Dial(network, netip.AddrPortFrom(b.Addr, uint16(port)).String())
}

// ask sends a datagram and returns what came back.
func ask(t *testing.T, b *Bed, port int, wait time.Duration) (string, error) {
	t.Helper()
	c, err := dial(b, "udp", port, wait)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(wait))
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

func talk(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "hello" {
		t.Fatalf("%q %v", buf, err)
	}
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	Run(t, Profile{Delay: time.Millisecond, Uptime: time.Hour}, func(t *testing.T, b *Bed) {
		echo(b, 4007)
		b.Await("tcp/4007", "udp/4007")
		c, err := dial(b, "tcp", 4007, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		talk(t, c)
		if got, err := ask(t, b, 4007, 5*time.Second); err != nil || got != "hello" {
			t.Errorf("datagram: %q %v", got, err)
		}
		if _, err := dial(b, "tcp", 4008, 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("closed port: %v", err)
		}
		if !b.Isolated {
			return
		}
		if s := b.Strays(nil); len(s) > 0 {
			t.Errorf("strays: %v", s)
		}
		if n := b.ToDevice(); n.In < 6 || n.Out < 6 || n.Lost+n.Over+n.Barred > 0 || n.Peak < 1 || n.Peak > n.In {
			t.Errorf("to the device: %+v", n)
		}
		if got := strings.Join(b.Truth(), " "); got != "tcp/4007 udp/4007" {
			t.Errorf("truth %q", got)
		}
		// What goes elsewhere is seen.
		_ = os.WriteFile("/proc/sys/net/ipv4/conf/bed0/forwarding", []byte("0"), 0)
		e, err := net.Dial("udp", "198.18.0.77:9")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = e.Write([]byte("stray"))
		_ = e.Close()
		wait(t, "the stray", func() bool { return len(b.Strays(nil)) > 0 })
		if s := b.Strays(nil)[0]; s.Kind != "arp" || s.About.String() != "198.18.0.77" {
			t.Errorf("stray %v", s)
		}
	})
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A device that takes few frames drops the rest; one that hangs is silent for a while.
func TestWeak(t *testing.T) {
	t.Parallel()
	Run(t, Profile{Rate: 50, Burst: 10}, func(t *testing.T, b *Bed) {
		flood(t, b, 200)
		if !b.Isolated {
			return
		}
		// A busy host may take its time to send them: what the device takes follows from that.
		wait(t, "the flood", func() bool { flood(t, b, 20); return b.ToDevice().In >= 200 })
		n, f := b.ToDevice(), b.Sent()
		takes := 10 + 50*f[len(f)-1].At.Sub(f[0].At).Seconds()
		if passed := float64(n.In - n.Over); passed > takes+1 || passed < min(10, float64(n.In)) || n.Out > n.In-n.Over {
			t.Errorf("%+v, of which it takes %.0f", n, takes)
		}
	})
	Run(t, Profile{HangAbove: 100, HangFor: 300 * time.Millisecond}, func(t *testing.T, b *Bed) {
		echo(b, 4007)
		if _, err := ask(t, b, 4007, 5*time.Second); err != nil {
			t.Error(err)
		}
		if !b.Isolated {
			return
		}
		wait(t, "the hang", func() bool { flood(t, b, 300); return b.ToDevice().Hung >= 100 })
		wait(t, "the device to come back", func() bool { _, err := ask(t, b, 4007, 100*time.Millisecond); return err == nil })
	})
}

func flood(t *testing.T, b *Bed, n int) {
	t.Helper()
	c, err := dial(b, "udp", 9, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range n {
		_, _ = c.Write([]byte("x"))
	}
}

func TestFiltered(t *testing.T) {
	t.Parallel()
	Run(t, Profile{Only: []string{"tcp/4007"}}, func(t *testing.T, b *Bed) {
		echo(b, 4007)
		c, err := dial(b, "tcp", 4007, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if !b.Isolated {
			return
		}
		var ne net.Error
		if _, err := dial(b, "tcp", 4008, 200*time.Millisecond); !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("filtered port: %v", err)
		}
		if _, err := ask(t, b, 4007, 200*time.Millisecond); !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("filtered UDP port: %v", err)
		}
	})
}

// After a reboot the services are new, old connections are gone and the TCP
// timestamps begin again; a replacement has another hardware address.
func TestRebootAndReplace(t *testing.T) {
	t.Parallel()
	Run(t, Profile{Uptime: 10 * time.Hour}, func(t *testing.T, b *Bed) {
		echo(b, 4007)
		b.Service("busybox", "httpd", "-f", "-p", "8080", "-h", t.TempDir())
		if !b.Isolated {
			return
		}
		b.Await("tcp/4007", "tcp/8080")
		old, err := dial(b, "tcp", 4007, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		talk(t, old)
		if up := uptime(t, b); up < 10*time.Hour || up > 11*time.Hour {
			t.Errorf("uptime %v", up)
		}
		b.off()
		if _, err := ask(t, b, 4007, 50*time.Millisecond); err == nil {
			t.Error("an answer of a device that is off")
		}
		b.on()
		b.Await("tcp/4007", "tcp/8080")
		c, err := dial(b, "tcp", 8080, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		_ = old.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = old.Write([]byte("still there?"))
		if _, err := old.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("old connection: %v", err)
		}
		if up := uptime(t, b); up > time.Minute {
			t.Errorf("uptime after the reboot %v", up)
		}
		b.Replace(0, func() { echo(b, 4009) })
		if got := strings.Join(b.Truth(), " "); got != "tcp/4009 udp/4009" {
			t.Errorf("truth %q", got)
		}
		if got := b.Device("ip", "link", "show", DeviceInterface); !strings.Contains(got, "02:00:00:00:00:33") {
			t.Error(got)
		}
		// Until its first frame has come, this host sends to the old hardware address.
		wait(t, "the replacement", func() bool { _, err := ask(t, b, 4009, 50*time.Millisecond); return err == nil })
		b.Unplug()
		if _, err := ask(t, b, 4009, 50*time.Millisecond); err == nil {
			t.Error("an answer over a cut cable")
		}
		b.Plug()
		wait(t, "an answer", func() bool { _, err := ask(t, b, 4009, 50*time.Millisecond); return err == nil })
	})
}

// uptime reads the device's TCP timestamp from a connection.
func uptime(t *testing.T, b *Bed) time.Duration {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0x0008) // IPv4 in network byte order
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	c, err := dial(b, "tcp", 4007, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 2048)
	for range 100 {
		n, _, err := syscall.Recvfrom(fd, buf, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := parse(buf[:n])
		if f.Src != b.Addr || f.Flags&0x12 != 0x12 || n < 74 {
			continue
		}
		for o := buf[54:n]; len(o) >= 10; o = o[1:] {
			if o[0] == 8 && o[1] == 10 {
				return time.Duration(binary.BigEndian.Uint32(o[2:])) * time.Millisecond
			}
		}
	}
	t.Fatal("no timestamp seen")
	return 0
}

func TestIPv6Only(t *testing.T) {
	t.Parallel()
	Run(t, Profile{IPv6Only: true}, func(t *testing.T, b *Bed) {
		echo(b, 4007)
		if !b.Addr.Is6() {
			t.Error(b.Addr)
		}
		c, err := dial(b, "tcp", 4007, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		talk(t, c)
		_ = c.Close()
		if b.Isolated {
			if s := b.Strays(nil); len(s) > 0 {
				t.Errorf("strays: %v", s)
			}
		}
	})
}

// Loss is about what was asked for.
func TestLoss(t *testing.T) {
	t.Parallel()
	Run(t, Profile{Loss: 0.5}, func(t *testing.T, b *Bed) {
		if !b.Isolated {
			return
		}
		// The first datagrams wait for an answer about the hardware address.
		wait(t, "the flood", func() bool { flood(t, b, 20); return b.ToDevice().In >= 400 })
		if n := b.ToDevice(); n.Lost < n.In/4 || n.Lost > n.In*3/4 {
			t.Errorf("%+v", n)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, n := range []int{0, 13, 14, 42, 60, 80} {
		b := make([]byte, n)
		if n > 14 {
			binary.BigEndian.PutUint16(b[12:], 0x0800)
			b[14], b[23] = 0x45, 6
		}
		f.Add(b, uint32(7), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, ticks uint32, from bool) {
		_ = fmt.Sprint(parse(b))
		again := append([]byte(nil), b...)
		shiftTimestamps(again, ticks, from)
		if len(again) != len(b) {
			t.Error("length changed")
		}
	})
}
