package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hoshi/internal/assess"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/ledger/durable"
	"hoshi/internal/probe"
)

// firstSecret is the environment variable that a declaration made here points to.
const firstSecret = "HOSHI_DEVICE_SECRET"

// declaration is what the five questions ask. What they do not ask is left open in
// the file, never made up.
type declaration struct {
	maker, name string
	models      []string
	firmware    string
	user        string // "" = nobody signs in
	initial     string // "" = not known
	ports       []evidence.Port
	secret      bool // the value is known
}

// declare asks the five questions and writes the declaration.
func (w *first) declare(file string, open []int, st *started) error {
	x, err := w.questions(open)
	if err != nil {
		return err
	}
	if _, err = x.write(w.l, file); err != nil {
		return err
	}
	st.made = file
	w.say("assess.first.written", "file", file, "number", strings.Count(x.yaml(w.l), "# "+w.l.T("assess.yaml.mark")))
	if x.user != "" && x.initial != "none" {
		st.password = func(ctx context.Context, o *assess.Options) error { return w.password(ctx, x, file, o) }
	}
	return nil
}

// password asks for the present password of the account, once sign-ins are agreed
// to. The file says only where a later test finds it.
func (w *first) password(ctx context.Context, x declaration, file string, o *assess.Options) error {
	s, err := w.d.secret(ctx, w.l.T("assess.first.secret", "user", x.user))
	if err != nil || s == "" {
		return err
	}
	x.secret = true
	o.Product, err = x.write(w.l, file)
	o.Secret = func(evidence.Secret) (string, error) { return s, nil }
	return err
}

// questions asks the five questions, each until its answer can be used.
func (w *first) questions(open []int) (x declaration, err error) {
	fmt.Fprintln(w.env.Stderr)
	w.say("assess.first.questions")
	portsKey := "assess.first.ports"
	if len(open) == 0 {
		portsKey = "assess.first.ports.unseen"
	}
	for i, q := range []struct {
		key, offered string
		args         []any
		read         func(string) error
	}{
		{"assess.first.product", "", nil, x.readProduct},
		{"assess.first.models", "", nil, x.readModels},
		{"assess.first.firmware", "", nil, x.readFirmware},
		{"assess.first.user", "admin", []any{"none", w.l.T("assess.first.none")}, func(s string) error { return x.readUser(s, w.l.T("assess.first.none")) }},
		{portsKey, numbers(open), []any{"none", w.l.T("assess.first.none")}, func(s string) error { return x.readPorts(s, w.l.T("assess.first.none")) }},
	} {
		for {
			s, err := w.d.line(w.ctx, fmt.Sprintf("%d/5 %s", i+1, w.l.T(q.key, q.args...)), q.offered)
			if err != nil {
				return x, err
			}
			if err = q.read(s); err == nil {
				break
			}
			why, _ := w.l.Error(err)
			tell(w.env, "    "+why)
		}
	}
	return x, nil
}

func numbers(ports []int) string {
	var out []string
	for _, p := range ports {
		out = append(out, fmt.Sprint(p))
	}
	return strings.Join(out, ", ")
}

func wrong(key string, args ...any) error {
	return fault.New(fault.Invalid, "cli.assess", key, args...)
}

// nothing reports whether an answer says that there is none.
func nothing(s, none string) bool {
	return s == "-" || strings.EqualFold(s, none) || strings.EqualFold(s, "none")
}

// comma are the signs that people put between the members of a list.
func comma(r rune) bool { return strings.ContainsRune(",、，､;；", r) }

func (x *declaration) readProduct(s string) error {
	maker, name, ok := strings.Cut(strings.ReplaceAll(s, "／", "/"), "/")
	if x.maker, x.name = strings.TrimSpace(maker), strings.TrimSpace(name); !ok || x.maker == "" || x.name == "" {
		return wrong("assess.first.product.wrong")
	}
	return nil
}

