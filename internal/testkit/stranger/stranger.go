// Package stranger replays every bundle that a test makes as somebody else would:
// another user, in 2012 and in 2049, in another locale and time zone, with another
// home and folder. Facts and verdicts must be those of the bundle, byte for byte.
//
// [Watch] in TestMain keeps every bundle that the test program and the programs
// that it starts from itself seal; once all tests have run, all are replayed in two
// processes. A bundle of a program built apart is handed over with [KeepFiles]; a
// run that a test does not seal, with [Keep]. The rules of the house (archtest)
// refuse a test that forgets it.
package stranger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"hoshi/internal/evidence"
)

// FolderEnv names the folder that keeps the bundles. A test that starts its own
// program without the environment around it must pass this on.
const FolderEnv = "HOSHI_TEST_BUNDLES"

// Tests are a *testing.M, or what stands for it.
type Tests interface{ Run() int }

type watched struct{ tests Tests }

// Watch keeps from now on each bundle that this process seals. Call it first in
// TestMain, in every part that the test program plays, and run what it returns in
// place of the tests.
func Watch(m Tests) Tests {
	evidence.Watch(func(bundle []byte) {
		if err := keep(bundle, caller()); err != nil {
			fmt.Fprintln(os.Stderr, "stranger:", err)
			os.Exit(97)
		}
	})
	return watched{m}
}

// Run runs the tests and then replays what they made, unless this is a process
// that a test started.
func (w watched) Run() int {
	if os.Getenv(FolderEnv) != "" {
		return w.tests.Run()
	}
	dir, err := os.MkdirTemp("", "hoshi-stranger-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Setenv(FolderEnv, dir)
	}
	code := 1
	if err == nil {
		code = w.tests.Run()
		err = replayAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stranger:", err)
		code = max(code, 1)
	}
	return code
}

// Keep keeps a run that the test does not seal.
func Keep(t testing.TB, run *evidence.Run) {
	t.Helper()
	if err := evidence.Seal(io.Discard, *run, nil); err != nil {
		t.Error(err)
	}
}

// KeepFiles keeps the bundles under a folder, which a program built apart wrote. At
// least one must be there.
func KeepFiles(t testing.TB, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".hoshi" {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			n++
			err = keep(b, t.Name())
		}
		return err
	})
	if err != nil || n == 0 {
		t.Errorf("%d bundles in %s: %v", n, dir, err)
	}
}

// keep writes the bundle into the folder under its hash, and beside it which test made it.
func keep(bundle []byte, from string) error {
	dir := os.Getenv(FolderEnv)
	if dir == "" {
		return fmt.Errorf("%s sealed a bundle that nobody will replay: %s was not passed on to this process", from, FolderEnv)
	}
	sum := sha256.Sum256(bundle)
	name := filepath.Join(dir, hex.EncodeToString(sum[:]))
	if _, err := os.Stat(name + ".hoshi"); err == nil {
		return nil
	}
	err := os.WriteFile(name+".from", []byte(from), 0o600)
	if err == nil {
		f, ferr := os.CreateTemp(dir, "unfinished-")
		if ferr != nil {
			return ferr
		}
		_, err = f.Write(bundle)
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Rename(f.Name(), name+".hoshi")
		}
	}
	return err
}

// caller is the outermost function of a test file on the stack, else the command line.
func caller() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	from := strings.Join(os.Args, " ")
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.File, "_test.go") && !strings.HasSuffix(f.Function, ".TestMain") {
			from = f.Function
		}
		if !more {
			return from
		}
	}
}

// guise is how a stranger differs from us.
type guise struct {
	user                      int
	clock                     time.Time
	zone, offset, locale, dir string
}

var guises = []guise{
	{65534, time.Date(2012, 2, 29, 14, 59, 59, 0, time.UTC), "Pacific/Kiritimati", "+1400", "tr_TR.UTF-8", "/"},
	{65533, time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), "America/St_Johns", "-0330", "C", "/proc"},
}

// replayAll replays all bundles of a folder in every guise.
func replayAll(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.hoshi"))
	if err != nil || len(names) == 0 {
		return err
	}
	start := time.Now()
	var asked bytes.Buffer
	var want []Answer
	var from []string
	var wrong []error
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(&asked).Encode(b); err != nil {
			return err
		}
		who, err := os.ReadFile(strings.TrimSuffix(n, ".hoshi") + ".from")
		if err != nil {
			return err
		}
		says, anew := follows(b)
		if says != anew {
			wrong = append(wrong, differ(b, "a replay on this machine", string(who), says, anew))
		}
		want, from = append(want, anew), append(from, string(who))
	}
	exe, err := program(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "asked"), asked.Bytes(), 0o600); err != nil {
		return err
	}
	answers := make([][]Answer, len(guises))
	errs := make([]error, len(guises))
	done := make(chan int)
	for i, g := range guises {
		go func() {
			answers[i], errs[i] = g.replay(exe, filepath.Join(dir, "asked"), 5*time.Minute+time.Duration(len(names))*time.Second)
			done <- i
		}()
	}
	for range guises {
		<-done
	}
	for i, g := range guises {
		if errs[i] == nil && len(answers[i]) != len(want) {
			errs[i] = fmt.Errorf("%d answers for %d bundles", len(answers[i]), len(want))
		}
		if errs[i] != nil {
			return fmt.Errorf("as user %d in %s: %w", g.user, g.zone, errs[i])
		}
		for j, a := range answers[i] {
			if a != want[j] {
				b, _ := os.ReadFile(names[j]) // read before
				wrong = append(wrong, differ(b, fmt.Sprintf("user %d in %s", g.user, g.zone), from[j], want[j], a))
			}
		}
	}
	fmt.Fprintf(os.Stderr, "stranger: %d bundles replayed in %v\n", len(names), time.Since(start).Round(time.Millisecond))
	return errors.Join(wrong...)
}

