package imported

import (
	"encoding/pem"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/probe"
	"hoshi/internal/probe/tls"
)

// seen is what a TLS tool says of one port.
type seen struct {
	versions, suites, asked []string
	certs                   []map[string]any
	whole                   bool // suites were asked for one by one
	broken                  bool // the tool was stopped
}

func (s *seen) put(list *[]string, x string) {
	if x = probe.Clip(x); x != "" && !slices.Contains(*list, x) && len(*list) < 512 {
		*list = append(*list, x)
	}
}

// ports states what was seen; complete is false where the file does not tell that
// everything was asked.
func (f *File) ports(m map[string]*seen) {
	for _, port := range slices.Sorted(maps.Keys(m)) { // an order: the number of facts is bounded
		s := m[port]
		slices.Sort(s.versions)
		slices.Sort(s.suites)
		slices.Sort(s.asked)
		if len(s.asked) > 0 {
			f.add(stated("tls.version", port, map[string]any{"versions": append([]string{}, s.versions...), "asked": append([]string{}, s.asked...), "complete": len(s.asked) == 6}))
		}
		if len(s.suites) > 0 {
			f.add(stated("tls.suite", port, map[string]any{"suites": s.suites, "asked": 0, "complete": s.whole && !s.broken && len(s.asked) == 6}))
		}
		if len(s.certs) > 0 {
			f.add(stated("tls.certificate", port, map[string]any{"certificates": s.certs, "complete": true}))
		}
	}
}

// block finds a certificate in text in which line ends have become blanks.
var block = regexp.MustCompile(`-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----`)

// certificate takes in what stands in text; place counts from 0, the server's own.
func (s *seen) certificate(text string, place, days int) {
	for _, m := range block.FindAllStringSubmatch(text, 16) {
		body := strings.Join(strings.Fields(m[1]), "\n")
		p, _ := pem.Decode([]byte("-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n"))
		if p == nil || len(s.certs) >= 16 {
			continue
		}
		c, ok := tls.Certificate(p.Bytes, place, days)
		if ok && !slices.ContainsFunc(s.certs, func(o map[string]any) bool { return o["sha256"] == c["sha256"] }) {
			s.certs = append(s.certs, c)
		}
		place++
	}
}
