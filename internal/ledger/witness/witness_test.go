package witness_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/witness"
)

const name = "witness.sample.test/w1"

func open(t *testing.T, path string) *witness.Core {
	t.Helper()
	vkey := ledger.LogVKey(ledgertest.Origin, ledgertest.Key("log").Public().(ed25519.PublicKey))
	c, err := witness.New(name, ledgertest.Key("witness"), path, []string{vkey}, ledgertest.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// history is a log that signs whatever it is told, honest or not.
type history struct {
	t      *testing.T
	hashes ledger.Hashes
}

func newHistory(t *testing.T, n int, text string) *history {
	h := &history{t: t}
	for i := range n {
		if err := h.hashes.Append(int64(i), fmt.Appendf(nil, "%s %d", text, i)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *history) checkpoint(size int64) []byte {
	h.t.Helper()
	root, err := tlog.TreeHash(size, h.hashes)
	if err != nil {
		h.t.Fatal(err)
	}
	return signed(h.t, ledgertest.Origin, "log", ledger.Checkpoint{Origin: ledgertest.Origin, Tree: ledger.Tree{Size: size, Root: root}}.Text())
}

func (h *history) proof(old, next int64) tlog.TreeProof {
	h.t.Helper()
	p, err := ledger.ProveConsistency(old, next, h.hashes)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func signed(t *testing.T, origin, key, text string) []byte {
	t.Helper()
	s, err := ledger.NewLogSigner(origin, ledgertest.Key(key))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// Every answer of the protocol, in its order: 404, 403, 400, 409, 422, 200.
func TestProtocol(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.json")
	if err := witness.CreateState(path); err != nil {
		t.Fatal(err)
	}
	core := open(t, path)
	srv := httptest.NewServer(witness.Handler(core, slog.New(slog.DiscardHandler)))
	defer srv.Close()
	g, fork := newHistory(t, 30, "leaf"), newHistory(t, 30, "other")
	post := func(body []byte) (int, string, string) {
		t.Helper()
		r, err := http.Post(srv.URL+"/add-checkpoint", "text/plain", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b), r.Header.Get("Content-Type")
	}
	req := witness.FormatRequest
	five := g.checkpoint(5)
	cosigner, err := ledger.CosignerVerifier(core.VKey())
	if err != nil {
		t.Fatal(err)
	}
	emptyLie := signed(t, ledgertest.Origin, "log", ledger.Checkpoint{Origin: ledgertest.Origin}.Text())

	sum := sha256.Sum256([]byte(ledgertest.Origin))
	monitor := srv.URL + "/" + hex.EncodeToString(sum[:]) + "/checkpoint"
	if r, err := http.Get(monitor); err != nil || r.StatusCode != http.StatusNotFound {
		t.Errorf("nothing cosigned yet: %v, %v; want 404", r, err)
	}

	for _, c := range []struct {
		name string
		body []byte
		want int
		text string
	}{
		{"unknown log", req(0, nil, signed(t, "other.log", "log", "other.log\n1\n"+strings.SplitN(string(five), "\n", 4)[2]+"\n")), 404, ""},
		{"stranger's key", req(0, nil, signed(t, ledgertest.Origin, "stranger", strings.SplitAfter(string(five), "\n\n")[0][:len(strings.SplitAfter(string(five), "\n\n")[0])-1])), 403, ""},
		{"altered text", req(0, nil, bytes.Replace(five, []byte("\n5\n"), []byte("\n6\n"), 1)), 403, ""},
		{"no note", req(0, nil, []byte(ledgertest.Origin+"\nhello\n")), 400, ""},
		{"no request", []byte("hello"), 400, ""},
		{"leading zero", bytes.Replace(req(0, nil, five), []byte("old 0"), []byte("old 00"), 1), 400, ""},
		{"old above new", req(6, nil, five), 400, ""},
		{"wrong size", req(3, nil, five), 409, "0\n"},
		{"proof from nothing", req(0, g.proof(3, 5), five), 422, ""},
		{"empty tree with another root", req(0, nil, emptyLie), 422, ""},
		{"first", req(0, nil, five), 200, ""},
		{"again from nothing", req(0, nil, five), 409, "5\n"},
		{"the same again", req(5, nil, five), 200, ""},
		{"same size, other root", req(5, nil, fork.checkpoint(5)), 422, ""},
		{"fork", req(5, fork.proof(5, 9), fork.checkpoint(9)), 422, ""},
		{"no proof", req(5, nil, g.checkpoint(9)), 422, ""},
		{"extension", req(5, g.proof(5, 30), g.checkpoint(30)), 200, ""},
		{"back", req(5, nil, five), 409, "30\n"},
	} {
		code, body, ctype := post(c.body)
		if code != c.want || c.text != "" && body != c.text {
			t.Errorf("%s: %d %q, want %d %q", c.name, code, body, c.want, c.text)
		}
		if code == 409 && ctype != "text/x.tlog.size" {
			t.Errorf("%s: Content-Type %s", c.name, ctype)
		}
		if code == 200 {
			_, _, checkpoint, err := witness.ParseRequest(c.body)
			if err != nil {
				t.Fatal(err)
			}
			n, err := ledger.OpenNote(append(checkpoint, body...), cosigner)
			if err != nil {
				t.Fatalf("%s: the answer does not verify: %v", c.name, err)
			}
			if cs := ledger.Cosignatures(n, []*ledger.Cosigner{cosigner}); len(cs) != 1 || !cs[0].At.Equal(ledgertest.Now()) {
				t.Errorf("%s: cosignatures %v", c.name, cs)
			}
		}
	}
	if code, _, _ := post(bytes.Repeat([]byte("x"), 1<<20)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a request of 1 MiB: %d", code)
	}

	// What monitors fetch carries both signatures.
	r, err := http.Get(monitor)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || !bytes.HasPrefix(b, g.checkpoint(30)) || bytes.Count(b, []byte("\n— ")) != 2 {
		t.Errorf("monitor got %q, %v", b, err)
	}

	// The memory is on the disk.
	core.Close()
	back := open(t, path)
	if _, err := back.AddCheckpoint(t.Context(), 0, nil, fork.checkpoint(7)); fmt.Sprint(err) != "the witness last saw a tree of 30 leaves" {
		t.Errorf("a fork after a restart: %v", err)
	}
}

// Requests at once: the size only grows, whatever order they come in.
func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.json")
	if err := witness.CreateState(path); err != nil {
		t.Fatal(err)
	}
	core := open(t, path)
	g := newHistory(t, 12, "leaf")
	if _, err := core.AddCheckpoint(t.Context(), 0, nil, g.checkpoint(4)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for next := int64(5); next <= 12; next++ {
		cp, p := g.checkpoint(next), g.proof(4, next)
		wg.Go(func() {
			if _, err := core.AddCheckpoint(t.Context(), 4, p, cp); err == nil {
				mu.Lock()
				done++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if done != 1 {
		t.Errorf("%d requests moved on from 4, want exactly one", done)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("old 0\n\norigin\n1\nx\n\n— a b\n"))
	f.Add([]byte("old 5\ngSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\nnote"))
	f.Fuzz(func(t *testing.T, b []byte) {
		old, proof, checkpoint, err := witness.ParseRequest(b)
		if err == nil && !bytes.Equal(witness.FormatRequest(old, proof, checkpoint), b) {
			t.Errorf("%q does not come back", b)
		}
	})
}
