// Package daemon starts real services of Debian packages for tests, on loopback
// and on ports that are free. A service that is missing fails the test, with the
// package's name in tools/testdeps.
package daemon

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Addr is where all services listen.
const Addr = "127.0.0.1"

// Port returns a TCP and UDP port that is free at present.
func Port(t testing.TB) int {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", Addr+":0")
		if err != nil {
			t.Fatal(err)
		}
		p := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if u, err := net.ListenPacket("udp", fmt.Sprintf("%s:%d", Addr, p)); err == nil {
			_ = u.Close()
			return p
		}
	}
	t.Fatal("no free port")
	return 0
}

// Start runs a service and waits until its TCP port accepts connections. command
// gets a folder of its own and the port. The service ends with the test.
func Start(t testing.TB, command func(dir string, port int) []string) int {
	t.Helper()
	port := Port(t)
	return StartAt(t, port, command(t.TempDir(), port))
}

// StartAt runs a command that is to listen on the TCP port.
func StartAt(t testing.TB, port int, args []string) int {
	t.Helper()
	out, over := run(t, args)
	wait(t, args[0], out, over, func() bool {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", Addr, port), time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return port
}

// output collects what a service prints.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func run(t testing.TB, args []string) (*output, <-chan struct{}) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	o := &output{}
	cmd.Stdout, cmd.Stderr = o, o
	cmd.WaitDelay = time.Second
	own(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed, see tools/testdeps: %v", args[0], err)
	}
	over := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(over)
	}()
	t.Cleanup(func() {
		end(cmd)
		<-over
	})
	return o, over
}

func wait(t testing.TB, what string, out *output, over <-chan struct{}, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if ready() {
			return
		}
		select {
		case <-over:
			t.Fatalf("%s ended: %s", what, out)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not listen: %s", what, out)
}

// Write makes a file and returns its path.
func Write(t testing.TB, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return p
}

// Command runs a command to its end.
func Command(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Certificate makes a self-signed certificate and returns the paths of it and its key.
func Certificate(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	Command(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=box", "-keyout", key, "-out", cert)
	return cert, key
}