func (x *declaration) readModels(s string) error {
	x.models = nil
	for m := range strings.FieldsFuncSeq(s, comma) {
		switch m = strings.TrimSpace(m); {
		case m == "":
		case slices.Contains(x.models, m):
			return wrong("assess.first.twice", "word", m)
		default:
			x.models = append(x.models, m)
		}
	}
	if len(x.models) == 0 {
		return wrong("assess.first.empty")
	}
	return nil
}

func (x *declaration) readFirmware(s string) error {
	if x.firmware = s; s == "" {
		return wrong("assess.first.empty")
	}
	return nil
}

// readUser reads "admin", "admin 2" (with the way in which its first password
// comes about), "2" (of the account that was offered) or "none".
func (x *declaration) readUser(s, none string) error {
	x.user, x.initial = "", ""
	words := strings.Fields(s)
	if len(words) == 0 || nothing(s, none) {
		return nil
	}
	last := narrow(words[len(words)-1])
	if k, err := strconv.Atoi(last); err == nil {
		if k < 1 || k > len(evidence.Initials) {
			return wrong("assess.first.user.wrong", "word", last, "most", len(evidence.Initials))
		}
		x.initial = evidence.Initials[k-1]
		words = words[:len(words)-1]
	}
	if x.user = strings.Join(words, " "); x.user == "" {
		x.user = "admin"
	}
	if strings.Trim(x.user, "?？") == "" {
		return wrong("assess.first.user.unclear", "word", x.user)
	}
	return nil
}

// readPorts reads "443 settings page, 80 leads to 443": ports, each group with the
// reason behind it. A part without a number goes on with the reason before it.
func (x *declaration) readPorts(s, none string) error {
	x.ports = nil
	if nothing(s, none) {
		return nil
	}
	from := 0 // where the ports of the present reason begin
	for part := range strings.FieldsFuncSeq(s, comma) {
		words := strings.Fields(behind.ReplaceAllString(part, "$1 "))
		if len(words) == 0 {
			continue
		}
		if !digital(words[0]) {
			if len(x.ports) == 0 {
				return wrong("assess.first.not-a-port", "word", words[0])
			}
			for i := from; i < len(x.ports); i++ {
				x.ports[i].Reason = strings.TrimSpace(x.ports[i].Reason + ", " + strings.Join(words, " "))
			}
			continue
		}
		from = len(x.ports)
		for len(words) > 0 && digital(words[0]) {
			p, ok := portOf(words[0])
			switch {
			case !ok:
				return wrong("assess.first.not-a-port", "word", words[0])
			case slices.ContainsFunc(x.ports, func(q evidence.Port) bool { return q.Port == p }):
				return wrong("assess.first.twice", "word", words[0])
			}
			x.ports = append(x.ports, evidence.Port{Port: p, Service: serviceOf(p)})
			words = words[1:]
		}
		for i := from; i < len(x.ports); i++ {
			x.ports[i].Reason = strings.Join(words, " ")
		}
	}
	return nil
}

// behind is what people put between a port and its reason, as in "443: settings".
var behind = regexp.MustCompile(`^(\s*(?:(?i:tcp|udp)/)?[0-9０-９]+)\s*[:：=]`)

// digital reports whether a word is meant as a port: "443", "udp/5353".
func digital(word string) bool {
	w := strings.ToLower(narrow(word))
	return strings.HasPrefix(w, "tcp/") || strings.HasPrefix(w, "udp/") || strings.Trim(w, "0123456789") == ""
}

func portOf(word string) (string, bool) {
	p := strings.ToLower(narrow(word))
	if !strings.Contains(p, "/") {
		p = "tcp/" + p
	}
	n := probe.PortNumber(p)
	return p, n > 0 && (p == probe.TCP(n) || p == probe.UDP(n))
}

