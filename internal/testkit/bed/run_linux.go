package bed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// childEnv marks the child process of one bed: test name and number of the bed in
// it. "loopback" does without namespaces, to see what tests then do.
const childEnv = "HOSHI_TEST_BED"

// exitRefused is the exit code of a child that could not make its bed.
const exitRefused = 98

var (
	runsMu sync.Mutex
	runs   = map[string]int{}
)

// Run makes a bed and runs the body in it, in a process of its own: a test, or a
// benchmark with one round (-benchtime 1x).
func Run[T testing.TB](t T, p Profile, body func(T, *Bed)) {
	t.Helper()
	runsMu.Lock()
	runs[t.Name()]++
	id := fmt.Sprintf("%s#%d", t.Name(), runs[t.Name()])
	runsMu.Unlock()
	why := errors.New("asked for by " + childEnv)
	flags := []uintptr{syscall.CLONE_NEWUSER}
	switch mine := os.Getenv(childEnv); {
	case mine == "loopback":
		flags = nil
	case mine == id:
		inside(t, p, body)
		return
	case mine != "":
		return
	}
	if flags != nil && os.Geteuid() == 0 {
		flags = []uintptr{0, syscall.CLONE_NEWUSER} // as root first, so that daemons can change their user
	}
	for _, f := range flags {
		if why = child(t, id, f); why == nil {
			return
		}
	}
	b := loopback(t, p, why)
	defer b.Close()
	body(t, b)
}

// child runs this test alone in fresh namespaces. It returns an error only when
// the system does not allow them; a failing test is reported to t.
func child(t testing.TB, id string, user uintptr) error {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var parts []string
	for _, n := range strings.Split(t.Name(), "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(n)+"$")
	}
	args := []string{"-test.run", strings.Join(parts, "/"), "-test.count=1"}
	_, bench := t.(*testing.B)
	if bench {
		args = []string{"-test.run", "^$", "-test.bench", strings.Join(parts, "/"), "-test.benchtime=1x"}
	}
	if testing.Verbose() {
		args = append(args, "-test.v")
	}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); !ok {
		args = append(args, "-test.timeout=0") // the parent's limit holds
	} else if end, ok := d.Deadline(); ok {
		args = append(args, "-test.timeout", max(time.Second, time.Until(end)-2*time.Second).String())
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+id)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if bench { // figures are seen as they come
		both := io.MultiWriter(&out, os.Stdout)
		cmd.Stdout, cmd.Stderr = both, both
	}
	// The child is the first process of its process namespace: whatever it started
	// ends with it, and it ends with us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: user | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if user != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	// The death signal is tied to the thread that started the child.
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- cmd.Run()
	}()
	err = <-done
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == exitRefused:
		return errors.New(strings.TrimSpace(out.String()))
	case errors.As(err, &exit):
		t.Errorf("in the bed: %v\n%s", err, out.String())
	case err != nil:
		return err
	case !strings.Contains(out.String(), "ok") && !strings.Contains(out.String(), "PASS"):
		t.Errorf("in the bed, nothing ran:\n%s", out.String())
	case testing.Verbose():
		t.Log(out.String())
	}
	return nil
}

// inside is the child's half of Run.
func inside[T testing.TB](t T, p Profile, body func(T, *Bed)) {
	b, err := build(t, p)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitRefused)
	}
	defer b.Close()
	body(t, b)
}
