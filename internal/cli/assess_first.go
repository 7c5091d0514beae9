package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"hoshi/internal/assess"
	"hoshi/internal/assess/link"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
)

// firstSecret is the environment variable that a declaration made here points to.
const firstSecret = "HOSHI_DEVICE_SECRET"

// first leads a person who knows no option from nothing to a running test.
type first struct {
	env *Env
	l   i18n.Lang
	d   *dialog
	ctx context.Context
}

// declaration is what the five questions ask.
type declaration struct {
	maker, name, model, firmware string
	user, initial, port, secret  string
	ports                        []evidence.Port
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
	fmt.Fprintln(visible{w.env.Stderr}, w.l.T(key, args...))
}

func (w *first) lead(f assessFlags) (string, *started, error) {
	w.say("assess.first.hello")
	address, open, err := w.device(f)
	if err != nil {
		return "", nil, err
	}
	st := &started{}
	if _, err := os.Stat(f.product); err == nil {
		use, err := w.d.yes(w.ctx, w.l.T("assess.first.have", "file", f.product), true)
		if err != nil {
			return "", nil, err
		}
		if !use {
			return "", nil, fault.New(fault.Conflict, "cli.assess", "assess.first.other", "file", f.product)
		}
		st.secret = askedSecret(w.ctx, w.l, w.d)
		return address, st, nil
	}
	return address, st, w.declare(f.product, open, st)
}

// declare asks the five questions and writes the declaration.
func (w *first) declare(file string, open []int, st *started) error {
	x, err := w.questions(open)
	if err != nil {
		return err
	}
	text := x.yaml(w.l)
	if _, err := evidence.ParseProduct(file, []byte(text)); err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fault.Wrap(fault.Invalid, "cli.assess", err, "assess.out", "file", file)
	}
	_, err = out.WriteString(text)
	if err = errors.Join(err, out.Close()); err != nil {
		return fault.Wrap(fault.Unavailable, "cli.assess", err, "assess.out", "file", file)
	}
	w.say("assess.first.written", "file", file)
	st.secret = func(evidence.Secret) (string, error) { return x.secret, nil }
	return nil
}

// look finds the familiar ports of a device that was named.
func (w *first) look(a netip.Addr) []int { return link.Look(w.ctx, a) }

// device finds out which device is meant: its address, and familiar ports that are open.
func (w *first) device(f assessFlags) (string, []int, error) {
	links, err := link.Interfaces()
	if err != nil {
		links = nil // the person types the address then
	}
	if len(links) > 0 {
		w.say("assess.first.links")
		for i, x := range links {
			fmt.Fprintf(w.env.Stderr, "  %d  %s\n", i+1, w.l.T("assess.first.link."+string(x.Kind), "name", x.Name, "address", x.Prefix.Addr(), "network", x.Prefix.Masked()))
		}
		k, err := w.d.choose(w.ctx, w.l.T("assess.first.which-link"), len(links), 1)
		if err != nil {
			return "", nil, err
		}
		c, err := w.search(links[k-1])
		if err != nil || c != nil {
			if c != nil {
				return c.Addr.String(), c.Open, nil
			}
			return "", nil, err
		}
	}
	for {
		s, err := w.d.line(w.ctx, w.l.T("assess.first.address"), "")
		if err != nil {
			return "", nil, err
		}
		if s = narrow(s); s == "" {
			continue
		}
		a, err := assess.Resolve(w.ctx, s, nil, f.public)
		if err == nil {
			return s, w.look(a), nil
		}
		sentence, _ := w.l.Error(err)
		fmt.Fprintln(visible{w.env.Stderr}, sentence)
	}
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
		fmt.Fprintf(visible{w.env.Stderr}, "  %d  %-15s  %s  %s\n", i+1, c.Addr, c.MAC, w.words(c))
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
			ps = append(ps, fmt.Sprintf("%d (%s)", p, serviceOf(p)))
		}
		out = append(out, w.l.T("assess.first.open", "ports", strings.Join(ps, ", ")))
	}
	return strings.Join(out, "  ")
}

// serviceOf names what is usually found on a familiar port.
func serviceOf(port int) string {
	switch port {
	case 22:
		return "ssh"
	case 23:
		return "telnet"
	case 80, 8080:
		return "http"
	case 443, 8443:
		return "https"
	case 554:
		return "rtsp"
	case 1883:
		return "mqtt"
	}
	return "other"
}

// questions asks the five questions.
func (w *first) questions(open []int) (x declaration, err error) {
	w.say("assess.first.questions")
	need := func(key, offered string) string {
		for err == nil {
			var s string
			if s, err = w.d.line(w.ctx, w.l.T(key), offered); s != "" {
				return s
			}
		}
		return ""
	}
	x.maker = need("assess.first.maker", "")
	x.name = need("assess.first.name", "")
	x.model = need("assess.first.model", "")
	x.firmware = need("assess.first.firmware", "")
	if err != nil {
		return x, err
	}
	if err := w.account(&x, open); err != nil {
		return x, err
	}
	return x, w.openPorts(&x, open)
}

