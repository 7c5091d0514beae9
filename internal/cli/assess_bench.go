package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hoshi/internal/assess/bench"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// benchWait is how long a device may take to come up.
const benchWait = 5 * time.Minute

func newAssessBenchCmd(env *Env, f *assessFlags) *cobra.Command {
	l := env.Lang()
	var notes string
	c := &cobra.Command{
		Use: "bench INTERFACE", Short: l.T("assess.bench.cmd"), Long: l.T("assess.bench.cmd.long"), Args: oneArg("assess.bench.need"),
		RunE: func(c *cobra.Command, args []string) error {
			if f.resume != "" {
				if _, err := takeUp(c, f); err != nil {
					return inJSON(env, *f, err)
				}
			}
			return inJSON(env, *f, benchAssess(c.Context(), env, args[0], notes, *f))
		},
	}
	assessFlagsOf(c, f, l)
	c.Flags().StringVar(&f.resume, "resume", "", l.T("assess.flag.resume"))
	c.Flags().StringVar(&notes, "notes", "", "")
	_ = c.Flags().MarkHidden("notes") // for tests, which must not meet
	return c
}

// benchAssess serves the device on an interface of its own and assesses it there.
func benchAssess(ctx context.Context, env *Env, name, notes string, f assessFlags) (err error) {
	l, d := env.Lang(), newDialog(env)
	told := env
	if f.json {
		told, d = silent(env), nil
	}
	say := func(key string, args ...any) { tell(told, l.T(key, args...)) }
	if f.product == "" && d == nil {
		return fault.New(fault.Invalid, "cli.assess", "assess.need-product")
	}
	switch {
	case f.yes:
	case d == nil:
		return fault.New(fault.Invalid, "cli.assess", "assess.bench.need-yes", "name", name)
	default:
		ok, err := d.yes(ctx, l.T("assess.bench.ask", "name", name), false)
		if err != nil || !ok {
			return left(err)
		}
	}
	b, err := bench.Setup(ctx, bench.Options{Interface: name, Notes: notes, Progress: func(e bench.Event) { sayBench(told, l, e) }})
	if err != nil {
		return err
	}
	defer func() {
		if e := b.Close(); e != nil && err == nil {
			err = e
		}
	}()
	say("assess.bench.connect", "name", name)
	wait, cancel := context.WithTimeout(ctx, benchWait)
	defer cancel()
	dev, err := b.Wait(wait)
	if err != nil {
		return err
	}
	st := &started{senders: b.Senders(dev.Addr()), again: "hoshi assess bench " + name}
	if f.product == "" {
		f.product = "product.yaml"
		if _, err := os.Stat(f.product); err != nil {
			w := &first{env: env, l: l, d: d, ctx: ctx}
			if err := w.declare(f.product, w.look(dev.Addr()), st); errors.Is(err, errLeft) || ctx.Err() != nil {
				return left(err)
			} else if err != nil {
				return err
			}
		}
	}
	if d != nil {
		st.asked, d.spent = d.spent, 0
	}
	return runAssess(ctx, env, dev.Addr().String(), f, d, st)
}

func sayBench(env *Env, l i18n.Lang, e bench.Event) {
	fmt.Fprintln(visible{env.Stderr}, "  "+l.T("bench.event."+e.Kind, "mac", e.MAC, "addr", e.Addr, "host", e.Host))
}
