package signer_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/cli"
	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/signer"
	"hoshi/internal/testkit/stranger"
)

// The test binary is also the real program, so that a test can kill a real process.
func TestMain(m *testing.M) {
	tests := stranger.Watch(m)
	if os.Getenv("HOSHI_TEST_MAIN") == "1" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], &cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
	}
	os.Exit(tests.Run())
}

// grown is a tree of leaves whose n-th is text(n).
type grown struct{ h ledger.Hashes }

func grow(t testing.TB, n int, text func(int) string) *grown {
	t.Helper()
	g := new(grown)
	for i := range n {
		if err := g.h.Append(int64(i), []byte(text(i))); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g *grown) at(t testing.TB, size int64) ledger.Tree {
	t.Helper()
	root, err := tlog.TreeHash(size, g.h)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Tree{Size: size, Root: root}
}

func (g *grown) proof(t testing.TB, old, next int64) tlog.TreeProof {
	t.Helper()
	p, err := ledger.ProveConsistency(old, next, g.h)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func honest(i int) string { return fmt.Sprintf("leaf %d", i) }

func newCore(t *testing.T) (*signer.Core, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.json")
	if err := signer.CreateState(path, ledgertest.Origin, ledgertest.Key("log")); err != nil {
		t.Fatal(err)
	}
	c, err := signer.New(ledgertest.Origin, ledgertest.Key("log"), ledgertest.Key("status"), path, ledgertest.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, path
}

func key(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Key
	}
	return fmt.Sprint(err)
}

func TestSign(t *testing.T) {
	c, _ := newCore(t)
	ctx := t.Context()
	g := grow(t, 20, honest)
	fork := grow(t, 20, func(i int) string {
		if i == 3 {
			return "altered"
		}
		return honest(i)
	})
	empty := ledger.EmptyTree()
	first, err := c.Sign(ctx, empty, g.at(t, 5), nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ledger.LogVerifier(c.LogVKey())
	if err != nil {
		t.Fatal(err)
	}
	if cp, err := ledger.OpenCheckpoint(first, ledgertest.Origin, v); err != nil || cp.Tree != g.at(t, 5) {
		t.Errorf("signed %+v, %v", cp, err)
	}
	if again, err := c.Sign(ctx, empty, g.at(t, 5), nil); err != nil || string(again) != string(first) {
		t.Errorf("the same tree again = %q, %v", again, err)
	}
	for _, bad := range []struct {
		name      string
		old, next ledger.Tree
		proof     tlog.TreeProof
		key       string
	}{
		{"smaller", g.at(t, 5), g.at(t, 4), nil, "ledger.fork"},
		{"same size, other root", g.at(t, 5), fork.at(t, 5), nil, "ledger.fork"},
		{"empty", g.at(t, 5), empty, nil, "ledger.fork"},
		{"stale start", g.at(t, 4), g.at(t, 9), g.proof(t, 4, 9), "ledger.signer.moved"},
		{"from nothing", empty, g.at(t, 9), nil, "ledger.signer.moved"},
		{"fork", g.at(t, 5), fork.at(t, 9), fork.proof(t, 5, 9), "ledger.fork"},
		{"no proof", g.at(t, 5), g.at(t, 9), nil, "ledger.fork"},
		{"other proof", g.at(t, 5), g.at(t, 9), g.proof(t, 4, 9), "ledger.fork"},
	} {
		if msg, err := c.Sign(ctx, bad.old, bad.next, bad.proof); key(err) != bad.key || !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %q, %v; want %s", bad.name, msg, err, bad.key)
		}
	}
	if last, err := c.Last(ctx); err != nil || last != g.at(t, 5) {
		t.Errorf("refusals moved the signer to %v, %v", last, err)
	}
	if _, err := c.Sign(ctx, g.at(t, 5), g.at(t, 9), g.proof(t, 5, 9)); err != nil {
		t.Errorf("an honest extension: %v", err)
	}
}

// When the state cannot be made durable, no signature leaves the process.
func TestSignNeedsADisk(t *testing.T) {
	c, path := newCore(t)
	g := grow(t, 3, honest)
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if msg, err := c.Sign(t.Context(), ledger.EmptyTree(), g.at(t, 3), nil); key(err) != "ledger.signer.disk" {
		t.Errorf("Sign without a disk = %q, %v", msg, err)
	}
	if last, err := c.Last(t.Context()); err != nil || last.Size != 0 {
		t.Errorf("Last = %v, %v", last, err)
	}
}

func list(t *testing.T, asOf time.Time, tree int64) []byte {
	t.Helper()
	l, err := ledger.NewStatusList(4)
	if err != nil {
		t.Fatal(err)
	}
	l.Scheme, l.Origin, l.AsOf, l.Expires, l.Tree = "sample", ledgertest.Origin, asOf, asOf.Add(24*time.Hour), tree
	p, err := l.Payload()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSignStatus(t *testing.T) {
	c, path := newCore(t)
	ctx := t.Context()
	g := grow(t, 10, honest)
	if _, err := c.Sign(ctx, ledger.EmptyTree(), g.at(t, 10), nil); err != nil {
		t.Fatal(err)
	}
	now := ledgertest.Now()
	jws, err := c.SignStatus(ctx, list(t, now.Add(-time.Hour), 8))
	if err != nil {
		t.Fatal(err)
	}
	v, err := ledger.Keys{V: 1, Scheme: "sample", Origin: ledgertest.Origin, Log: c.LogVKey(), Status: c.StatusKey()}.Open()
	if err != nil {
		t.Fatal(err)
	}
	if l, _, err := v.OpenStatus(jws); err != nil || l.Tree != 8 {
		t.Errorf("OpenStatus = %+v, %v", l, err)
	}
	check := func(c *signer.Core) {
		t.Helper()
		for _, bad := range []struct {
			name    string
			payload []byte
			key     string
		}{
			{"earlier", list(t, now.Add(-2*time.Hour), 10), "ledger.status.back"},
			{"future", list(t, now.Add(2*time.Minute), 10), "ledger.status.future"},
			{"fewer leaves: an old backup", list(t, now, 7), "ledger.status.older"},
			{"leaves not signed", list(t, now, 11), "ledger.status.ahead"},
			{"not a list", []byte(`{"v":1}`), "ledger.status.bad"},
			{"not JSON", []byte("attack at dawn"), "ledger.status.bad"},
		} {
			if jws, err := c.SignStatus(ctx, bad.payload); key(err) != bad.key {
				t.Errorf("%s: %q, %v; want %s", bad.name, jws, err, bad.key)
			}
		}
	}
	check(c)
	// The memory is on the disk.
	c.Close()
	back, err := signer.New(ledgertest.Origin, ledgertest.Key("log"), ledgertest.Key("status"), path, ledgertest.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	check(back)
	if _, err := back.SignStatus(ctx, list(t, now, 10)); err != nil {
		t.Errorf("an honest list: %v", err)
	}
}

// A server that lies, or was given an old backup, cannot have a revoked label called
// valid again, nor a list that outlives every later revocation.
func TestSignStatusTakesNoEndBack(t *testing.T) {
	c, path := newCore(t)
	ctx := t.Context()
	if _, err := c.Sign(ctx, ledger.EmptyTree(), grow(t, 10, honest).at(t, 10), nil); err != nil {
		t.Fatal(err)
	}
	now := ledgertest.Now()
	payload := func(ttl time.Duration, all ...ledger.Status) []byte {
		t.Helper()
		l, err := ledger.NewStatusList(int64(len(all)))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range all {
			if err := l.Set(int64(i), s); err != nil {
				t.Fatal(err)
			}
		}
		l.Scheme, l.Origin, l.AsOf, l.Expires, l.Tree = "sample", ledgertest.Origin, now, now.Add(ttl), 9
		b, err := l.Payload()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const day = 24 * time.Hour
	if _, err := c.SignStatus(ctx, payload(day, ledger.Valid, ledger.Revoked, ledger.Withdrawn, ledger.Lapsed)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	c, err := signer.New(ledgertest.Origin, ledgertest.Key("log"), ledgertest.Key("status"), path, ledgertest.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, x := range map[string]struct {
		payload []byte
		key     string
	}{
		"un-revoked":   {payload(day, ledger.Valid, ledger.Valid, ledger.Withdrawn, ledger.Lapsed), "ledger.status.undone"},
		"un-withdrawn": {payload(day, ledger.Valid, ledger.Revoked, ledger.Valid, ledger.Lapsed), "ledger.status.undone"},
		"softened":     {payload(day, ledger.Valid, ledger.Withdrawn, ledger.Withdrawn, ledger.Lapsed), "ledger.status.undone"},
		"cut off":      {payload(day, ledger.Valid, ledger.Revoked), "ledger.status.undone"},
		"un-issued":    {payload(day, ledger.NeverIssued, ledger.Revoked, ledger.Withdrawn, ledger.Lapsed), "ledger.status.undone"},
		"for ever":     {payload(400*day, ledger.Valid, ledger.Revoked, ledger.Withdrawn, ledger.Lapsed), "ledger.status.long"},
	} {
		if _, err := c.SignStatus(ctx, x.payload); key(err) != x.key {
			t.Errorf("%s: %v, want %s", name, err, x.key)
		}
	}
	if _, err := c.SignStatus(ctx, payload(day, ledger.Suspended, ledger.Revoked, ledger.Revoked, ledger.Revoked, ledger.Valid)); err != nil {
		t.Errorf("an honest list: %v", err)
	}
}

func TestStateFile(t *testing.T) {
	c, path := newCore(t)
	open := func(path string) error {
		c, err := signer.New(ledgertest.Origin, ledgertest.Key("log"), ledgertest.Key("status"), path, ledgertest.Now)
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := open(path); key(err) != "ledger.signer.locked" {
		t.Errorf("a second signer on one state: %v", err)
	}
	if _, err := c.Sign(t.Context(), ledger.EmptyTree(), grow(t, 3, honest).at(t, 3), nil); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := signer.CreateState(path, ledgertest.Origin, ledgertest.Key("log")); key(err) != "ledger.signer.exists" {
		t.Errorf("CreateState over a state that signed: %v", err)
	}
	if err := open(path + ".gone"); key(err) != "ledger.signer.nostate" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no state: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cut":     string(b[:len(b)/2]),
		"altered": strings.Replace(string(b), `\n3\n`, `\n2\n`, 1),
		"empty":   "",
		"other":   strings.ReplaceAll(string(b), "log.sample.test", "log.other.test"),
	} {
		p := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(p); key(err) != "ledger.signer.badstate" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	k, s := filepath.Join(dir, "key.pem"), filepath.Join(dir, "state.json")
	keys, err := signer.Init(k, s, "log.example/a", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Init(k, s, "log.example/a", rand.Reader); key(err) != "ledger.key.exists" {
		t.Errorf("Init twice: %v", err)
	}
	st, err := os.Stat(k)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	back, err := signer.ReadKeys(k, "log", "status")
	if err != nil || !back["log"].Equal(keys["log"]) || !back["status"].Equal(keys["status"]) {
		t.Errorf("ReadKeys: %v", err)
	}
	if _, err := signer.ReadKeys(k, "witness"); key(err) != "ledger.key.file" {
		t.Errorf("a signer's file taken as a witness's: %v", err)
	}
	if err := os.Chmod(k, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Open(k, s, time.Now); key(err) != "ledger.key.mode" {
		t.Errorf("a key that others may read: %v", err)
	}
}

// Refusals keep their kind and sentence over the socket; the keys are not to be had.
func TestSocket(t *testing.T) {
	c, _ := newCore(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := signer.Listen(path, signer.OwnerOnly)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- signer.Serve(ctx, l, signer.Handler(c, slog.New(slog.DiscardHandler))) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v", st.Mode(), err)
	}
	cl := signer.Dial(path)
	origin, log, status, err := cl.Keys(ctx)
	if err != nil || origin != ledgertest.Origin || log != c.LogVKey() || status != c.StatusKey() {
		t.Errorf("Keys = %s, %s, %s, %v", origin, log, status, err)
	}
	g := grow(t, 400, honest)
	if _, err := cl.Sign(ctx, ledger.EmptyTree(), g.at(t, 300), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Sign(ctx, g.at(t, 300), g.at(t, 400), g.proof(t, 300, 400)); err != nil {
		t.Fatal(err)
	}
	_, err = cl.Sign(ctx, g.at(t, 300), g.at(t, 350), g.proof(t, 300, 350))
	if key(err) != "ledger.fork" || !fault.Is(err, fault.Conflict) {
		t.Errorf("a fork over the socket: %v", err)
	}
	if _, err := cl.SignStatus(ctx, list(t, ledgertest.Now(), 400)); err != nil {
		t.Errorf("SignStatus: %v", err)
	}
	if _, err := signer.Dial(path + ".gone").Last(ctx); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no signer: %v, want unavailable", err)
	}
}

// A file that is no socket is not removed to make room for one.
func TestListenKeepsFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := signer.Listen(path, signer.OwnerOnly); err == nil {
		l.Close()
		t.Error("Listen replaced a file")
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
