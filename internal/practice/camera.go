package practice

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options are what a camera takes from outside.
type Options struct {
	Flaws []string   // ids of flaws.yaml that are switched on
	Addr  netip.Addr // where it listens
	// RealPorts makes port 80 port 80, 443 443 and so on. Otherwise the system
	// chooses high ports.
	RealPorts bool
	Now       func() time.Time
	Rand      io.Reader
}

// Camera is a running practice device.
type Camera struct {
	Ports    Ports
	Password string // of the account "admin"; unique to this camera unless flawed

	o     Options
	guard *guard
	stop  []func()
	wg    sync.WaitGroup
	once  sync.Once
}

// Ports are the ports on which a camera listens; 0 = it does not.
type Ports struct{ HTTP, HTTPS, SSH, Telnet, Debug, CoAP int }

// TCP lists the open TCP ports, ascending.
func (p Ports) TCP() []int {
	var out []int
	for _, n := range []int{p.HTTP, p.HTTPS, p.SSH, p.Telnet, p.Debug} {
		if n > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// realPorts are the ports of a camera with a network of its own.
var realPorts = Ports{HTTP: 80, HTTPS: 443, SSH: 22, Telnet: 23, Debug: 48101, CoAP: 5683}

// Start starts a camera. Close stops it.
func Start(o Options) (*Camera, error) {
	c := &Camera{o: o, guard: &guard{now: o.Now, accounts: map[string]*account{}}}
	c.guard.unlimited = c.has("unlimited-sign-in")
	b := make([]byte, 10)
	if _, err := io.ReadFull(o.Rand, b); err != nil {
		return nil, err
	}
	c.Password = strings.ToLower(base32.StdEncoding.EncodeToString(b))
	if c.has("common-password") {
		c.Password = "admin"
	}
	if err := c.listen(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Camera) has(flaw string) bool { return slices.Contains(c.o.Flaws, flaw) }

// Close stops the camera and waits until nothing of it runs.
func (c *Camera) Close() {
	c.once.Do(func() {
		for _, f := range slices.Backward(c.stop) {
			f()
		}
		c.wg.Wait()
	})
}

func (c *Camera) listen() error {
	conf, err := c.tlsConfig()
	if err != nil {
		return err
	}
	if c.Ports.HTTPS, err = c.tcp(realPorts.HTTPS, func(l net.Listener) {
		c.web(tls.NewListener(l, conf), c.pages(true))
	}); err != nil {
		return err
	}
	plain := http.Handler(http.HandlerFunc(c.redirect))
	if c.has("plain-http") {
		plain = c.pages(false)
	}
	if c.Ports.HTTP, err = c.tcp(realPorts.HTTP, func(l net.Listener) { c.web(l, plain) }); err != nil {
		return err
	}
	host, err := c.sshConfig()
	if err != nil {
		return err
	}
	if c.Ports.SSH, err = c.tcp(realPorts.SSH, c.each(func(n net.Conn) {
		if _, _, _, err := ssh.NewServerConn(n, host); err == nil {
			return // nobody has a key that is let in
		}
	})); err != nil {
		return err
	}
	if c.has("telnet") {
		if c.Ports.Telnet, err = c.tcp(realPorts.Telnet, c.each(c.telnet)); err != nil {
			return err
		}
	}
	if c.has("debug-port") {
		if c.Ports.Debug, err = c.tcp(realPorts.Debug, c.each(debug)); err != nil {
			return err
		}
	}
	if c.has("udp-service") {
		return c.coap()
	}
	return nil
}

// tcp listens on a port and serves it until the camera stops.
func (c *Camera) tcp(port int, serve func(net.Listener)) (int, error) {
	if !c.o.RealPorts {
		port = 0
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(c.o.Addr, uint16(port)).String())
	if err != nil {
		return 0, err
	}
	c.stop = append(c.stop, func() { _ = l.Close() })
	c.wg.Go(func() { serve(l) })
	return l.Addr().(*net.TCPAddr).Port, nil
}

// each serves connections side by side, each within a time limit.
func (c *Camera) each(serve func(net.Conn)) func(net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = append(c.stop, cancel)
	return func(l net.Listener) {
		for {
			n, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			c.wg.Go(func() {
				defer n.Close()
				defer context.AfterFunc(ctx, func() { _ = n.Close() })()
				_ = n.SetDeadline(time.Now().Add(30 * time.Second))
				serve(n)
			})
		}
	}
}

func (c *Camera) web(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadTimeout: 20 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	<-done
	_ = s.Close()
}

func (c *Camera) redirect(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if c.Ports.HTTPS != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(c.Ports.HTTPS))
	}
	http.Redirect(w, r, "https://"+host+"/", http.StatusMovedPermanently)
}

func (c *Camera) tlsConfig() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), c.o.Rand)
	if err != nil {
		return nil, err
	}
	now := c.o.Now()
	tpl := &x509.Certificate{SerialNumber: big.NewInt(now.Unix()), Subject: pkix.Name{CommonName: "practice-camera"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), DNSNames: []string{"practice-camera.local"}}
	der, err := x509.CreateCertificate(c.o.Rand, tpl, tpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
		NextProtos:   []string{"http/1.1"},
	}
	if c.has("old-tls") {
		conf.MinVersion = tls.VersionTLS10
		conf.CipherSuites = append(conf.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)
	}
	return conf, nil
}

// sshConfig lets in the holders of the vendor's maintenance keys: nobody here.
func (c *Camera) sshConfig() (*ssh.ServerConfig, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(c.o.Rand, seed); err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return nil, err
	}
	conf := &ssh.ServerConfig{ServerVersion: "SSH-2.0-practice", PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, errors.New("unknown key")
	}}
	conf.AddHostKey(signer)
	return conf, nil
}

// coap answers every datagram as a CoAP server that lists its resources.
func (c *Camera) coap() error {
	p, err := net.ListenPacket("udp", netip.AddrPortFrom(c.o.Addr, uint16(realPorts.CoAP)).String())
	if err != nil {
		return err
	}
	c.Ports.CoAP = realPorts.CoAP
	c.stop = append(c.stop, func() { _ = p.Close() })
	c.wg.Go(func() {
		b := make([]byte, 2048)
		for {
			n, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 4 {
				continue
			}
			answer := append([]byte{0x60, 0x45, b[2], b[3], 0xff}, "</status>;rt=\"practice\""...)
			_, _ = p.WriteTo(answer, from)
		}
	})
	return nil
}

// debug is a console for developers that somebody forgot.
func debug(n net.Conn) {
	_, _ = io.WriteString(n, "READY\r\n")
	_, _ = io.CopyN(io.Discard, n, 1024)
}
