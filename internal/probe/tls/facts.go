package tls

import (
	"maps"
	"slices"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// parse states tls.version, tls.suite, tls.group and tls.certificate for each port
// asked. complete is true only when every version was settled.
func parse(records []probe.Record) fact.Set {
	ports := map[string]*seen{}
	var order []string
	for _, r := range records {
		s := ports[r.Port]
		if s == nil {
			if probe.PortNumber(r.Port) == 0 {
				continue
			}
			s = &seen{versions: map[Version]bool{}, suites: map[string]bool{}, offered: map[uint16]bool{}, groups: map[string]bool{}, certs: map[string]map[string]any{}}
			ports[r.Port] = s
			order = append(order, r.Port)
		}
		s.record(r)
	}
	slices.Sort(order)
	var out fact.Set
	for _, port := range order {
		out = append(out, ports[port].facts(port)...)
	}
	return out
}

// seen is what the records say of one port.
type seen struct {
	versions          map[Version]bool
	suites, groups    map[string]bool
	offered           map[uint16]bool
	certs             map[string]map[string]any // by fingerprint
	unread            bool
	dhBits            int
	settled           []string
	hellos, ends, own []string // sources of versions and suites, of what is settled, of groups and certificates
}

func (s *seen) record(r probe.Record) {
	switch r.Event {
	case "hello":
		v, offered, err := offered(r.Sent)
		if err != nil {
			return
		}
		for _, id := range offered {
			s.offered[id] = true
		}
		a := ParseAnswer(r.Recv)
		if !a.Hello || a.Version != v {
			return
		}
		got := a.Suites
		if v != SSL20 {
			got = []uint16{a.Suite}
		}
		for _, id := range got {
			if slices.Contains(offered, id) {
				s.versions[v] = true
				s.suites[Suite(id)] = true
			}
		}
		s.hellos = append(s.hellos, r.Source())
	case "flight":
		f := parseFlight(r.Recv)
		if f.group != 0 {
			s.groups[Group(f.group)] = true
		}
		if f.dhBits > 0 && (s.dhBits == 0 || f.dhBits < s.dhBits) {
			s.dhBits = f.dhBits
		}
		s.chain(f.chain, r)
	case "group":
		if a := ParseAnswer(r.Recv); a.Hello && a.Group != 0 {
			s.groups[Group(a.Group)] = true
			s.own = append(s.own, r.Source())
		}
	case "certificate":
		s.chain(certificates(r.Recv), r)
	case "settled":
		if !slices.Contains(s.settled, r.Item) {
			s.settled = append(s.settled, r.Item)
			s.ends = append(s.ends, r.Source())
		}
	}
}

func (s *seen) chain(chain [][]byte, r probe.Record) {
	if len(chain) == 0 {
		return
	}
	s.own = append(s.own, r.Source())
	for i, der := range chain {
		c, ok := Certificate(der, i, r.Number)
		if !ok {
			s.unread = true
			continue
		}
		if id := c["sha256"].(string); s.certs[id] == nil {
			s.certs[id] = c
		}
	}
}

func (s *seen) facts(port string) fact.Set {
	complete := true
	versions, asked := []string{}, []string{}
	for _, v := range Versions {
		if s.versions[v] {
			versions = append(versions, v.String())
		}
		if slices.Contains(s.settled, v.String()) {
			asked = append(asked, v.String())
		} else {
			complete = false
		}
	}
	slices.Sort(asked)
	slices.Sort(versions)
	certs := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(s.certs)) {
		certs = append(certs, s.certs[id])
	}
	slices.SortStableFunc(certs, func(a, b map[string]any) int { return a["place"].(int) - b["place"].(int) })
	sources := append(slices.Clone(s.hellos), s.ends...)
	own := append(slices.Clone(s.own), s.ends...)
	return fact.Set{
		probe.Observed("tls.certificate", port, map[string]any{"certificates": certs,
			"complete": !s.unread && len(certs) > 0 && slices.Contains(s.settled, "certificate")}, own...),
		probe.Observed("tls.group", port, map[string]any{"groups": names(s.groups), "dhBits": s.dhBits, "complete": slices.Contains(s.settled, "group")}, own...),
		probe.Observed("tls.suite", port, map[string]any{"suites": names(s.suites), "asked": len(s.offered), "complete": complete}, sources...),
		probe.Observed("tls.version", port, map[string]any{"versions": versions, "asked": asked, "complete": complete}, sources...),
	}
}

func names(m map[string]bool) []string {
	out := slices.Sorted(maps.Keys(m))
	if out == nil {
		return []string{}
	}
	return out
}
