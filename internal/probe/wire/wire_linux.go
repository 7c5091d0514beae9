package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hoshi/internal/probe"
)

// receiveBuffer holds what arrives while the process does not run: about 20,000 small packets.
const receiveBuffer = 16 << 20

// Wire is the way for raw packets to the target. Any number of goroutines may
// send; one receives at a time.
type Wire struct {
	dst     netip.Addr // without zone
	local   netip.Addr
	senders probe.Senders
	zone    int // interface of a link-local target

	mu  sync.Mutex
	out int
	to  unix.Sockaddr
	buf []byte

	reserved []int // sockets that keep ports from being used by others

	in   *os.File
	raw  syscall.RawConn
	rbuf []byte
}

// Open opens the way to the target of n. senders are the source addresses that
// may be used besides the host's own.
func Open(n *probe.Net, senders probe.Senders) (*Wire, error) {
	if !n.System() {
		return nil, ErrNotAllowed
	}
	target := n.Addr().Unmap()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// A connected UDP socket sends nothing; it only tells the source address.
	c, err := n.DialContext(ctx, "udp", netip.AddrPortFrom(n.Addr(), 9).String())
	if err != nil {
		return nil, err
	}
	local := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
	_ = c.Close()
	w := &Wire{dst: target.WithZone(""), local: local, senders: senders, buf: make([]byte, 64+MaxPayload), rbuf: make([]byte, 64<<10), out: -1}
	if target.Zone() != "" {
		i, err := net.InterfaceByName(target.Zone())
		if err != nil {
			return nil, err
		}
		w.zone = i.Index
	}
	if err := w.openOut(w.zone); err != nil {
		return nil, denied(err)
	}
	if err := w.openIn(w.zone); err != nil {
		_ = w.Close()
		return nil, denied(err)
	}
	return w, nil
}

func denied(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	return err
}

func (w *Wire) openOut(zone int) (err error) {
	family := unix.AF_INET
	if w.dst.Is6() {
		family = unix.AF_INET6
		w.to = &unix.SockaddrInet6{Addr: w.dst.As16(), ZoneId: uint32(zone)}
	} else {
		w.to = &unix.SockaddrInet4{Addr: w.dst.As4()}
	}
	// IPPROTO_RAW: the IP header is part of what is sent.
	if w.out, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
		w.out = -1
		return err
	}
	if w.dst.Is6() {
		err = unix.SetsockoptInt(w.out, unix.IPPROTO_IPV6, unix.IPV6_HDRINCL, 1)
	}
	_ = unix.SetsockoptInt(w.out, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
	return err
}

func (w *Wire) openIn(ifindex int) error {
	proto := uint16(unix.ETH_P_IP)
	if w.dst.Is6() {
		proto = unix.ETH_P_IPV6
	}
	// Protocol 0 receives nothing until the filter stands.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	f := filter(w.dst)
	if err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}); err == nil {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, proto)), Ifindex: ifindex})
	}
	if err != nil {
		_ = unix.Close(fd)
		return err
	}
	w.in = os.NewFile(uintptr(fd), "wire")
	w.raw, err = w.in.SyscallConn()
	return err
}

// filter passes packets that the target sent, and ICMP errors of anybody that
// quote a packet to the target. What this host sends itself is dropped.
func filter(dst netip.Addr) []unix.SockFilter {
	const (
		ldw  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		ldwx = unix.BPF_LD | unix.BPF_W | unix.BPF_IND
		ldb  = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		jeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret  = unix.BPF_RET | unix.BPF_K
		all  = 1 << 18
		kind = 0xfffff000 + 4 // SKF_AD_OFF + SKF_AD_PKTTYPE
	)
	if dst.Is4() {
		a := dst.As4()
		k := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
		return []unix.SockFilter{
			{Code: ldw, K: kind},
			{Code: jeq, K: unix.PACKET_OUTGOING, Jt: 8},
			{Code: ldw, K: 12},
			{Code: jeq, K: k, Jt: 5},
			{Code: ldb, K: 9},
			{Code: jeq, K: ProtoICMP, Jf: 4},
			{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0},
			{Code: ldwx, K: 8 + 16}, // destination of the quoted packet
			{Code: jeq, K: k, Jf: 1},
			{Code: ret, K: all},
			{Code: ret, K: 0},
		}
	}
	a := dst.As16()
	f := []unix.SockFilter{{Code: ldw, K: kind}, {Code: jeq, K: unix.PACKET_OUTGOING, Jt: 20}}
	word := func(i int) uint32 {
		return uint32(a[i])<<24 | uint32(a[i+1])<<16 | uint32(a[i+2])<<8 | uint32(a[i+3])
	}
	for i := range 4 { // source; the first word that differs leads to the ICMP part
		f = append(f, unix.SockFilter{Code: ldw, K: uint32(8 + 4*i)}, unix.SockFilter{Code: jeq, K: word(4 * i), Jf: uint8(7 - 2*i)})
	}
	f = append(f, unix.SockFilter{Code: ret, K: all})
	f = append(f, unix.SockFilter{Code: ldb, K: 6}, unix.SockFilter{Code: jeq, K: ProtoICMPv6, Jf: 9})
	for i := range 4 { // destination of the quoted packet
		f = append(f, unix.SockFilter{Code: ldw, K: uint32(40 + 8 + 24 + 4*i)}, unix.SockFilter{Code: jeq, K: word(4 * i), Jf: uint8(7 - 2*i)})
	}
	return append(f, unix.SockFilter{Code: ret, K: all}, unix.SockFilter{Code: ret, K: 0})
}

