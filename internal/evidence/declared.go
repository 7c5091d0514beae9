package evidence

import (
	"cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// Facts states the declared facts. Secrets and their places are not among them.
func (p *Product) Facts() fact.Set {
	var out fact.Set
	add := func(name, subject string, v map[string]any) {
		n, err := fact.Normal(v)
		if err != nil {
			panic(err) // only texts, booleans and lists of texts are put in below
		}
		out = append(out, fact.Fact{Name: name, Subject: subject, Value: n, Origin: fact.Declared, Source: []string{"product.yaml"}})
	}
	for _, a := range p.Accounts {
		add("declared.account", a.User+"@"+a.Port, map[string]any{"user": a.User, "port": a.Port, "initial": cmp.Or(a.Initial, "unknown"),
			"changeable": a.Changeable != nil && *a.Changeable, "changeableSaid": a.Changeable != nil})
	}
	carried := map[string][]string{}
	for _, a := range p.Assets {
		for _, id := range a.Paths {
			carried[id] = append(carried[id], a.ID)
		}
		add("declared.asset", a.ID, map[string]any{"kind": a.Kind, "name": a.Name, "stored": a.Stored != "", "sent": len(a.Paths) > 0})
	}
	for _, x := range p.Paths {
		add("declared.path", x.ID, map[string]any{"assets": append([]string{}, carried[x.ID]...), "port": x.Port, "local": x.Port != "",
			"to": x.To, "network": x.Network == nil || *x.Network, "public": x.Public, "protection": x.Protection})
	}
	for _, x := range p.Ports {
		add("declared.port", x.Port, map[string]any{"service": x.Service, "reason": x.Reason})
	}
	for _, u := range p.Updates {
		add("declared.update", u.ID, map[string]any{"network": u.Network, "integrity": u.Integrity})
	}
	add("declared.summary", "", map[string]any{"assets": len(p.Assets), "paths": len(p.Paths), "ports": len(p.Ports),
		"accounts": len(p.Accounts), "updates": len(p.Updates)})
	out.Sort()
	return out
}

// Readable are the declared places on the device where assets can be read over
// TCP and that are not meant for everybody: what the test reads without a sign-in.
func (p *Product) Readable() []probe.Path {
	var out []probe.Path
	for _, x := range p.Paths {
		if x.Port != "" && !x.Public && x.Port[:4] == "tcp/" {
			out = append(out, probe.Path{ID: x.ID, Port: probe.PortNumber(x.Port), URL: x.URL, TLS: x.Protection == "tls"})
		}
	}
	return out
}
