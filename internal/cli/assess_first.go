package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hoshi/internal/assess"
	"hoshi/internal/assess/link"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
)

// first leads a person who knows no option from nothing to a running test.
type first struct {
	env *Env
	l   i18n.Lang
	d   *dialog
	ctx context.Context
}

func firstAssess(c *cobra.Command, env *Env, f assessFlags) error {
	ctx := c.Context()
	w := &first{env: env, l: env.Lang(), d: newDialog(env), ctx: ctx}
	if w.d == nil {
		return fault.New(fault.Invalid, "cli.assess", "assess.need-address")
	}
	if f.product == "" {
		f.product = "product.yaml"
	}
	if past, err := assess.ReadJournal(assess.JournalFile(f.out)); err == nil && !past.Header.Routed() {
		goOn, err := w.d.yes(ctx, w.l.T("assess.ask-resume", stoppedAt(w.l, past)...), true)
		switch {
		case err != nil:
			return left(err)
		case goOn:
			f.resume = f.out
			return resumeAssess(c, env, f)
		}
		if err := os.Remove(assess.JournalFile(f.out)); err != nil {
			return fault.Wrap(fault.Invalid, "cli.assess", err, "assess.out", "file", assess.JournalFile(f.out))
		}
	}
	address, st, err := w.lead(&f)
	switch {
	case errors.Is(err, errLeft), ctx.Err() != nil:
		return left(err)
	case err != nil:
		return err
	}
	st.asked, w.d.spent = w.d.spent, 0
	return runAssess(ctx, env, address, f, w.d, st)
}

func (w *first) say(key string, args ...any) {
	tell(w.env, w.l.T(key, args...))
}

func (w *first) lead(f *assessFlags) (string, *started, error) {
	w.say("assess.first.hello")
	address, open, err := w.device(*f)
	if err != nil {
		return "", nil, err
	}
	st := &started{allowed: true}
	use, err := w.have(f)
	if err != nil || use {
		return address.String(), st, err
	}
	if open == nil {
		open = w.look(address)
	}
	return address.String(), st, w.declare(f.product, open, st)
}

// have offers a declaration that is there already. It is never written over: a new
// one gets another name.
func (w *first) have(f *assessFlags) (use bool, err error) {
	for {
		src, err := readFile(f.product, evidence.MaxProduct+1)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		var p *evidence.Product
		if err == nil {
			p, err = evidence.ParseProduct(f.product, src)
		}
		if err == nil {
			use, err = w.d.yes(w.ctx, w.l.T("assess.first.have", "file", f.product, "product", p.Product.Name.In(w.l),
				"models", strings.Join(p.Product.Models, ", "), "firmware", p.Product.Firmware), true)
			if err != nil || use {
				return use, err
			}
		} else {
			w.say("assess.first.unreadable", "file", f.product)
			sentence, places := w.l.Error(err)
			for _, s := range append([]string{sentence}, places...) {
				tell(w.env, "    "+s)
			}
		}
		if f.product, err = w.d.line(w.ctx, w.l.T("assess.first.other", "file", f.product), free(f.product)); err != nil {
			return false, err
		}
	}
}

// free is a name of a file that does not exist yet: run-2.hoshi beside run.hoshi.
func free(file string) string {
	ext := filepath.Ext(file)
	for n := 2; ; n++ {
		name := fmt.Sprintf("%s-%d%s", strings.TrimSuffix(file, ext), n, ext)
		if _, err := os.Stat(name); err != nil {
			return name
		}
	}
}

// look finds the familiar ports of a device that was named.
func (w *first) look(a netip.Addr) []int { return link.Look(w.ctx, a) }

// device finds out which device is meant: its address, and familiar ports that are
// open where a search has seen them. Whether it may be tested is asked before
// anything else is sent to it.
func (w *first) device(f assessFlags) (netip.Addr, []int, error) {
	links, err := link.Interfaces()
	if err != nil {
		links = nil // the person types the address then
	}
	if len(links) > 0 {
		w.say("assess.first.links")
		for i, x := range links {
			tell(w.env, fmt.Sprintf("  %d  %s", i+1, w.l.T("assess.first.link."+string(x.Kind), "name", x.Name, "address", x.Prefix.Addr(), "network", x.Prefix.Masked())))
		}
		k, err := w.d.choose(w.ctx, w.l.T("assess.first.which-link"), len(links), 1)
		if err != nil {
			return netip.Addr{}, nil, err
		}
		c, err := w.search(links[k-1])
		switch {
		case err != nil:
			return netip.Addr{}, nil, err
		case c != nil:
			return c.Addr, c.Open, w.allowed()
		}
	}
	for {
		s, err := w.d.line(w.ctx, w.l.T("assess.first.address"), "")
		if err != nil {
			return netip.Addr{}, nil, err
		}
		a, err := assess.Resolve(w.ctx, narrow(s), nil, f.public)
		if err == nil {
			if err := w.allowed(); err != nil {
				return netip.Addr{}, nil, err
			}
			err = assess.Present(w.ctx, a)
		}
		if err == nil {
			return a, nil, nil
		}
		sentence, _ := w.l.Error(err)
		tell(w.env, "  "+sentence)
		if fault.Is(err, fault.Unavailable) {
			w.say("assess.first.absent")
		}
	}
}

// allowed asks whether the device may be tested.
func (w *first) allowed() error {
	ok, err := w.d.yes(w.ctx, w.l.T("assess.ask"), false)
	if err == nil && !ok {
		err = errLeft
	}
	return err
}

// search looks for devices after a yes and lets the person pick one; nil when the
// person would rather type an address.
func (w *first) search(x link.Interface) (*link.Candidate, error) {
	n := len(x.Searched())
	ok, err := w.d.yes(w.ctx, w.l.T("assess.first.search", "number", n, "network", x.Prefix.Masked()), false)
	if err != nil || !ok {
		return nil, err
	}
	all, err := link.Search(w.ctx, x, func(done, total int) {
		if done%16 == 0 || done == total {
			fmt.Fprintf(w.env.Stderr, "\r\x1b[K%s", w.l.T("assess.first.searching", "done", done, "total", total))
		}
	})
	fmt.Fprint(w.env.Stderr, "\r\x1b[K")
	switch {
	case w.ctx.Err() != nil:
		return nil, w.ctx.Err()
	case err != nil:
		w.say("assess.first.cannot-search")
		return nil, nil
	case len(all) == 0:
		w.say("assess.first.nobody")
		return nil, nil
	}
	w.say("assess.first.found")
	for i, c := range all {
		tell(w.env, fmt.Sprintf("  %d  %-15s  %s  %s", i+1, c.Addr, c.MAC, w.words(c)))
	}
	fmt.Fprintf(w.env.Stderr, "  %d  %s\n", len(all)+1, w.l.T("assess.first.none-of-them"))
	k, err := w.d.choose(w.ctx, w.l.T("assess.first.which"), len(all)+1, 1)
	if err != nil || k > len(all) {
		return nil, err
	}
	return &all[k-1], nil
}

// words says by what a person may recognise a device.
func (w *first) words(c link.Candidate) string {
	var out []string
	if c.Gateway {
		out = append(out, w.l.T("assess.first.gateway"))
	}
	if len(c.Open) > 0 {
		var ps []string
		for _, p := range c.Open {
			ps = append(ps, fmt.Sprintf("%d (%s)", p, serviceOf(probe.TCP(p))))
		}
		out = append(out, w.l.T("assess.first.open", "ports", strings.Join(ps, ", ")))
	}
	return strings.Join(out, "  ")
}