// Close closes the sockets; a Receive that waits returns.
func (w *Wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out >= 0 {
		_ = unix.Close(w.out)
		w.out = -1
	}
	for _, fd := range w.reserved {
		_ = unix.Close(fd)
	}
	w.reserved = nil
	if w.in != nil {
		return w.in.Close()
	}
	return nil
}

// Target is the one address, without zone, as received packets name it.
func (w *Wire) Target() netip.Addr { return w.dst }

// Local is the source address that the system uses towards the target.
func (w *Wire) Local() netip.Addr { return w.local }

// Reserve takes n ports of the host's own address that nobody else uses, to send
// from until Close: "tcp", where the system then resets what an answer would
// open, or "udp", where it swallows answers without a complaint to the device.
func (w *Wire) Reserve(network string, n int) ([]uint16, error) {
	kind, family := unix.SOCK_STREAM, unix.AF_INET
	if network == "udp" {
		kind = unix.SOCK_DGRAM
	}
	if w.local.Is6() {
		family = unix.AF_INET6
	}
	var out []uint16
	for range n {
		fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return out, err
		}
		w.mu.Lock()
		w.reserved = append(w.reserved, fd)
		w.mu.Unlock()
		var a unix.Sockaddr = &unix.SockaddrInet4{Addr: w.local4()}
		if w.local.Is6() {
			a = &unix.SockaddrInet6{Addr: w.local.As16(), ZoneId: uint32(w.zone)}
		}
		if err := unix.Bind(fd, a); err != nil {
			return out, err
		}
		if kind == unix.SOCK_DGRAM {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0) // nobody reads it
		}
		if a, err = unix.Getsockname(fd); err != nil {
			return out, err
		}
		switch a := a.(type) {
		case *unix.SockaddrInet4:
			out = append(out, uint16(a.Port))
		case *unix.SockaddrInet6:
			out = append(out, uint16(a.Port))
		}
	}
	return out, nil
}

func (w *Wire) local4() (a [4]byte) {
	if w.local.Is4() {
		a = w.local.As4()
	}
	return a
}

// source returns the address to send with; the zero address is the host's own.
func (w *Wire) source(a netip.Addr) (netip.Addr, error) {
	switch a = a.Unmap(); {
	case !a.IsValid() || a == w.local:
		return w.local, nil
	case a.Is4() == w.dst.Is4() && (w.senders.Routed.IsValid() && w.senders.Routed.Contains(a) || slices.Contains(w.senders.OnLink, a)):
		return a, nil
	}
	return a, fmt.Errorf("%w: %s", ErrSource, a)
}

// send builds a packet in the shared buffer and sends it to the target.
func (w *Wire) send(from netip.Addr, build func(b []byte, src netip.Addr) []byte) error {
	src, err := w.source(from)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out < 0 {
		return os.ErrClosed
	}
	b := build(w.buf, src)
	for range 100 {
		err = unix.Sendto(w.out, b, 0, w.to)
		if err != unix.EINTR && err != unix.ENOBUFS {
			break
		}
	}
	return err
}

// SYN asks a TCP port. An invalid address in from means the host's own; tsval,
// when not nil, adds a timestamp option, so that the answer has one too.
func (w *Wire) SYN(from netip.AddrPort, port uint16, seq uint32, tsval *uint32) error {
	return w.send(from.Addr(), func(b []byte, src netip.Addr) []byte {
		return tcp(b, src, w.dst, from.Port(), port, flagSYN, seq, 0, tsval)
	})
}

// UDP sends a datagram.
func (w *Wire) UDP(from netip.AddrPort, port uint16, data []byte) error {
	if len(data) > MaxPayload {
		return fmt.Errorf("wire: datagram of %d bytes", len(data))
	}
	return w.send(from.Addr(), func(b []byte, src netip.Addr) []byte {
		return udp(b, src, w.dst, from.Port(), port, data)
	})
}

// Receive waits until at least one packet has come or the time is over, hands
// over all that are there, and returns their number. The time may be past: then
// it only looks. A packet's Data holds only during the call.
func (w *Wire) Receive(until time.Time, each func(Packet)) (int, error) {
	if err := w.in.SetReadDeadline(until); err != nil {
		return 0, err
	}
	// A deadline that is past would hide what has arrived already.
	n, err := w.drain(each)
	if n > 0 || err != nil || !until.After(time.Now()) {
		return n, err
	}
	rerr := w.raw.Read(func(uintptr) bool {
		n, err = w.drain(each)
		return n > 0 || err != nil
	})
	if rerr != nil && !errors.Is(rerr, os.ErrDeadlineExceeded) {
		return n, rerr
	}
	return n, err
}

// drain reads what has arrived. It stops after a bounded number, so that a flood
// cannot hold it.
func (w *Wire) drain(each func(Packet)) (n int, err error) {
	cerr := w.raw.Control(func(fd uintptr) {
		for range 4096 {
			k, rerr := unix.Read(int(fd), w.rbuf)
			if rerr == unix.EINTR {
				continue
			}
			if rerr != nil {
				if rerr != unix.EAGAIN && rerr != unix.ENETDOWN {
					err = rerr
				}
				return
			}
			if p, ok := Parse(w.rbuf[:k]); ok {
				p.At = time.Now()
				each(p)
				n++
			}
		}
	})
	if cerr != nil {
		return n, cerr
	}
	return n, err
}
