package signer_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/signer"
)

// process is a real "hoshi signer".
type process struct {
	cmd *exec.Cmd
	cl  *signer.Client
}

func start(t *testing.T, dir string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sock := filepath.Join(dir, "s")
	cmd := exec.Command(exe, "signer", "--key", filepath.Join(dir, "key.pem"), "--state", filepath.Join(dir, "state.json"), "--socket", sock)
	cmd.Env = append(os.Environ(), "HOSHI_TEST_MAIN=1", "HOSHI_LANG=en")
	cmd.Stderr = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "The signer is ready") {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("the signer did not start: %q, %v", line, err)
	}
	return &process{cmd, signer.Dial(sock)}
}

// kill -9 the real process while it signs: whatever it acknowledged it still knows,
// and it never signs beside it. HOSHI_SOAK=1 makes it a thousand kills.
func TestKill9(t *testing.T) {
	rounds, seed := 12, mathrand.Uint64()
	if os.Getenv("HOSHI_SOAK") != "" {
		rounds = 1000
	}
	t.Logf("seed %d", seed)
	rnd := mathrand.New(mathrand.NewPCG(seed, 0))
	dir := t.TempDir()
	if len(dir) > 80 { // the path of a Unix socket is short
		short, err := os.MkdirTemp("", "s")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(short) })
		dir = short
	}
	if _, err := signer.Init(filepath.Join(dir, "key.pem"), filepath.Join(dir, "state.json"), ledgertest.Origin, rand.Reader); err != nil {
		t.Fatal(err)
	}
	g := grow(t, rounds*60, honest)
	fork := grow(t, rounds*60, func(i int) string { return fmt.Sprintf("other %d", i) })
	var acked int64
	for round := range rounds {
		p := start(t, dir)
		last, err := p.cl.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last.Size < acked || last != g.at(t, last.Size) {
			t.Fatalf("round %d: acknowledged %d, the signer knows %v", round, acked, last)
		}
		if acked > 0 {
			if _, err := p.cl.Sign(t.Context(), last, fork.at(t, last.Size+1), fork.proof(t, last.Size, last.Size+1)); key(err) != "ledger.fork" {
				t.Fatalf("round %d: a fork after a kill: %v", round, err)
			}
		}
		// Ask without pause; the kill comes while some request is on its way.
		after, reached := rnd.IntN(30), make(chan struct{})
		done := make(chan int64, 1)
		go func() {
			size := last.Size
			for i := 0; ; i++ {
				if i == after {
					close(reached)
				}
				next := size + 1
				if next > int64(rounds*60) {
					break
				}
				if _, err := p.cl.Sign(context.Background(), g.at(t, size), g.at(t, next), g.proof(t, size, next)); err != nil {
					break
				}
				size = next
			}
			done <- size
		}()
		<-reached
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.cmd.Wait()
		acked = max(acked, <-done)
	}
	if acked == 0 {
		t.Error("nothing was ever acknowledged")
	}
	t.Logf("%d checkpoints acknowledged over %d kills", acked, rounds)
}
