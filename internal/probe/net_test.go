package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The dialer reaches the one address and refuses every other, before and after
// a name was resolved.
func TestOnlyTheGivenAddress(t *testing.T) {
	asked := ""
	n := NewNet(netip.MustParseAddr("192.0.2.7"), func(_ context.Context, _, address string) (net.Conn, error) {
		asked = address
		return nil, errors.New("no network here")
	})
	for _, a := range []string{"192.0.2.8:80", "127.0.0.1:80", "[2001:db8::1]:80", "localhost:80", "192.0.2.7", "192.0.2.7:http", ""} {
		if _, err := n.DialContext(t.Context(), "tcp", a); !errors.Is(err, ErrElsewhere) || asked != "" {
			t.Errorf("%q: %v, asked %q", a, err, asked)
		}
	}
	if _, err := n.DialContext(t.Context(), "unix", "192.0.2.7:80"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("another kind of network: %v", err)
	}
	if _, err := n.TCP(t.Context(), 80, time.Second); errors.Is(err, ErrElsewhere) || asked != "192.0.2.7:80" {
		t.Errorf("the target itself: %v, asked %q", err, asked)
	}
}

// The system's dialer checks the address of the socket itself.
func TestSocketIsChecked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := NewNet(netip.MustParseAddr("127.0.0.2"), nil)
	if _, err := n.dial(t.Context(), "tcp", l.Addr().String()); !errors.Is(err, ErrElsewhere) {
		t.Errorf("a socket to another address was opened: %v", err)
	}
}

// A datagram of another sender is not taken for an answer.
func TestPacketsOfOthersAreDropped(t *testing.T) {
	p, err := NewNet(netip.MustParseAddr("127.0.0.2"), nil).Packets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	port := p.c.LocalAddr().(*net.UDPAddr).Port
	send := func(from, text string) {
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, &net.UDPAddr{IP: net.ParseIP("127.0.0.1"), Port: port})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	send("127.0.0.3", "stranger")
	send("127.0.0.2", "device")
	got, err := p.Receive(2 * time.Second)
	if err != nil || string(got) != "device" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Exchange ends with its time even when the other side never stops or never speaks.
func TestExchangeIsBounded(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	go func() {
		for {
			if _, err := b.Write([]byte(strings.Repeat("x", 1000))); err != nil {
				return
			}
		}
	}()
	got, err := Exchange(t.Context(), a, nil, 5000, time.Second, nil)
	if len(got) != 5000 || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	c, d := net.Pipe()
	defer c.Close()
	defer d.Close()
	if _, err := Exchange(t.Context(), c, nil, 10, time.Millisecond, nil); Word(err) != "timeout" {
		t.Errorf("silence: %v", err)
	}
}

// A second source address reaches the same device, and nothing else.
func TestSecondSource(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n := NewNet(netip.MustParseAddr("127.0.0.1"), nil).Second()
	if n == nil {
		t.Fatal("no second address on loopback")
	}
	c, err := n.TCP(t.Context(), l.Addr().(*net.TCPAddr).Port, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if a := c.LocalAddr().(*net.TCPAddr).IP.String(); a == "127.0.0.1" {
		t.Errorf("the source is %s", a)
	}
	if _, err := n.DialContext(t.Context(), "tcp", "127.0.0.9:9"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("another address: %v", err)
	}
	if NewNet(n.Addr(), n.dial).Second() != nil {
		t.Error("a network given from outside has no second source")
	}
}
