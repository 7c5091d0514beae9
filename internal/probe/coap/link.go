package coap

import (
	"net/url"
	"strings"
)

// Bounds of a list of resources.
const (
	maxLinks = 64
	maxPath  = 120
)

// link is a resource that a device lists (RFC 6690).
type link struct {
	path string
	kind string // resource type, attribute rt
}

// parseLinks reads a list in link format. What is not a path of the device is
// left out.
func parseLinks(s string) []link {
	var out []link
	for len(out) < maxLinks {
		start := strings.IndexByte(s, '<')
		if start < 0 {
			break
		}
		end := strings.IndexByte(s[start:], '>')
		if end < 0 {
			break
		}
		target := s[start+1 : start+end]
		attributes, rest := split(s[start+end+1:])
		s = rest
		u, err := url.Parse(target)
		if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, "/") || len(u.Path) > maxPath || u.RawQuery != "" {
			continue
		}
		l := link{path: u.Path}
		for _, a := range attributes {
			if k, v, _ := strings.Cut(a, "="); k == "rt" {
				l.kind = strings.Trim(v, `"`)
			}
		}
		out = append(out, l)
	}
	return out
}

// split takes the attributes of one link, up to the comma that ends it.
func split(s string) (attributes []string, rest string) {
	quoted, from := false, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';' || c == ',':
			if from < i {
				attributes = append(attributes, strings.TrimSpace(s[from:i]))
			}
			from = i + 1
			if c == ',' {
				return attributes, s[i+1:]
			}
		}
	}
	if from < len(s) {
		attributes = append(attributes, strings.TrimSpace(s[from:]))
	}
	return attributes, ""
}
