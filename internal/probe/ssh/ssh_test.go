package ssh

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	return listen(t, func(c net.Conn) { _, _, _, _ = ssh.NewServerConn(c, conf) })
}

// listen serves each connection on a port of loopback.
func listen(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
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
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// The methods that a server offers are seen without a password being tried.
func TestMethods(t *testing.T) {
	for want, password := range map[string]bool{"publickey": false, "password,publickey": true} {
		port := server(t, password)
		addr := netip.MustParseAddr("127.0.0.1")
		target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: probe.Practice()}
		target.Facts = append(target.Facts, probe.Observed("service.protocol", probe.TCP(port), map[string]any{"protocol": "ssh"}))
		rec := probe.NewRecorder(time.Now, nil)
		if err := run(t.Context(), target, rec); err != nil {
			t.Fatal(err)
		}
		rs := rec.Records(name)
		last := rs[len(rs)-1]
		if last.Event != "methods" || last.Detail != want || string(last.Recv) != "SSH-2.0-box" || last.Error != "" {
			t.Errorf("want %s, got %+v", want, rs)
		}
		if s := parse(rs).Named("signin.interface"); len(s) != 1 || s[0].Subject != probe.TCP(port)+" ssh" {
			t.Errorf("%v", s)
		}
	}
}

// A server that hangs up before it can be asked has a sign-in all the same.
func TestMissed(t *testing.T) {
	if s := parse([]probe.Record{{Event: "methods", Port: "tcp/22", Error: "timeout"}}); len(s.Named("signin.interface")) != 1 {
		t.Errorf("%v", s)
	}
}

// Algorithms and host keys of a real server with keys of three kinds.
func TestDropbear(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-F", "-E", "-m"}
	for kind, size := range map[string]string{"rsa": "1024", "ecdsa": "384", "ed25519": ""} {
		key := filepath.Join(dir, kind)
		a := []string{"-t", kind, "-f", key}
		if size != "" {
			a = append(a, "-s", size)
		}
		if out, err := exec.Command("dropbearkey", a...).CombinedOutput(); err != nil {
			t.Fatalf("dropbearkey %v: %v\n%s", a, err, out)
		}
		args = append(args, "-r", key)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	cmd := exec.Command("/usr/sbin/dropbear", append(args, "-p", fmt.Sprintf("127.0.0.1:%d", port), "-P", filepath.Join(dir, "pid"))...)
	if err := cmd.Start(); err != nil {
		t.Fatal("dropbear is needed:", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr := netip.MustParseAddr("127.0.0.1")
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", netip.AddrPortFrom(addr, uint16(port)).String())
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(end) || !probe.Wait(t.Context(), 20*time.Millisecond) {
			t.Fatal("dropbear does not listen")
		}
	}
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: probe.Practice()}
	target.Facts = append(target.Facts, probe.Observed("service.protocol", probe.TCP(port), map[string]any{"protocol": "ssh"}))
	rec := probe.NewRecorder(time.Now, nil)
	if err := run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	s := parse(rec.Records(name))
	a, ok := s.Get("ssh.algorithm", probe.TCP(port))
	if !ok {
		t.Fatal("no algorithms")
	}
	for _, k := range []string{"kex", "hostKey", "cipher", "mac"} {
		if n := len(a.Value.(map[string]any)[k].([]any)); n == 0 {
			t.Errorf("no %s", k)
		}
	}
	k, _ := s.Get("ssh.hostkey", probe.TCP(port))
	got := map[string]int64{}
	for _, x := range k.Value.(map[string]any)["keys"].([]any) {
		got[probe.Str(x, "key")] = probe.Int(x, "bits")
	}
	if d := cmp.Diff(map[string]int64{"rsa": 1024, "ecdsa": 384, "ed25519": 256}, got); d != "" || !probe.Bool(k.Value, "complete") {
		t.Errorf("host keys (-want +got):\n%s", d)
	}
}

func FuzzOffer(f *testing.F) {
	f.Add([]byte("welcome\r\nSSH-2.0-x\r\n\x00\x00\x00\x16\x04\x14"), []byte("\x00\x00\x00\x07ssh-rsa\x00\x00\x00\x01\x03\x00\x00\x00\x01\x7f"))
	f.Fuzz(func(t *testing.T, b, key []byte) {
		if o, whole := parseOffer(b); !whole && o.kex != nil {
			t.Error("half an offer")
		}
		keyFact(key)
	})
}