// differ says in which lines two answers differ, and leaves the bundle where it can be looked at.
func differ(bundle []byte, who, from string, want, got Answer) error {
	sum := sha256.Sum256(bundle)
	at := filepath.Join(os.TempDir(), "hoshi-replays-differently-"+hex.EncodeToString(sum[:4])+".hoshi")
	if err := os.WriteFile(at, bundle, 0o600); err != nil {
		at = err.Error()
	}
	w, g := strings.Split(want.text(), "\n"), strings.Split(got.text(), "\n")
	in := map[string]int{}
	for _, l := range w {
		in[l]--
	}
	for _, l := range g {
		in[l]++
	}
	var out strings.Builder
	for _, side := range []struct {
		sign  string
		lines []string
		n     int
	}{{"-", w, -1}, {"+", g, 1}} {
		for _, l := range side.lines {
			if in[l]*side.n > 0 && out.Len() < 4000 {
				fmt.Fprintf(&out, "  %s %s\n", side.sign, l)
			}
		}
	}
	return fmt.Errorf("a bundle of %s (left at %s) replays differently for %s:\n%s", from, at, who, out.String())
}

func (a Answer) text() string { return a.Facts + a.Verdicts + a.Refused }

// replay lets the stranger answer, and looks whether it is one.
func (g guise) replay(exe, asked string, limit time.Duration) ([]Answer, error) {
	in, err := os.Open(asked)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, other, err := g.run(exe, in, limit)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(out))
	var w Who
	if err := d.Decode(&w); err != nil {
		return nil, err
	}
	if since := w.Clock.Sub(g.clock); since < 0 || since > time.Hour || w.Zone != g.offset || w.Locale != g.locale || w.Home != home || w.Dir != g.dir || other && w.User != g.user {
		return nil, fmt.Errorf("the stranger is %+v, want %+v", w, g)
	}
	if !other {
		fmt.Fprintln(os.Stderr, "stranger: NOT COVERED: this system gives no other user")
	}
	var answers []Answer
	for d.More() {
		var a Answer
		if err := d.Decode(&a); err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

const home = "/nonexistent"

// run starts the stranger as another user; where the system refuses every way to
// become one, as this user.
func (g guise) run(exe string, in *os.File, limit time.Duration) (out []byte, other bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, disguise := range append(disguises(g.user), nil) {
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return nil, false, err
		}
		// With a clock that stands, a runtime with two processors can wait for ever to stop the world.
		c := exec.CommandContext(ctx, exe, strconv.FormatInt(g.clock.Unix(), 10))
		c.Dir, c.Stdin = g.dir, in
		c.Env = []string{"HOME=" + home, "TZ=" + g.zone, "LANG=" + g.locale, "LC_ALL=" + g.locale, "GOMAXPROCS=1"}
		var stdout, stderr bytes.Buffer
		c.Stdout, c.Stderr = &stdout, &stderr
		if disguise != nil {
			disguise(c)
		}
		if err := c.Start(); err != nil {
			if disguise != nil {
				continue
			}
			return nil, false, err
		}
		if err := c.Wait(); err != nil {
			return nil, false, fmt.Errorf("%w: %s", err, unframed(stderr.Bytes()))
		}
		return unframed(stdout.Bytes()), disguise != nil, nil
	}
	return nil, false, errors.ErrUnsupported
}

// unframed takes the output of a program with Go's fake clock out of its frames:
// "\0\0PB", eight bytes of time, four of length.
func unframed(b []byte) []byte {
	var out []byte
	for bytes.HasPrefix(b, []byte("\x00\x00PB")) && len(b) >= 16 {
		n := min(int(binary.BigEndian.Uint32(b[12:])), len(b)-16)
		out, b = append(out, b[16:16+n]...), b[16+n:]
	}
	return append(out, b...)
}

// program builds the stranger with Go's fake clock, which no program can be given
// from outside, and puts a copy where every user can start it.
func program(dir string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "hoshi-stranger")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "lock")) // one build at a time: the first takes a minute, the others nothing
	if err != nil {
		return "", err
	}
	defer unlock()
	built := filepath.Join(cache, "replay")
	if out, err := exec.Command("go", "build", "-tags", "faketime", "-ldflags", "-s -w -checklinkname=0", "-o", built, "hoshi/internal/testkit/stranger/replay").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the stranger: %w: %s", err, out)
	}
	b, err := os.ReadFile(built)
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", err
	}
	exe := filepath.Join(dir, "replay")
	return exe, os.WriteFile(exe, b, 0o755)
}
