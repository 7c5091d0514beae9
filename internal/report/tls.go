package report

import (
	"fmt"
	"slices"
	"strings"

	"hoshi/internal/criteria"
	"hoshi/internal/fact"
	"hoshi/internal/probe"
	probetls "hoshi/internal/probe/tls"
)

// tlsRow is one port of the TLS table.
type tlsRow struct {
	Port     string
	Versions []mark // one for each version that was asked for
	Suites   []mark // the accepted ones
	Complete bool
	Key      string // of the certificate, "" when not seen
}

// mark is a word and what the policy of the edition says of it.
type mark struct {
	Word     string
	Accepted bool // by the device
	Allowed  bool // by the policy
	Judged   bool // the edition has such a policy
}

// tls fills the table of TLS versions and suites.
func (p *page) tls(e *criteria.Edition, facts fact.Set) {
	versions, suites := policy(e, "allowed_tls_versions"), policy(e, "allowed_tls_suites")
	for _, f := range facts.Named("tls.version") {
		r := tlsRow{Port: f.Subject, Complete: probe.Bool(f.Value, "complete")}
		got := words(f.Value, "versions")
		for _, v := range slices.Backward(probetls.Versions) {
			r.Versions = append(r.Versions, mark{v.String(), slices.Contains(got, v.String()), slices.Contains(versions, v.String()), versions != nil})
		}
		if s, ok := facts.Get("tls.suite", f.Subject); ok {
			for _, x := range words(s.Value, "suites") {
				r.Suites = append(r.Suites, mark{x, true, slices.Contains(suites, x), suites != nil})
			}
		}
		if c, ok := facts.Get("tls.certificate", f.Subject); ok {
			m, _ := c.Value.(map[string]any)
			if list, _ := m["certificates"].([]any); len(list) > 0 { // the device's own stands first
				r.Key = fmt.Sprintf("%s %d", strings.ToUpper(probe.Str(list[0], "key")), probe.Int(list[0], "bits"))
			}
		}
		p.TLS = append(p.TLS, r)
	}
}

func words(v any, member string) []string {
	m, _ := v.(map[string]any)
	list, _ := m[member].([]any)
	var out []string
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// policy finds a list of the edition's policies by its name, nil when none has it.
func policy(e *criteria.Edition, name string) []string {
	for _, p := range e.Policies {
		for _, l := range p.Lists {
			if l.Name == name {
				return l.Values
			}
		}
	}
	return nil
}

// ssh fills the table of SSH algorithms that servers offer.
func (p *page) ssh(e *criteria.Edition, facts fact.Set) {
	for _, f := range facts.Named("ssh.algorithm") {
		r := sshRow{Port: f.Subject}
		for _, x := range []struct{ member, list string }{{"kex", "allowed_ssh_kex"}, {"hostKey", "allowed_ssh_host_keys"}, {"cipher", "allowed_ssh_ciphers"}, {"mac", "allowed_ssh_macs"}} {
			allowed := policy(e, x.list)
			g := sshGroup{Kind: x.member}
			for _, w := range words(f.Value, x.member) {
				g.Words = append(g.Words, mark{w, true, slices.Contains(allowed, w), allowed != nil})
			}
			r.Groups = append(r.Groups, g)
		}
		p.SSH = append(p.SSH, r)
	}
}

// sshRow is one SSH server.
type sshRow struct {
	Port   string
	Groups []sshGroup
}

type sshGroup struct {
	Kind  string // "kex", "hostKey", "cipher", "mac"
	Words []mark
}