// serviceOf names what is usually found on a familiar port.
func serviceOf(port string) string {
	switch port {
	case "tcp/21":
		return "ftp"
	case "tcp/22":
		return "ssh"
	case "tcp/23":
		return "telnet"
	case "tcp/80", "tcp/8080":
		return "http"
	case "tcp/443", "tcp/8443":
		return "https"
	case "tcp/554":
		return "rtsp"
	case "tcp/1883":
		return "mqtt"
	case "udp/69":
		return "tftp"
	case "udp/161":
		return "snmp"
	case "udp/1900":
		return "ssdp"
	case "udp/5353":
		return "mdns"
	case "udp/5683":
		return "coap"
	}
	return "other"
}

// door is the port on which the account most likely signs in.
func (x declaration) door() string {
	for _, p := range []int{443, 8443, 80, 8080, 22, 23} {
		if slices.ContainsFunc(x.ports, func(q evidence.Port) bool { return q.Port == probe.TCP(p) }) {
			return probe.TCP(p)
		}
	}
	for _, p := range x.ports {
		if strings.HasPrefix(p.Port, "tcp/") {
			return p.Port
		}
	}
	return probe.TCP(443)
}

// write makes the file, whole or not at all, and returns what stands in it.
func (x declaration) write(l i18n.Lang, file string) ([]byte, error) {
	text := []byte(x.yaml(l))
	if _, err := evidence.ParseProduct(file, text); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(file, text, 0o644); err != nil {
		return nil, fault.Wrap(fault.Invalid, "cli.assess", err, "assess.out", "file", file)
	}
	return text, nil
}

// yaml writes the declaration with comments for whoever goes on with it. What was
// not asked is marked, with what becomes of the verdicts while it is left out.
func (x declaration) yaml(l i18n.Lang) string {
	var b strings.Builder
	note := func(indent, key string, args ...any) {
		args = append(args, "mark", l.T("assess.yaml.mark"))
		for line := range strings.SplitSeq(l.T(key, args...), "\n") {
			b.WriteString(indent + "# " + line + "\n")
		}
	}
	note("", "assess.yaml.head")
	var models []string
	for _, m := range x.models {
		models = append(models, quote(m))
	}
	fmt.Fprintf(&b, "\nformat: %s\n\n", evidence.ProductFormat)
	note("", "assess.yaml.product")
	fmt.Fprintf(&b, "product:\n  name: {ja: %s, en: %s}\n  vendor: {ja: %s, en: %s}\n  models: [%s]\n  firmware: %s\n\n",
		quote(x.name), quote(x.name), quote(x.maker), quote(x.maker), strings.Join(models, ", "), quote(x.firmware))
	note("", "assess.yaml.accounts")
	if x.user == "" {
		b.WriteString("accounts: []\n\n")
	} else {
		fmt.Fprintf(&b, "accounts:\n  - user: %s\n", quote(x.user))
		note("    ", "assess.yaml.door")
		fmt.Fprintf(&b, "    port: %s\n", x.door())
		if x.initial != "" {
			fmt.Fprintf(&b, "    initial: %s\n", x.initial)
		} else {
			note("    ", "assess.yaml.initial")
		}
		note("    ", "assess.yaml.changeable")
		if x.secret {
			fmt.Fprintf(&b, "    secret: {env: %s}\n", firstSecret)
		} else {
			note("    ", "assess.yaml.secret", "env", firstSecret)
		}
		b.WriteString("\n")
	}
	note("", "assess.yaml.ports")
	if len(x.ports) == 0 {
		b.WriteString("ports: []\n\n")
	} else {
		b.WriteString("ports:\n")
		for _, p := range x.ports {
			if p.Reason == "" {
				note("  ", "assess.yaml.reason")
			}
			fmt.Fprintf(&b, "  - {port: %s, service: %s, reason: %s}\n", p.Port, quote(p.Service), quote(p.Reason))
		}
		b.WriteString("\n")
	}
	for _, empty := range []string{"assets", "paths", "updates", "interfaces"} {
		note("", "assess.yaml."+empty)
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
