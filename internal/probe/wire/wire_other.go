//go:build !linux

package wire

import (
	"net/netip"
	"time"

	"hoshi/internal/probe"
)

// Wire is the way for raw packets to the target. On this system there is none.
type Wire struct{ _ struct{} }

// Open returns ErrNotAllowed.
func Open(*probe.Net, probe.Senders) (*Wire, error) { return nil, ErrNotAllowed }

// Close closes the sockets.
func (*Wire) Close() error { return nil }

// Target is the one address.
func (*Wire) Target() netip.Addr { return netip.Addr{} }

// Local is the source address that the system uses towards the target.
func (*Wire) Local() netip.Addr { return netip.Addr{} }

// Reserve takes ports to send from.
func (*Wire) Reserve(string, int) ([]uint16, error) { return nil, ErrNotAllowed }

// SYN asks a TCP port.
func (*Wire) SYN(netip.AddrPort, uint16, uint32, *uint32) error { return ErrNotAllowed }

// UDP sends a datagram.
func (*Wire) UDP(netip.AddrPort, uint16, []byte) error { return ErrNotAllowed }

// Receive waits for packets.
func (*Wire) Receive(time.Time, func(Packet)) (int, error) { return 0, ErrNotAllowed }
