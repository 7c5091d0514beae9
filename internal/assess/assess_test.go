package assess

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/stranger"
)

const product = `format: hoshi-product/1
product:
  name: {ja: 見本, en: Sample}
  vendor: {ja: 見本製作所, en: Sample Works}
  models: [S-1]
  firmware: "1"
accounts:
  - {user: admin, port: tcp/80, initial: unique-per-device, changeable: true}
ports:
  - {port: tcp/80, service: http, reason: 設定画面}
assets:
  - {id: wifi, kind: communication-settings, name: 設定, stored: 本体, paths: [settings]}
paths:
  - {id: settings, port: tcp/80, url: /settings, protection: none}
updates: []
interfaces: []
`

func options(t *testing.T, address string, dial probe.DialFunc) Options {
	t.Helper()
	e, err := criteria.Builtin(DefaultEdition)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Address: address, ProductFile: "product.yaml", Product: []byte(product), Edition: e, Tool: "hoshi test", Consents: []probe.Consent{probe.ConsentSignIn},
		Pace: probe.Pace{Name: "test", TCPStart: 20000, TCPWorkers: 4096, TCPWait: 50 * time.Millisecond, TCPTries: 5, TCPFew: 3, Down: 20 * time.Millisecond, UDPWait: time.Millisecond, UDPTries: 1,
			Banner: 5 * time.Millisecond, Exchange: 20 * time.Millisecond, Budget: time.Second, SignIns: 4, SignIn: time.Second, Hold: 20 * time.Millisecond},
		Now: time.Now, Rand: rand.Reader, Dial: dial}
}

// patient gives the questions as much time as a busy machine needs: for devices that
// always answer.
func patient(o Options) Options {
	o.Pace.Exchange, o.Pace.Budget, o.Pace.SignIn = 10*time.Second, time.Minute, time.Minute
	return o
}

func TestResolve(t *testing.T) {
	names := map[string][]string{
		"camera.local": {"192.168.1.20"},
		"both.local":   {"192.168.1.20", "fd00::20"},
		"same.local":   {"192.168.1.20", "::ffff:192.168.1.20"},
		"example.jp":   {"203.0.113.9"},
	}
	lookup := func(_ context.Context, name string) ([]netip.Addr, error) {
		var out []netip.Addr
		for _, a := range names[name] {
			out = append(out, netip.MustParseAddr(a))
		}
		if out == nil {
			return nil, errors.New("no such host")
		}
		return out, nil
	}
	cases := []struct {
		text   string
		public bool
		want   string // address or message key
	}{
		{"192.168.1.20", false, "192.168.1.20"},
		{" 10.0.0.1 ", false, "10.0.0.1"},
		{"127.0.0.1", false, "127.0.0.1"},
		{"169.254.3.4", false, "169.254.3.4"},
		{"fd00::1", false, "fd00::1"},
		{"[fd00::1]", false, "fd00::1"},
		{"fe80::1%eth0", false, "fe80::1%eth0"},
		{"::ffff:192.168.1.20", false, "192.168.1.20"},
		{"camera.local", false, "192.168.1.20"},
		{"same.local", false, "192.168.1.20"},
		{"both.local", false, "assess.several"},
		{"nobody.local", false, "assess.unknown"},
		{"192.168.1.0/24", false, "assess.range"},
		{"192.168.1.1-9", false, "assess.range"},
		{"192.168.1.*", false, "assess.range"},
		{"192.168.1.1,192.168.1.2", false, "assess.range"},
		{"192.168.1.1 192.168.1.2", false, "assess.address"},
		{"192.168.1.1:80", false, "assess.address"},
		{"", false, "assess.address"},
		{"0.0.0.0", true, "assess.kind"},
		{"::", true, "assess.kind"},
		{"224.0.0.251", true, "assess.kind"},
		{"ff02::1", true, "assess.kind"},
		{"255.255.255.255", true, "assess.kind"},
		{"203.0.113.9", false, "assess.public"},
		{"2001:4860::1", false, "assess.public"},
		{"example.jp", false, "assess.public"},
		{"203.0.113.9", true, "203.0.113.9"},
	}
	for _, c := range cases {
		a, err := Resolve(t.Context(), c.text, lookup, c.public)
		got := a.String()
		if fe, ok := errors.AsType[*fault.Error](err); ok {
			got = fe.Key
		}
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.text, got, c.want)
		}
	}
}

