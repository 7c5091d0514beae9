package assess_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fact"
	"hoshi/internal/practice"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/stranger"
)

// The test program is also the camera's process, the one that is killed, and the
// one that kills.
func TestMain(m *testing.M) {
	tests := stranger.Watch(m)
	if len(os.Args) < 2 {
		os.Exit(tests.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var err error
	switch os.Args[1] {
	case "practice-child":
		var c practice.Child
		fs := flag.NewFlagSet("practice-child", flag.ExitOnError)
		c.Flags(fs)
		_ = fs.Parse(os.Args[2:])
		os.Exit(practice.ChildMain(ctx, c, fs.Args(), os.Stdin, os.Stdout, os.Stderr))
	case "assess-worker":
		err = worker(ctx, os.Args[2])
	case "assess-killer":
		err = killer(os.Args[2], os.Args[3], os.Args[4])
	default:
		os.Exit(tests.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// worker assesses the camera and goes on where a worker before it was killed.
func worker(ctx context.Context, dir string) error {
	src, err := os.ReadFile(filepath.Join(dir, "product.yaml"))
	if err != nil {
		return err
	}
	e, err := criteria.Builtin(assess.DefaultEdition)
	if err != nil {
		return err
	}
	out := filepath.Join(dir, "run.hoshi")
	o := assess.Options{Address: "127.0.0.1", ProductFile: "product.yaml", Product: src, Edition: e, Tool: "hoshi test", Pace: probe.Practice(), Consents: []probe.Consent{probe.ConsentSignIn},
		Now: time.Now, Rand: rand.Reader, OwnNamespace: true, Journal: assess.JournalFile(out)}
	if past, err := assess.ReadJournal(o.Journal); err == nil && past != nil {
		o.Resume = true
	} else if _, err := os.Stat(o.Journal); err == nil {
		_ = os.Remove(o.Journal) // killed before the first line was whole
	}
	run, err := assess.Run(ctx, o)
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := evidence.Seal(f, *run, nil); err != nil {
		return err
	}
	return f.Close()
}

// killer lets workers run until one ends by itself; it kills the first few, each
// after a time that the seed decides.
func killer(dir, seed, kills string) error {
	s, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	left, err := strconv.Atoi(kills)
	if err != nil {
		return err
	}
	r := mathrand.New(mathrand.NewPCG(s, 1))
	killed := 0
	for {
		c := exec.Command(os.Args[0], "assess-worker", dir)
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			return err
		}
		if left--; left >= 0 {
			time.AfterFunc(time.Duration(20+r.IntN(900))*time.Millisecond, func() { _ = c.Process.Kill() })
		}
		err := c.Wait()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return os.WriteFile(filepath.Join(dir, "killed"), []byte(strconv.Itoa(killed)), 0o600)
		case errors.As(err, &exit) && !exit.Exited():
			killed++
		default:
			return err
		}
	}
}

// run assesses a fresh camera with the kills and returns the facts, and how many
// workers were killed.
func run(t *testing.T, seed, kills int) (map[string]string, int) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := practice.Beside(t.Context(), practice.BesideOptions{Self: []string{self, "practice-child"}, Product: filepath.Join(dir, "product.yaml"),
		Flaws: []string{"plain-http", "telnet"}, Command: []string{self, "assess-killer", dir, strconv.Itoa(seed), strconv.Itoa(kills)}, Stdout: os.Stdout, Stderr: os.Stderr}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "run.hoshi"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := evidence.DefaultLimits()
	l.AllowUnsigned = true
	b, err := evidence.Open(f, l)
	if err != nil {
		t.Fatal(err)
	}
	facts, verdicts, err := evidence.Replay(b)
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	if k, err := os.ReadFile(filepath.Join(dir, "killed")); err == nil {
		killed, _ = strconv.Atoi(string(k))
	}
	return comparable(facts, verdicts), killed
}

// comparable are facts and verdicts without what differs between any two runs, such
// as times and the keys that a camera makes at its start.
func comparable(s fact.Set, vs []criteria.Verdict) map[string]string {
	out := map[string]string{}
	for _, f := range s {
		j, _ := json.Marshal(f.Lasting())
		out[string(f.Origin)+" "+f.ID()] = string(j)
	}
	for _, v := range vs {
		out["verdict "+v.Criterion] = string(v.Outcome) + " " + v.Rule
	}
	return out
}

// A run killed at any moments, and gone on with each time, ends with the facts
// and verdicts of a run that nobody disturbed.
func TestKilledAtAnyMoment(t *testing.T) {
	want, _ := run(t, 0, 0)
	if len(want) < 20 {
		t.Fatalf("only %d facts", len(want))
	}
	runs := 3
	if os.Getenv("HOSHI_SOAK") != "" {
		runs = 200
	}
	killed := 0
	for seed := range runs {
		got, n := run(t, seed+1, 1+seed%4)
		killed += n
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("seed %d, killed %d times (-undisturbed +killed):\n%s", seed+1, n, d)
		}
	}
	if killed < runs/2 {
		t.Errorf("only %d workers were killed in %d runs", killed, runs)
	}
}
