package spare

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	rounds  = 3                      // each address is asked for so often
	between = 4 * time.Millisecond   // two questions
	grace   = 500 * time.Millisecond // for the last answers
)

// Find returns addresses of the target's link that nobody answers for, at most
// Most. For IPv6 they are drawn from random at will: 64 bits do not collide.
func Find(ctx context.Context, target netip.Addr, random io.Reader) ([]netip.Addr, error) {
	target = target.Unmap()
	i, p, err := linkOf(target)
	if err != nil {
		return nil, err
	}
	if target.Is6() {
		return drawn(p, random)
	}
	ask := candidates(p, target, 2*Most)
	taken, err := answered(ctx, i, ask)
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, fmt.Errorf("%w: %w", ErrNone, err)
		}
		return nil, err
	}
	var out []netip.Addr
	for _, a := range ask {
		if !taken[a] && len(out) < Most {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, ErrNone
	}
	return out, nil
}

func drawn(p netip.Prefix, random io.Reader) ([]netip.Addr, error) {
	if p.Bits() > 64 {
		return nil, ErrNone
	}
	ids := make([]byte, 8*Most)
	if _, err := io.ReadFull(random, ids); err != nil {
		return nil, err
	}
	var out []netip.Addr
	for ; len(ids) > 0; ids = ids[8:] {
		b := p.Masked().Addr().As16()
		copy(b[8:], ids[:8])
		b[8] &^= 2 // not one that a manufacturer gave
		out = append(out, netip.AddrFrom16(b))
	}
	return out, nil
}

// answered asks for the addresses and returns those that somebody has or asks for
// in the same way.
func answered(ctx context.Context, i *net.Interface, ask []netip.Addr) (map[netip.Addr]bool, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	proto := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ARP)) // network byte order
	if err := errors.Join(unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: i.Index})); err != nil {
		return nil, err
	}
	taken := map[netip.Addr]bool{}
	buf := make([]byte, 2048)
	hear := func(until time.Time) error {
		for {
			n, err := unix.Read(fd, buf)
			switch {
			case err == nil:
				for _, a := range about(buf[:n]) {
					taken[a] = true
				}
				continue
			case errors.Is(err, unix.EINTR):
				continue
			case !errors.Is(err, unix.EAGAIN):
				return err
			}
			wait := time.Until(until)
			if wait <= 0 || ctx.Err() != nil {
				return ctx.Err()
			}
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1+int(min(wait, 100*time.Millisecond).Milliseconds()))
		}
	}
	for range rounds {
		for _, a := range ask {
			if taken[a] {
				continue
			}
			if _, err := unix.Write(fd, question(i.HardwareAddr, a)); err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ENOBUFS) {
				return nil, err
			}
			if err := hear(time.Now().Add(between)); err != nil {
				return nil, err
			}
		}
	}
	return taken, hear(time.Now().Add(grace))
}

// question is an ARP probe: from nobody, so that nobody remembers us under it.
func question(mac net.HardwareAddr, a netip.Addr) []byte {
	b := bytes.Repeat([]byte{0xff}, 6)
	b = append(append(b, mac...), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	b = append(append(b, mac...), 0, 0, 0, 0)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, a.AsSlice()...)
}

// about are the addresses that a frame shows to be somebody's: the sender's, and
// the one that another host is about to take.
func about(b []byte) []netip.Addr {
	if len(b) < 42 || !bytes.Equal(b[12:20], []byte{8, 6, 0, 1, 8, 0, 6, 4}) {
		return nil
	}
	sender, target := netip.AddrFrom4([4]byte(b[28:32])), netip.AddrFrom4([4]byte(b[38:42]))
	if sender.IsUnspecified() {
		return []netip.Addr{target}
	}
	return []netip.Addr{sender}
}
