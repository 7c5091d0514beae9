package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"hoshi/internal/assess"
	"hoshi/internal/assess/link"
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

func firstAssess(ctx context.Context, env *Env, f assessFlags) error {
	w := &first{env: env, l: env.Lang(), d: newDialog(env), ctx: ctx}
	if w.d == nil {
		return fault.New(fault.Invalid, "cli.assess", "assess.need-address")
	}
	if f.product == "" {
		f.product = "product.yaml"
	}
	address, st, err := w.lead(f)
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

func (w *first) lead(f assessFlags) (string, *started, error) {
	w.say("assess.first.hello")
	address, open, err := w.device(f)
	if err != nil {
		return "", nil, err
	}
	st := &started{allowed: true}
	if _, err := os.Stat(f.product); err == nil {
		use, err := w.d.yes(w.ctx, w.l.T("assess.first.have", "file", f.product), true)
		if err != nil {
			return "", nil, err
		}
		if !use {
			return "", nil, fault.New(fault.Conflict, "cli.assess", "assess.first.other", "file", f.product)
		}
		return address.String(), st, nil
	}
	if open == nil {
		open = w.look(address)
	}
	return address.String(), st, w.declare(f.product, open, st)
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
			return a, nil, w.allowed()
		}
		sentence, _ := w.l.Error(err)
		tell(w.env, "  "+sentence)
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
