package demo_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hoshi/internal/cli"
	"hoshi/internal/demo"
	"hoshi/internal/fault"
	"hoshi/internal/testkit/stranger"
)

// TestMain lets this binary be the signer and the practice device, which the demo
// starts as processes of their own.
func TestMain(m *testing.M) {
	tests := stranger.Watch(m)
	if len(os.Args) > 1 && (os.Args[1] == "signer" || os.Args[1] == "practice") {
		os.Exit(cli.Main(context.Background(), os.Args[1:], &cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
	}
	os.Exit(tests.Run())
}

// stage is a demo that runs.
type stage struct {
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error

	mu   sync.Mutex
	said []string
}

// start runs the demo and returns once it has said the key.
func start(t *testing.T, dir, until string, fresh bool) *stage {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &stage{t: t, url: "http://" + addr, stop: stop, done: make(chan error, 1)}
	t.Cleanup(stop)
	heard := make(chan struct{})
	var once sync.Once
	go func() {
		s.done <- demo.Run(ctx, demo.Options{Dir: dir, Listen: addr, Fresh: fresh, Tool: "hoshi test", Getenv: os.Getenv, Now: time.Now, Rand: rand.Reader,
			Log: slog.New(slog.DiscardHandler), Say: func(key string, args ...any) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.said = append(s.said, fmt.Sprint(append([]any{key}, args...)...))
				if key == until {
					once.Do(func() { close(heard) })
				}
			}})
	}()
	select {
	case <-heard:
	case err := <-s.done:
		t.Fatalf("the demo ended: %v", err)
	case <-time.After(3 * time.Minute):
		t.Fatalf("the demo did not get to %s; it said %q", until, s.words())
	}
	return s
}

func (s *stage) words() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.said...)
}

// end stops the demo in order.
func (s *stage) end() {
	s.t.Helper()
	s.stop()
	if err := <-s.done; err != nil {
		s.t.Errorf("the demo did not end in order: %v", err)
	}
}

// as signs in with one click and returns what a page says.
func (s *stage) as(login, path string) string {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	r, err := c.PostForm(s.url+"/sign-in/demo", url.Values{"login": {login}})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = r.Body.Close() // only the cookie matters
	if r, err = c.Get(s.url + path); err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		s.t.Errorf("%s as %s: %d, %v", path, login, r.StatusCode, err)
	}
	return string(b)
}

// One run for all: a demo from nothing to its assessed devices, stopped, started
// again, and begun anew.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hoshi-demo")
	s := start(t, dir, "demo.device.done", false)
	said := strings.Join(s.words(), "\n")
	for _, want := range []string{"demo.ready", "demo.person", "demo.device.result", "camera-good.hoshi", "camera-bad.hoshi", "S1.1-02", "S1.1-13"} {
		if !strings.Contains(said, want) {
			t.Errorf("the demo did not say %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, "demo.device.failed") {
		t.Errorf("an assessment failed:\n%s", said)
	}
	if page := s.as("hoshino@hoshimi.example", "/portal/products"); !strings.Contains(page, "練習用ネットワークカメラ") {
		t.Error("the sample product is missing")
	}
	if page := s.as("aoki@aozora.example", "/portal/products"); strings.Contains(page, "練習用ネットワークカメラ") {
		t.Error("another vendor sees the sample product")
	}
	for _, login := range []string{"mita@mirai.example", "ichikawa@office.example", "futaba@office.example", "mikami@office.example", "mikami2@office.example"} {
		s.as(login, "/portal")
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "blobs")); err != nil {
		t.Error(err)
	}
	s.end()

	// The same folder goes on; the devices are not assessed again.
	s = start(t, dir, "demo.device.done", false)
	if again := strings.Join(s.words(), "\n"); strings.Contains(again, "demo.device.begin") {
		t.Errorf("assessed again:\n%s", again)
	}
	if page := s.as("hoshino@hoshimi.example", "/portal/products"); strings.Count(page, "/portal/products/") < 1 || !strings.Contains(page, "練習用ネットワークカメラ") {
		t.Error("the product is gone after a restart")
	}
	err := demo.Run(t.Context(), demo.Options{Dir: dir, Listen: "127.0.0.1:1", Fresh: true})
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("a second demo on the same folder: %v", err)
	}
	s.end()

	mark := filepath.Join(dir, "bundles", "left.txt")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir, "demo.ready", true)
	if _, err := os.Stat(mark); err == nil {
		t.Error("--fresh kept what was there")
	}
	s.end()
}

func TestDemoRefuses(t *testing.T) {
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		o    demo.Options
		key  string
	}{
		{"an address for everybody", demo.Options{Dir: t.TempDir(), Listen: "0.0.0.0:8480"}, "demo.loopback"},
		{"an address of the network", demo.Options{Dir: t.TempDir(), Listen: "192.0.2.1:8480"}, "demo.loopback"},
		{"somebody's folder", demo.Options{Dir: foreign, Listen: "127.0.0.1:8480", Fresh: true}, "demo.foreign"},
	} {
		if err := demo.Run(t.Context(), c.o); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s: %v, want %s", c.name, err, c.key)
		}
	}
	if _, err := os.Stat(filepath.Join(foreign, "thesis.txt")); err != nil {
		t.Error("a file that is not the demo's is gone")
	}
}
