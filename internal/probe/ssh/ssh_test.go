package ssh

import (
	"crypto/ed25519"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"hoshi/internal/probe"
)

func server(t *testing.T, password bool) int {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	conf := &ssh.ServerConfig{ServerVersion: "SSH-2.0-box", PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, errors.New("no")
	}}
	if password {
		conf.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, errors.New("no") }
	}
	conf.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _, _, _ = ssh.NewServerConn(c, conf)
			_ = c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// The methods that a server offers are seen without a password being tried.
func TestMethods(t *testing.T) {
	for want, password := range map[string]bool{"publickey": false, "password,publickey": true} {
		port := server(t, password)
		addr := netip.MustParseAddr("127.0.0.1")
		target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: probe.Fast()}
		target.Facts = append(target.Facts, probe.Observed("service.protocol", probe.TCP(port), map[string]any{"protocol": "ssh"}))
		rec := probe.NewRecorder(time.Now, nil)
		if err := run(t.Context(), target, rec); err != nil {
			t.Fatal(err)
		}
		rs := rec.Records(name)
		if len(rs) != 1 || rs[0].Detail != want || string(rs[0].Recv) != "SSH-2.0-box" || rs[0].Error != "" {
			t.Errorf("want %s, got %+v", want, rs)
		}
		if s := Parse(rs); len(s) != 1 || s[0].Subject != probe.TCP(port)+" ssh" {
			t.Errorf("%v", s)
		}
	}
}

// A server that hangs up before it can be asked gives no fact.
func TestMissed(t *testing.T) {
	if s := Parse([]probe.Record{{Event: "methods", Port: "tcp/22", Error: "timeout"}}); len(s) != 0 {
		t.Errorf("%v", s)
	}
}
