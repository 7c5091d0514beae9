package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// DialFunc opens a connection as net.Dialer.DialContext does. It is how a run
// reaches the network; tests give their own.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// ErrElsewhere is the answer to any attempt to reach another address than the
// run's target.
var ErrElsewhere = errors.New("probe: refused to reach another address than the target")

// ErrNoConnection marks an error of connecting, as opposed to one of talking.
var ErrNoConnection = errors.New("probe: no connection")

// Net is the only way from a probe to the network. It reaches one address and
// refuses every other, here and nowhere else.
type Net struct {
	addr    netip.Addr
	dial    DialFunc
	foreign bool // dial is not the system's: no socket is opened behind its back
}

// NewNet makes the way to addr. dial nil means the system's network.
func NewNet(addr netip.Addr, dial DialFunc) *Net {
	n := &Net{addr: addr, dial: dial, foreign: dial != nil}
	if dial == nil {
		// The hook sees the address that the socket really connects to, after any
		// resolution, so a name can never lead elsewhere either.
		d := &net.Dialer{KeepAlive: -1, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return n.check(address)
		}}
		n.dial = d.DialContext
	}
	return n
}

// System reports whether the way is the system's own network, so that further
// kinds of sockets may be opened to the same address.
func (n *Net) System() bool { return !n.foreign }

// From is the way to the same address from another source address of this host.
func (n *Net) From(source netip.Addr) *Net {
	out := &Net{addr: n.addr, foreign: n.foreign}
	out.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		d := &net.Dialer{KeepAlive: -1, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0)),
			ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error { return n.check(address) }}
		if network == "udp" {
			d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		}
		return d.DialContext(ctx, network, address)
	}
	return out
}

// Second is the way from a second address that this host has on the device's
// link; nil when it has none. Nothing is sent to find out.
func (n *Net) Second() *Net {
	if n.foreign {
		return nil
	}
	c, err := net.Dial("udp", netip.AddrPortFrom(n.addr, 9).String()) // connects without sending
	if err != nil {
		return nil
	}
	first := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	_ = c.Close()
	for _, a := range besides(n.addr.Unmap(), first) {
		// Where the whole of 127/8 is local there is always a second address.
		p, err := net.ListenPacket("udp", netip.AddrPortFrom(a, 0).String())
		if err != nil {
			continue
		}
		_ = p.Close()
		return n.From(a)
	}
	return nil
}

// besides lists the addresses of this host other than first on the link of to.
func besides(to, first netip.Addr) []netip.Addr {
	var out []netip.Addr
	if to.Is4() && to.IsLoopback() {
		out = append(out, netip.AddrFrom4([4]byte{127, 0, 0, 2}), netip.AddrFrom4([4]byte{127, 0, 0, 3}))
	}
	links, _ := net.Interfaces()
	for _, l := range links {
		addrs, _ := l.Addrs()
		for _, a := range addrs {
			in, ok := a.(*net.IPNet)
			if !ok || !in.Contains(to.WithZone("").AsSlice()) {
				continue
			}
			if ip, ok := netip.AddrFromSlice(in.IP); ok {
				out = append(out, ip.Unmap().WithZone(to.Zone()))
			}
		}
	}
	return slices.DeleteFunc(out, func(a netip.Addr) bool { return a == first || a == to })
}

// Addr returns the one address.
func (n *Net) Addr() netip.Addr { return n.addr }

func (n *Net) check(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || ap.Addr().Unmap() != n.addr.Unmap() {
		return fmt.Errorf("%w: %s", ErrElsewhere, address)
	}
	return nil
}

// DialContext opens a connection, for libraries that want a full address.
func (n *Net) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := n.check(address); err != nil {
		return nil, err
	}
	switch network {
	case "tcp", "udp":
	default:
		return nil, fmt.Errorf("%w: network %s", ErrElsewhere, network)
	}
	return n.dial(ctx, network, address)
}

// TCP opens a connection to a port within the time given.
func (n *Net) TCP(ctx context.Context, port int, wait time.Duration) (net.Conn, error) {
	return n.open(ctx, "tcp", port, wait)
}