// web is a device with one HTTP port, which stops hearing after so many
// connections; below zero it never does.
type web struct {
	left  atomic.Int64
	reply string
}

func (w *web) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ap := netip.MustParseAddrPort(address)
	if w.left.Load() == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if network != "tcp" || ap.Port() != 80 {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	w.left.Add(-1)
	a, b := net.Pipe()
	go func() {
		defer b.Close()
		buf := make([]byte, 4096)
		if n, err := b.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "G") {
			return
		}
		_, _ = b.Write([]byte(w.reply))
	}()
	return conn{a, net.TCPAddrFromAddrPort(ap)}, nil
}

type conn struct {
	net.Conn
	far net.Addr
}

func (c conn) RemoteAddr() net.Addr { return c.far }

func outcome(t *testing.T, run *evidence.Run, id string) criteria.Outcome {
	t.Helper()
	i := slices.IndexFunc(run.Verdicts, func(v criteria.Verdict) bool { return v.Criterion == id })
	if i < 0 {
		t.Fatalf("no verdict for %s", id)
	}
	return run.Verdicts[i].Outcome
}

// A device that falls silent at any moment: the run ends by itself, and a
// criterion that needs what was missed is undecided, never conforming.
func TestDeviceFallsSilent(t *testing.T) {
	for _, left := range []int64{0, 1, 2, 4, 5, 7} {
		w := &web{reply: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"}
		w.left.Store(left)
		run, err := Run(t.Context(), options(t, "192.168.77.7", w.dial))
		if err != nil {
			t.Fatalf("after %d connections: %v", left, err)
		}
		stranger.Keep(t, run)
		for _, id := range []string{"S1.1-02", "S1.1-04"} {
			if o := outcome(t, run, id); o == criteria.Conforms || o == criteria.NotApplicable {
				t.Errorf("after %d connections: %s %s", left, id, o)
			}
		}
		if left == 0 {
			f, ok := run.Facts.Get("tcp.coverage", "")
			if !ok || probe.Int(f.Value, "undecided") != 65535 {
				t.Errorf("nobody answered, but coverage is %v", f.Value)
			}
		}
	}
}

// Reading a declared path without a sign-in is seen, and what is read is kept.
func TestAnonymousReading(t *testing.T) {
	w := &web{reply: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nssid=home"}
	w.left.Store(-1)
	run, err := Run(t.Context(), patient(options(t, "192.168.77.7", w.dial)))
	if err != nil {
		t.Fatal(err)
	}
	stranger.Keep(t, run)
	if o := outcome(t, run, "S1.1-01"); o != criteria.DoesNotConform {
		t.Errorf("S1.1-01: %s", o)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &web{}
	w.left.Store(-1)
	o := options(t, "192.168.77.7", w.dial)
	o.Progress = func(e Event) {
		if e.Probe == "service" {
			cancel()
		}
	}
	if _, err := Run(ctx, o); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

// Without consent no sign-in is tried, and the criteria that need it stay undecided.
func TestNoConsent(t *testing.T) {
	w := &web{reply: "HTTP/1.1 200 OK\r\n\r\n<form method=post><input name=u><input type=password name=p></form>"}
	w.left.Store(-1)
	o := options(t, "192.168.77.7", w.dial)
	o.Consents = nil
	run, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	stranger.Keep(t, run)
	if len(run.Facts.Named("signin.interface")) != 1 {
		t.Error("the form was not found")
	}
	for _, r := range run.Transcripts["signin"] {
		if r.Event == "attempt" {
			t.Error("a sign-in was tried without consent")
		}
	}
	if o := outcome(t, run, "S1.1-04"); o != criteria.Undecided {
		t.Errorf("S1.1-04: %s", o)
	}
}

// A secret is read from where the declaration points, or the run does not start.
func TestSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte("hunter22\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SAMPLE_PW", "from-env")
	for ref, want := range map[string]string{"{file: " + file + "}": "hunter22", "{env: SAMPLE_PW}": "from-env", "{env: SAMPLE_ABSENT}": ""} {
		o := options(t, "192.168.77.7", nil)
		o.Product = []byte(strings.Replace(product, "changeable: true", "changeable: true, secret: "+ref, 1))
		plan, err := Prepare(t.Context(), o)
		switch {
		case want == "" && !fault.Is(err, fault.Invalid):
			t.Errorf("%s: %v", ref, err)
		case want != "" && (err != nil || plan.accounts[0].Secret != want):
			t.Errorf("%s: %v", ref, err)
		}
	}
}
