package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
)

// Open connects to a TCP port of the device, inside TLS when secure. Certificates
// are not checked and old versions are accepted: the device under test is not a
// peer to trust. An error of connecting, as opposed to one of the TLS handshake,
// is marked with ErrNoConnection.
func (t *Target) Open(ctx context.Context, port int, secure bool) (net.Conn, error) {
	c, err := t.Net.TCP(ctx, port, t.Pace.Exchange)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoConnection, err)
	}
	if !secure {
		return c, nil
	}
	tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, CipherSuites: anySuite})
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Exchange)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return tc, nil
}

// Host is what a client calls a port of the device, as in the Host header.
func (t *Target) Host(port int, secure bool) string {
	h := t.Addr.Unmap().WithZone("").String() // a zone means nothing to the device
	if t.Addr.Is6() && !t.Addr.Is4In6() {
		h = "[" + h + "]"
	}
	if secure && port == 443 || !secure && port == 80 {
		return h
	}
	return h + ":" + strconv.Itoa(port)
}

var anySuite = func() []uint16 {
	var out []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		out = append(out, s.ID)
	}
	return out
}()
