package cli

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/assess"
	"hoshi/internal/fault"
	"hoshi/internal/practice"
)

func newPracticeCmd(env *Env) *cobra.Command {
	l := env.Lang()
	c := &cobra.Command{Use: "practice", Short: l.T("practice.cmd")}
	c.AddCommand(newPracticeRunCmd(env), newPracticeFlawsCmd(env), newPracticeChildCmd(env))
	return c
}

func newPracticeFlawsCmd(env *Env) *cobra.Command {
	var device string
	c := &cobra.Command{
		Use: "flaws", Short: env.Lang().T("practice.cmd.flaws"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if device != "" {
				if err := practice.CheckMake(device); err != nil {
					return err
				}
			}
			for _, f := range practice.Flaws(device) {
				fmt.Fprintf(env.Stdout, "%-8s %-18s %s  %s\n", f.Make, f.ID, f.Criterion, f.Text().In(env.Lang()))
			}
			return nil
		},
	}
	c.Flags().StringVar(&device, "make", "", env.Lang().T("practice.flag.make", "makes", strings.Join(practice.Makes, ", ")))
	return c
}

type practiceFlags struct {
	device, flaws, product, out, key, edition string
	assess, shared                            bool
}

func newPracticeRunCmd(env *Env) *cobra.Command {
	l := env.Lang()
	var f practiceFlags
	c := &cobra.Command{
		Use: "run [flags] [-- COMMAND ARGS...]", Short: l.T("practice.cmd.run"), Long: l.T("practice.cmd.run.long"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := practice.CheckMake(f.device); err != nil {
				return err
			}
			flaws, err := practice.ParseFlaws(f.device, f.flaws)
			if err != nil {
				return err
			}
			if f.assess {
				return practiceAssess(c, env, f, flaws)
			}
			return practiceDevice(c, env, f, flaws, args)
		},
	}
	c.Flags().StringVar(&f.device, "make", practice.MakeCamera, l.T("practice.flag.make", "makes", strings.Join(practice.Makes, ", ")))
	c.Flags().StringVar(&f.flaws, "flaws", "", l.T("practice.flag.flaws"))
	c.Flags().StringVar(&f.product, "product", "", l.T("practice.flag.product"))
	c.Flags().BoolVar(&f.assess, "assess", false, l.T("practice.flag.assess"))
	c.Flags().BoolVar(&f.shared, "shared", false, l.T("practice.flag.shared"))
	c.Flags().StringVarP(&f.out, "out", "o", "run.hoshi", l.T("assess.flag.out"))
	c.Flags().StringVar(&f.key, "key", "", l.T("assess.flag.key"))
	c.Flags().StringVar(&f.edition, "edition", assess.DefaultEdition, l.T("assess.flag.edition"))
	return c
}

// practiceAssess starts a device in a network of its own and assesses it.
func practiceAssess(c *cobra.Command, env *Env, f practiceFlags, flaws []string) error {
	edition, err := findEdition(f.edition)
	if err != nil {
		return err
	}
	key, err := readKey(f.key)
	if err != nil {
		return err
	}
	show := newProgress(env, env.Lang(), false)
	res, err := practice.Assess(c.Context(), practice.AssessOptions{Make: f.device, Flaws: flaws, Edition: edition, Tool: Tool, Signer: key, Out: f.out,
		Shared: f.shared, Progress: show.event})
	show.end()
	if err != nil {
		return err
	}
	if res.Mixed {
		var not []string
		for _, x := range practice.Flaws(f.device) {
			if x.Alone {
				not = append(not, x.ID)
			}
		}
		fmt.Fprintln(env.Stderr, env.Lang().T("practice.mixed", "flaws", strings.Join(not, ", ")))
	}
	return report(env, env.Lang(), edition, res.Run, assessFlags{out: f.out}, key)
}

// practiceDevice runs a device while a command runs, or on free ports of this
// host until it is stopped.
func practiceDevice(c *cobra.Command, env *Env, f practiceFlags, flaws, command []string) error {
	l := env.Lang()
	if len(command) > 0 {
		_, err := practice.Beside(c.Context(), practice.BesideOptions{Make: f.device, Flaws: flaws, Product: f.product, Command: command, Shared: f.shared,
			Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr})
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && exit.ExitCode() > 0:
			return Ended{exit.ExitCode()}
		case err != nil:
			return fault.Wrap(fault.Invalid, "cli.practice", err, "practice.command", "command", strings.Join(command, " "))
		}
		return nil
	}
	d, err := practice.Start(practice.Options{Make: f.device, Flaws: flaws, Addr: netip.MustParseAddr("127.0.0.1"), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return fault.Wrap(fault.Unavailable, "cli.practice", err, "practice.start")
	}
	defer d.Close()
	if f.product != "" {
		if err := os.WriteFile(f.product, practice.ProductYAML(d.Make, d.Ports, flaws...), 0o600); err != nil {
			return fault.Wrap(fault.Invalid, "cli.practice", err, "assess.out", "file", f.product)
		}
	}
	fmt.Fprintln(env.Stdout, l.T("practice.running", "make", d.Make, "ports", d.Ports.String(), "password", d.Password, "env", practice.SecretEnv))
	if f.product != "" {
		fmt.Fprintln(env.Stdout, l.T("practice.try", "env", practice.SecretEnv, "password", d.Password, "product", f.product))
	}
	<-c.Context().Done()
	return nil
}

// newPracticeChildCmd is the process that "practice run --assess" starts in a
// namespace; nobody types it.
func newPracticeChildCmd(env *Env) *cobra.Command {
	var o practice.Child
	fs := flag.NewFlagSet("child", flag.ContinueOnError)
	o.Flags(fs)
	c := &cobra.Command{Use: "child", Hidden: true, RunE: func(c *cobra.Command, args []string) error {
		if code := practice.ChildMain(c.Context(), o, args, env.Stdin, env.Stdout, env.Stderr); code != 0 {
			os.Exit(code) // the parent reads the code; nobody else runs this command
		}
		return nil
	}}
	c.Flags().AddGoFlagSet(fs)
	return c
}
