package practice

import (
	"bufio"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
)

// AssessOptions are what [Assess] takes from outside.
type AssessOptions struct {
	Make    string // "" = camera
	Flaws   []string
	Edition *criteria.Edition
	Tool    string        // program and version, for the record
	Signer  crypto.Signer // seals the bundle; nil = unsigned
	Out     string        // where the bundle goes
	// Command starts a process that calls [ChildMain] with the arguments appended;
	// the default is this program with "practice child".
	Command  []string
	Shared   bool // do without a namespace even where the system has them
	Progress func(assess.Event)
}

// Result is what an assessment of a practice device gave.
type Result struct {
	Path string // of the bundle
	Run  *evidence.Run
	// Mixed: no namespace of its own was possible, so the device listened on high
	// ports of this host, and the host's own listeners are part of the result.
	Mixed bool
}

// Assess starts a device with the flaws, assesses it for real, seals the bundle
// and stops the device. Device and test run in a user and network namespace of
// their own where the system allows it, else on loopback with high ports; then
// the run says so as a fact, host.mixed.
func Assess(ctx context.Context, o AssessOptions) (*Result, error) {
	run, err := isolated(ctx, o)
	if errors.Is(err, errNoNamespace) {
		run, err = sharedHost(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(o.Out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "practice.Assess", err, "evidence.unwritable")
	}
	if err := evidence.Seal(f, *run, o.Signer); err != nil {
		_ = f.Close()
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, "practice.Assess", err, "evidence.unwritable")
	}
	return &Result{Path: o.Out, Run: run, Mixed: run.Info.HostMixed}, nil
}

func sharedHost(ctx context.Context, o AssessOptions) (*evidence.Run, error) {
	d, err := Start(Options{Make: o.Make, Flaws: o.Flaws, Addr: loopback, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "practice.Assess", err, "practice.start")
	}
	defer d.Close()
	return assessDevice(ctx, d, o.Flaws, o.Edition, o.Tool, false, o.Progress)
}

// isolated runs device and test in a child process with a network of its own.
func isolated(ctx context.Context, o AssessOptions) (*evidence.Run, error) {
	if o.Shared {
		return nil, errNoNamespace
	}
	dir, err := os.MkdirTemp("", "hoshi-practice-")
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "practice.Assess", err, "practice.start")
	}
	defer os.RemoveAll(dir)
	c := Child{Make: cmp.Or(o.Make, MakeCamera), Flaws: strings.Join(o.Flaws, ","), Out: filepath.Join(dir, "run.hoshi"), Edition: filepath.Join(dir, evidence.EditionFile), Tool: o.Tool}
	if err := os.WriteFile(c.Edition, o.Edition.Source(), 0o600); err != nil {
		return nil, fault.Wrap(fault.Unavailable, "practice.Assess", err, "practice.start")
	}
	err = spawn(ctx, o.Command, c, func(stdout io.Reader) {
		in := bufio.NewScanner(stdout)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			var e assess.Event
			if json.Unmarshal(in.Bytes(), &e) == nil && o.Progress != nil {
				o.Progress(e)
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
	})
	if err != nil {
		return nil, err
	}
	f, err := os.Open(c.Out)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "practice.Assess", err, "")
	}
	defer f.Close()
	l := evidence.DefaultLimits()
	l.AllowUnsigned = true
	b, err := evidence.Open(f, l)
	if err != nil {
		return nil, err
	}
	return &b.Run, nil
}

// BesideOptions are what [Beside] takes from outside.
type BesideOptions struct {
	Self    []string // as AssessOptions.Command
	Make    string   // "" = camera
	Flaws   []string
	Product string   // where to write the declaration; "" = nowhere
	Command []string // what to run; it finds the device at 127.0.0.1
	Shared  bool     // do without a namespace even where the system has them
	// The command's own. Files are handed on as they are, so that a command at a
	// terminal has the terminal.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Beside runs a command while a device runs, in a namespace of their own with the
// device on its real ports where the system allows it, else on this host with
// high ports; isolated says which. An *exec.ExitError holds the command's code.
// When ctx ends the command is interrupted, and killed if it does not end then.
func Beside(ctx context.Context, o BesideOptions) (isolated bool, err error) {
	if !o.Shared {
		err := besideChild(ctx, o)
		if !errors.Is(err, errNoNamespace) {
			return true, err
		}
	}
	d, err := Start(Options{Make: o.Make, Flaws: o.Flaws, Addr: loopback, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return false, fault.Wrap(fault.Unavailable, "practice.Beside", err, "practice.start")
	}
	defer d.Close()
	return false, runBeside(ctx, d, o)
}

func besideChild(ctx context.Context, o BesideOptions) error {
	c := Child{Make: cmp.Or(o.Make, MakeCamera), Flaws: strings.Join(o.Flaws, ","), Product: o.Product}
	cmd, life, err := isolatedChild(ctx, o.Self, c, o.Command)
	if err != nil {
		return err
	}
	defer life.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inherited(o.Stdin), o.Stdout, o.Stderr
	cmd.Cancel = life.Close // the child ends its command, then itself
	cmd.WaitDelay = 2 * toEnd
	err = start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitNoNamespace {
		return errNoNamespace
	}
	return err
}

// spawn runs the child that assesses; read gets what it prints.
func spawn(ctx context.Context, self []string, c Child, read func(io.Reader)) error {
	cmd, life, err := isolatedChild(ctx, self, c, nil)
	if err != nil {
		return err
	}
	defer life.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var said tail
	cmd.Stderr = &said
	if err := start(cmd); err != nil {
		return err
	}
	read(stdout)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.Wrap(fault.Unavailable, "practice.Assess", ctx.Err(), "assess.cancelled")
	case errors.As(err, &exit) && exit.ExitCode() == exitNoNamespace:
		return errNoNamespace
	}
	return fault.Wrap(fault.Internal, "practice.Assess", fmt.Errorf("%w: %s", err, said.b), "")
}

// isolatedChild prepares the process that runs the device in a network of its own.
// It ends when life is closed, or this process has gone.
func isolatedChild(ctx context.Context, self []string, c Child, command []string) (cmd *exec.Cmd, life *os.File, err error) {
	own := len(self) == 0
	if own {
		exe, err := os.Executable()
		if err != nil {
			return nil, nil, errNoNamespace
		}
		self = []string{exe, "practice", "child"}
	}
	if c.Outside = network(); c.Outside == "" {
		return nil, nil, errNoNamespace
	}
	args := append(append([]string{}, self[1:]...), c.args()...)
	if len(command) > 0 {
		args = append(append(args, "--"), command...)
	}
	cmd = exec.CommandContext(ctx, self[0], args...)
	if own {
		cmd.Args[0] = os.Args[0] // the name under which this program was called
	}
	if !isolate(cmd) {
		return nil, nil, errNoNamespace
	}
	theirs, life, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.ExtraFiles = []*os.File{theirs} // the first is number 3, see lifeline
	return cmd, life, nil
}

// start starts a prepared child and closes this process's copy of its lifeline.
func start(cmd *exec.Cmd) error {
	err := cmd.Start()
	_ = cmd.ExtraFiles[0].Close()
	if err != nil {
		return fmt.Errorf("%w: %w", errNoNamespace, err)
	}
	return nil
}

// tail keeps the last bytes of an output.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - 4096; over > 0 {
		t.b = t.b[over:]
	}
	return len(p), nil
}