// Patiently is TCP to a port that is known to be open. A refusal then means that the
// server still has its hands full with the connection before, as those do that
// listen for one client at a time; it is given two seconds in all.
func (n *Net) Patiently(ctx context.Context, port int, wait time.Duration) (c net.Conn, err error) {
	for pause := 30 * time.Millisecond; pause < 2*time.Second; pause *= 2 {
		if c, err = n.TCP(ctx, port, wait); Word(err) != "refused" || !Wait(ctx, pause) {
			return c, err
		}
	}
	return n.TCP(ctx, port, wait)
}

// UDP opens a socket connected to a port; nothing is sent yet.
func (n *Net) UDP(ctx context.Context, port int, wait time.Duration) (net.Conn, error) {
	return n.open(ctx, "udp", port, wait)
}

func (n *Net) open(ctx context.Context, network string, port int, wait time.Duration) (net.Conn, error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("probe: port %d", port)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return n.DialContext(ctx, network, netip.AddrPortFrom(n.addr, uint16(port)).String())
}

// Exchange sends bytes (none when empty) on a fresh connection and reads until
// the peer closes, max bytes are read, done says that enough was read, or the
// time is over. It returns what was read even with an error.
func Exchange(ctx context.Context, c net.Conn, send []byte, max int, wait time.Duration, done func([]byte) bool) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(send) > 0 {
		if _, err := c.Write(send); err != nil {
			return nil, err
		}
	}
	var got []byte
	buf := make([]byte, 4096)
	for len(got) < max {
		n, err := c.Read(buf[:min(len(buf), max-len(got))])
		got = append(got, buf[:n]...)
		if err != nil {
			return got, err
		}
		if done != nil && done(got) {
			break
		}
	}
	return got, nil
}

// Word names a network error with a word that is the same on every system and
// in every language: "no-connection" (refused, reset or timeout while connecting,
// when the caller marked it with ErrNoConnection), "refused", "reset", "timeout",
// "closed" (hung up, be it in the middle of a message), "unreachable", "elsewhere"
// (see ErrElsewhere), "failed" for all others; "" for none.
func Word(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrElsewhere):
		return "elsewhere"
	case errors.Is(err, ErrNoConnection):
		return "no-connection"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return "timeout"
	}
	return "failed"
}

// Wait sleeps for d, or until the run is cancelled; false when it was.
func Wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Packets opens a UDP socket that is bound to no peer port, for services that
// answer from another port than they are asked on. It sends to and hears the
// target address only.
func (n *Net) Packets(ctx context.Context) (*Packets, error) {
	if n.foreign {
		return nil, errors.New("probe: no unconnected sockets on a network given from outside")
	}
	network, local := "udp4", "0.0.0.0:0"
	if n.addr.Is6() && !n.addr.Is4In6() {
		network, local = "udp6", "[::]:0"
	}
	var lc net.ListenConfig
	c, err := lc.ListenPacket(ctx, network, local)
	if err != nil {
		return nil, err
	}
	return &Packets{n: n, c: c}, nil
}

// Packets is the socket that Net.Packets opens.
type Packets struct {
	n *Net
	c net.PacketConn
}

// Close closes the socket.
func (p *Packets) Close() error { return p.c.Close() }

// Send sends one datagram to a port of the target.
func (p *Packets) Send(port int, b []byte) error {
	_, err := p.c.WriteTo(b, net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.n.addr, uint16(port))))
	return err
}

// Receive waits for one datagram from the target; those of others are dropped.
func (p *Packets) Receive(wait time.Duration) ([]byte, error) {
	b, _, err := p.ReceiveFrom(wait)
	return b, err
}

// ReceiveFrom is Receive that also tells the port that the datagram came from.
func (p *Packets) ReceiveFrom(wait time.Duration) ([]byte, int, error) {
	if err := p.c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, 0, err
	}
	buf := make([]byte, 64<<10)
	for {
		k, from, err := p.c.ReadFrom(buf)
		if err != nil {
			return nil, 0, err
		}
		if from, ok := from.(*net.UDPAddr); ok && from.AddrPort().Addr().Unmap() == p.n.addr.Unmap() {
			return buf[:k], from.Port, nil
		}
	}
}

// Datagram sends one datagram on a connected UDP socket and waits for one back.
func Datagram(ctx context.Context, c net.Conn, send []byte, wait time.Duration) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	if _, err := c.Write(send); err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	n, err := c.Read(buf)
	return buf[:n], err
}