func (w *first) account(x *declaration, open []int) (err error) {
	none := w.l.T("assess.first.none")
	if x.user, err = w.d.line(w.ctx, w.l.T("assess.first.user", "none", none), "admin"); err != nil || x.user == none || x.user == "-" {
		x.user = ""
		return err
	}
	port := 443
	for _, p := range []int{443, 8443, 80, 8080, 22, 23} {
		if slices.Contains(open, p) {
			port = p
			break
		}
	}
	for x.port == "" {
		s, err := w.d.line(w.ctx, w.l.T("assess.first.user-port"), fmt.Sprint(port))
		if err != nil {
			return err
		}
		if p := "tcp/" + strings.TrimPrefix(narrow(s), "tcp/"); probe.PortNumber(p) > 0 {
			x.port = p
		}
	}
	for i, word := range evidence.Initials {
		fmt.Fprintf(w.env.Stderr, "  %d  %s\n", i+1, w.l.T("assess.first.initial."+word))
	}
	k, err := w.d.choose(w.ctx, w.l.T("assess.first.initial"), len(evidence.Initials), 1)
	if err != nil {
		return err
	}
	x.initial = evidence.Initials[k-1]
	x.secret, err = w.d.secret(w.ctx, w.l.T("assess.first.secret"))
	return err
}

func (w *first) openPorts(x *declaration, open []int) error {
	var offered []string
	for _, p := range open {
		offered = append(offered, fmt.Sprint(p))
	}
	for {
		s, err := w.d.line(w.ctx, w.l.T("assess.first.ports"), strings.Join(offered, " "))
		if err != nil {
			return err
		}
		x.ports = nil
		wrong := ""
		for _, word := range strings.FieldsFunc(narrow(s), func(r rune) bool { return r == ' ' || r == ',' || r == '、' || r == '､' }) {
			p := word
			if !strings.Contains(p, "/") {
				p = "tcp/" + p
			}
			n := probe.PortNumber(p)
			if p != probe.TCP(n) && p != probe.UDP(n) || slices.ContainsFunc(x.ports, func(q evidence.Port) bool { return q.Port == p }) {
				wrong = word
				break
			}
			x.ports = append(x.ports, evidence.Port{Port: p, Service: serviceOf(n)})
		}
		if wrong == "" {
			break
		}
		w.say("assess.first.not-a-port", "word", wrong)
	}
	for i := range x.ports {
		reason, err := w.d.line(w.ctx, "  "+w.l.T("assess.first.reason", "port", x.ports[i].Port, "service", x.ports[i].Service), "")
		if err != nil {
			return err
		}
		x.ports[i].Reason = reason
	}
	return nil
}

// yaml writes the declaration with comments for whoever goes on with it.
func (x declaration) yaml(l i18n.Lang) string {
	var b strings.Builder
	note := func(key string) {
		for line := range strings.SplitSeq(l.T(key), "\n") {
			b.WriteString("# " + line + "\n")
		}
	}
	note("assess.yaml.head")
	fmt.Fprintf(&b, "\nformat: %s\n\n", evidence.ProductFormat)
	note("assess.yaml.product")
	fmt.Fprintf(&b, "product:\n  name: {ja: %s, en: %s}\n  vendor: {ja: %s, en: %s}\n  models: [%s]\n  firmware: %s\n\n",
		quote(x.name), quote(x.name), quote(x.maker), quote(x.maker), quote(x.model), quote(x.firmware))
	note("assess.yaml.accounts")
	if x.user == "" {
		b.WriteString("accounts: []\n\n")
	} else {
		fmt.Fprintf(&b, "accounts:\n  - user: %s\n    port: %s\n    initial: %s\n    changeable: true\n", quote(x.user), x.port, x.initial)
		if x.secret != "" {
			fmt.Fprintf(&b, "    secret: {env: %s}\n", firstSecret)
		}
		b.WriteString("\n")
	}
	note("assess.yaml.ports")
	if len(x.ports) == 0 {
		b.WriteString("ports: []\n\n")
	} else {
		b.WriteString("ports:\n")
		for _, p := range x.ports {
			fmt.Fprintf(&b, "  - {port: %s, service: %s, reason: %s}\n", p.Port, quote(p.Service), quote(p.Reason))
		}
		b.WriteString("\n")
	}
	for _, empty := range []string{"assets", "paths", "updates", "interfaces"} {
		note("assess.yaml." + empty)
		b.WriteString(empty + ": []\n\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// quote writes a text as a YAML string; JSON strings are.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSpace(b.String())
}
