package practice

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"golang.org/x/term"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/probe"
)

// loopback is where practice devices live.
var loopback = netip.MustParseAddr("127.0.0.1")

// exitNoNamespace is the exit code of a child that found itself not isolated.
const exitNoNamespace = 97

// errNoNamespace: the child is not in a network of its own.
var errNoNamespace = errors.New("practice: not in a network namespace of its own")

// Child are the arguments of the process that runs the device in a namespace.
type Child struct {
	Make    string
	Flaws   string
	Outside string // name of the parent's network namespace, from which this one must differ
	Out     string // where to write the unsigned bundle
	Edition string // file that holds the edition's source
	Tool    string
	Product string // where to write the declaration, when a command runs beside the device
}

// Flags declares the arguments.
func (o *Child) Flags(fs *flag.FlagSet) {
	fs.StringVar(&o.Make, "make", MakeCamera, "")
	fs.StringVar(&o.Flaws, "flaws", "", "")
	fs.StringVar(&o.Outside, "outside", "", "")
	fs.StringVar(&o.Out, "out", "", "")
	fs.StringVar(&o.Edition, "edition-file", "", "")
	fs.StringVar(&o.Tool, "tool", "", "")
	fs.StringVar(&o.Product, "product", "", "")
}

func (o *Child) args() []string {
	return []string{"--make", o.Make, "--flaws", o.Flaws, "--outside", o.Outside, "--out", o.Out, "--edition-file", o.Edition, "--tool", o.Tool, "--product", o.Product}
}

// lifeline is the descriptor in the child of a pipe whose other end is the parent's.
const lifeline = 3

// ChildMain is the process behind [Assess]: it starts the device in its
// namespace, assesses it and writes progress to stdout as JSON lines. When a
// command is given it runs that beside the device instead, at its own terminal. It
// ends when the lifeline does, so it never outlives its parent. The result is the
// exit code.
func ChildMain(ctx context.Context, o Child, command []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	life := os.NewFile(lifeline, "lifeline")
	go func() {
		_, _ = io.Copy(io.Discard, life)
		cancel()
	}()
	err := child(ctx, o, command, stdin, stdout, stderr)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case err == nil:
		return 0
	case errors.Is(err, errNoNamespace):
		return exitNoNamespace
	}
	fmt.Fprintln(stderr, err)
	return 1
}

func child(ctx context.Context, o Child, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if o.Outside == "" || network() == "" || network() == o.Outside {
		return errNoNamespace
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("%w: %w", errNoNamespace, err)
	}
	flaws, err := ParseFlaws(o.Make, o.Flaws)
	if err != nil {
		return err
	}
	d, err := Start(Options{Make: o.Make, Flaws: flaws, Addr: loopback, RealPorts: true, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return err
	}
	defer d.Close()
	if len(command) > 0 {
		return runBeside(ctx, d, BesideOptions{Flaws: flaws, Product: o.Product, Command: command, Stdin: stdin, Stdout: stdout, Stderr: stderr})
	}
	src, err := os.ReadFile(o.Edition)
	if err != nil {
		return err
	}
	edition, err := criteria.Parse(evidence.EditionFile, src)
	if err != nil {
		return err
	}
	events := json.NewEncoder(stdout)
	run, err := assessDevice(ctx, d, flaws, edition, o.Tool, true, func(e assess.Event) { _ = events.Encode(e) })
	if err != nil {
		return err
	}
	return writeBundle(o.Out, *run)
}

// toEnd is how long a command may take to end after it was asked to.
const toEnd = 10 * time.Second

// runBeside runs a command while the device does; its declaration lies in the
// file and its password in the environment.
func runBeside(ctx context.Context, d *Device, o BesideOptions) error {
	if o.Product != "" {
		if err := os.WriteFile(o.Product, ProductYAML(d.Make, d.Ports, o.Flaws...), 0o600); err != nil {
			return err
		}
	}
	c := exec.CommandContext(ctx, o.Command[0], o.Command[1:]...)
	c.Env = append(os.Environ(), SecretEnv+"="+d.Password)
	c.Stdin, c.Stdout, c.Stderr = inherited(o.Stdin), o.Stdout, o.Stderr
	c.WaitDelay = toEnd
	c.Cancel = func() error {
		if f, ok := c.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return nil // Ctrl-C at the terminal has reached it; a second one would be too many
		}
		return c.Process.Signal(os.Interrupt)
	}
	return c.Run()
}

// inherited is an input that a command can have as its own. Another one would have
// to be copied to it, and the copying would outlive it.
func inherited(r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok {
		return f
	}
	return nil
}

func writeBundle(path string, run evidence.Run) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := evidence.Seal(f, run, nil); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// assessDevice assesses a running device in this process.
func assessDevice(ctx context.Context, d *Device, flaws []string, edition *criteria.Edition, tool string, own bool, progress func(assess.Event)) (*evidence.Run, error) {
	consents := []probe.Consent{probe.ConsentSignIn, probe.ConsentChange}
	if own { // elsewhere it could be a service of this host that is written to
		consents = append(consents, probe.ConsentWrite)
	}
	return assess.Run(ctx, assess.Options{
		Address: d.o.Addr.String(), ProductFile: evidence.ProductFile, Product: ProductYAML(d.Make, d.Ports, flaws...), Edition: edition, Tool: tool,
		Consents: consents, Person: d.owner, OwnNamespace: own, Pace: probe.Practice(), Now: time.Now, Rand: rand.Reader, Progress: progress,
		Secret: func(evidence.Secret) (string, error) { return d.Password, nil },
	})
}
