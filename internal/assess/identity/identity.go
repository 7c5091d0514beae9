// Package identity tells whether the device at an address is still the one that
// a run began with: by its hardware address, its TLS and SSH keys, and how long
// it says it has been up.
package identity

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"hoshi/internal/assess/link"
	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// The kinds of marks.
const (
	Way = "way" // how the address is reached: "link" or "route"
	MAC = "mac"
	TLS = "tls"
	SSH = "ssh"
)

// Mark is one thing by which a device is known.
type Mark struct {
	Kind  string
	Port  string // "tcp/443"; "" for the hardware address
	Value string // hardware address, or SHA-256 of the key in base64
}

// Answer is what a comparison of marks gives.
type Answer string

// The answers.
const (
	Same    Answer = "same"
	Renewed Answer = "renewed" // the same device with a key of its own changed
	Another Answer = "another"
	Unknown Answer = "unknown" // nothing could be compared
)

// Compare tells whether the marks of two moments are of one device. The hardware
// address decides where both have it. Keys decide elsewhere: a device may renew
// one of them, but not all at once without being taken for another.
func Compare(before, now []Mark) Answer {
	var same, changed int
	for _, b := range before {
		for _, n := range now {
			switch {
			case b.Kind != n.Kind || b.Port != n.Port:
			case (b.Kind == MAC || b.Kind == Way) && b.Value != n.Value:
				return Another
			case b.Kind == Way:
			case b.Value == n.Value:
				same++
			default:
				changed++
			}
		}
	}
	switch {
	case same+changed == 0:
		return Unknown
	case same == 0:
		return Another
	case changed > 0:
		return Renewed
	}
	return Same
}

// Reached tells whether the address is on a link of this host or behind a router.
// A host that was moved to another network would otherwise ask a stranger there.
func Reached(a netip.Addr) Mark {
	m := Mark{Kind: Way, Value: "route"}
	if link.On(a) {
		m.Value = "link"
	}
	return m
}

// Hardware returns the hardware address behind the address as this host knows it
// now. Nothing is sent.
func Hardware(a netip.Addr) (Mark, bool) {
	m, ok := link.MAC(a)
	return Mark{Kind: MAC, Value: m.String()}, ok
}

// maxKeys bounds how many ports of each kind are asked for their key.
const maxKeys = 2

// Keys asks the device for the keys of its first TLS and SSH ports, as the facts
// name them. A port that does not answer gives no mark.
func Keys(ctx context.Context, t *probe.Target) []Mark {
	var out []Mark
	secure, shell := 0, 0
	for _, f := range t.Facts.Named("service.protocol") {
		p := probe.PortNumber(f.Subject)
		if f.Origin != fact.Observed || p == 0 || f.Subject != probe.TCP(p) || ctx.Err() != nil {
			continue
		}
		var key string
		kind := TLS
		switch {
		case probe.Bool(f.Value, "tls") && secure < maxKeys:
			secure++
			key = tlsKey(ctx, t.Net, p)
		case probe.Str(f.Value, "protocol") == "ssh" && shell < maxKeys:
			shell++
			kind, key = SSH, sshKey(ctx, t.Net, p)
		}
		if key != "" {
			out = append(out, Mark{Kind: kind, Port: f.Subject, Value: key})
		}
	}
	return out
}

const wait = 4 * time.Second

func open(ctx context.Context, n *probe.Net, port int) (net.Conn, func(), error) {
	c, err := n.TCP(ctx, port, wait)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(wait))
	return c, func() { stop(); _ = c.Close() }, nil
}

func tlsKey(ctx context.Context, n *probe.Net, port int) string {
	c, end, err := open(ctx, n, port)
	if err != nil {
		return ""
	}
	defer end()
	// The certificate is looked at, never trusted.
	s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS13})
	_ = s.Handshake() // a device that wants a client certificate has shown its own by then
	certs := s.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return ""
	}
	return digest(certs[0].RawSubjectPublicKeyInfo)
}

var errSeen = errors.New("identity: seen")

func sshKey(ctx context.Context, n *probe.Net, port int) string {
	c, end, err := open(ctx, n, port)
	if err != nil {
		return ""
	}
	defer end()
	var key []byte
	conf := &ssh.ClientConfig{User: "hoshi", Timeout: wait, HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
		key = k.Marshal()
		return errSeen
	}}
	_, _, _, _ = ssh.NewClientConn(c, "device", conf) // always ends with errSeen or before
	if key == nil {
		return ""
	}
	return digest(key)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawStdEncoding.EncodeToString(sum[:])
}

// sysUpTime asks for 1.3.6.1.2.1.1.3.0 by SNMP version 2c, community "public".
var sysUpTime = []byte("\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x48\x6f\x73\x69\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x03\x00\x05\x00")

// Uptime asks the device how long it has been up; false when it does not say.
// Only a device whose SNMP agent was seen to answer anybody is asked.
func Uptime(ctx context.Context, t *probe.Target) (time.Duration, bool) {
	if _, ok := t.Facts.Get("udp.open", probe.UDP(161)); !ok {
		return 0, false
	}
	c, err := t.Net.UDP(ctx, 161, wait)
	if err != nil {
		return 0, false
	}
	defer c.Close()
	got, err := probe.Datagram(ctx, c, sysUpTime, cmp.Or(t.Pace.UDPWait, wait))
	if err != nil {
		return 0, false
	}
	return parseUptime(got)
}

// parseUptime reads the TimeTicks (hundredths of a second) that follow the OID.
func parseUptime(b []byte) (time.Duration, bool) {
	_, rest, ok := bytes.Cut(b, sysUpTime[len(sysUpTime)-12:len(sysUpTime)-2])
	if !ok || len(rest) < 3 || rest[0] != 0x43 || rest[1] < 1 || rest[1] > 5 || int(rest[1]) > len(rest)-2 {
		return 0, false
	}
	ticks := uint64(0)
	for _, x := range rest[2 : 2+rest[1]] {
		ticks = ticks<<8 | uint64(x)
	}
	return time.Duration(ticks) * 10 * time.Millisecond, ticks < 1<<32
}
