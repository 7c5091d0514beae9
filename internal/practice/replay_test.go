package practice

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hoshi/internal/evidence"
)

// replayMain is this test program in the part of a stranger: it reads a bundle and
// prints facts and verdicts as computed anew.
func replayMain() int {
	l := evidence.DefaultLimits()
	l.AllowUnsigned = true
	b, err := evidence.Open(os.Stdin, l)
	if err == nil {
		var out []byte
		if out, err = concluded(b.Run.Conclude()); err == nil {
			_, err = os.Stdout.Write(out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// concluded writes facts and verdicts as one text.
func concluded(facts, verdicts any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent([]any{facts, verdicts}, "", " ")
}

// strange replays a bundle in a process with another language, time zone, home
// and folder and, for a test run by root, another user. exe is the program, nil =
// this one.
func strange(t *testing.T, res *Result, exe *os.File) {
	t.Helper()
	if exe == nil {
		f, err := os.Open(self(t)[0])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		exe = f
	}
	bundle, err := os.Open(res.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer bundle.Close()
	args := []string{"/proc/self/fd/3", "practice-replay"}
	if users, err := os.ReadFile("/proc/self/uid_map"); err == nil && os.Getuid() == 0 && bytes.Contains(users, []byte("4294967295")) { // root with other users beside it
		args = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"}, args...)
	}
	c := exec.CommandContext(t.Context(), args[0], args[1:]...)
	c.Dir, c.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TZ=Pacific/Kiritimati", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "GOMAXPROCS=1"}
	c.Stdin, c.ExtraFiles = bundle, []*os.File{exe}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the replay by a stranger: %v\n%s", err, stderr.String())
	}
	out = unframed(out)
	want, err := concluded(res.Run.Facts, res.Run.Verdicts, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out, want) {
		t.Errorf("a stranger comes to other facts or verdicts:\n%s\nwant\n%s", out, want)
	}
}

// unframed takes the output of a program built with Go's faketime tag out of its
// frames: "\0\0PB", eight bytes of time, four of length.
func unframed(b []byte) []byte {
	var out []byte
	for bytes.HasPrefix(b, []byte("\x00\x00PB")) && len(b) >= 16 {
		n := int(binary.BigEndian.Uint32(b[12:]))
		if n > len(b)-16 {
			break
		}
		out, b = append(out, b[16:16+n]...), b[16+n:]
	}
	if out == nil {
		return b
	}
	return out
}

// A bundle of each make replays the same with a clock that stands in 2009. The
// clock of a Go program cannot be moved from outside, so this builds the stranger
// anew, for which it takes some minutes: in the long tests only.
func TestReplayUnderAnotherClock(t *testing.T) {
	if os.Getenv("HOSHI_SOAK") == "" {
		t.Log("HOSHI_SOAK is not set: only the present clock was tried")
		return
	}
	exe := filepath.Join(t.TempDir(), "stranger")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "faketime", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, device := range Makes {
		f, err := os.Open(exe)
		if err != nil {
			t.Fatal(err)
		}
		strange(t, assessed(t, AssessOptions{Make: device}), f)
		_ = f.Close()
	}
}
