package http

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/probe"
)

// static are files that do nothing but be read.
var static = regexp.MustCompile(`(?i)\.(js|mjs|css|png|jpe?g|gif|svg|ico|woff2?|map)$`)

var script = regexp.MustCompile(`(?i)\.m?js$`)

// Links that may do something are not followed.
var action = regexp.MustCompile(`(?i)(reboot|restart|reset|delete|remove|erase|format|upgrade|update|shutdown|logout|signout|logoff|save|set[_-]?|apply|exec|start|stop|enable|disable|factory)`)

// Places where a sign-in usually is, tried when no link leads to one; and a place
// that surely is none, to compare with.
var (
	usual    = []string{"/login", "/login.html", "/index.html", "/admin"}
	usualAPI = []string{"/api/login", "/api/v1/login", "/api/auth/login", "/api/session"}
	nowhere  = "/api/hoshi-no-such-place"
)

// site is what the records of one web server say so far. A live run decides from
// it where to look next; a replay reads the same facts from it.
type site struct {
	host   string // as the Host header named the server
	secure bool

	seen    map[string]Answer
	queue   []string
	guessed bool
	found   []entrance
	places  []endpoint // on this server
	control Answer     // answer of the place that surely is none
	builder string     // where a script builds a password input
	details map[string]string
	source  map[string]string
	posts   map[string]bool // where forms send to: the same form on many pages is one
}

// entrance is a way to sign in.
type entrance struct {
	kind, path string
	source     string
	bare       bool // a form that says nowhere where it is sent to
}

func newSite() *site {
	return &site{seen: map[string]Answer{}, queue: []string{"/"}, details: map[string]string{}, source: map[string]string{}, posts: map[string]bool{}}
}

// next is the place to look at now, "" when nothing is left.
func (s *site) next() string {
	for {
		for len(s.queue) > 0 {
			p := s.queue[0]
			s.queue = s.queue[1:]
			if _, done := s.seen[p]; !done {
				return p
			}
		}
		if s.guessed || len(s.entrances()) > 0 {
			return ""
		}
		s.guessed = true
		s.queue = slices.Concat(usual, []string{nowhere}, usualAPI)
	}
}

// note takes one record of event "page" or "excerpt" in.
func (s *site) note(r probe.Record) {
	if s.host == "" {
		s.host, s.secure = sentHost(r.Sent), r.Detail == "tls"
	}
	if r.Event == "excerpt" {
		s.scriptSays(r.Recv, r.Item)
		return
	}
	a := ParseAnswer(r.Recv)
	if _, done := s.seen[r.Item]; done {
		return
	}
	s.seen[r.Item], s.source[r.Item] = a, r.Source()
	if a.Status == 0 {
		return
	}
	if r.Item == nowhere {
		s.control = a
		return
	}
	if v := a.Header.Get("Server"); v != "" && s.details["server"] == "" {
		s.detail("server", v, r)
	}
	kind := strings.ToLower(a.Header.Get("Content-Type"))
	switch {
	case script.MatchString(r.Item) || strings.Contains(kind, "javascript"):
		s.scriptSays(a.Body, r.Item)
	case strings.Contains(kind, "json"):
		s.offer(r.Item, documented(a.Body))
	default:
		s.page(r, a)
	}
	s.challenge(r, a)
}

// page reads an HTML page: forms, links, scripts, title.
func (s *site) page(r probe.Record, a Answer) {
	p := parsePage(a.Body)
	if p.Title != "" && s.details["title"] == "" && a.Status < 300 {
		s.detail("title", p.Title, r)
	}
	s.scriptSays(p.Inline, r.Item)
	if a.Status < 300 || a.Status == 401 || a.Status == 403 {
		f, ok := p.SignInForm()
		switch {
		case ok:
			to := r.Item
			if f.Action != "" {
				to = f.Action
			}
			if !s.posts[to] {
				s.posts[to] = true
				s.found = append(s.found, entrance{"form", r.Item, r.Source(), f.Bare})
			}
		case p.Password && s.builder == "":
			s.builder = r.Item
		}
	}
	links := slices.Concat(p.Scripts, p.Links)
	if to := a.Header.Get("Location"); to != "" && a.Status >= 300 && a.Status < 400 {
		links = append([]string{to}, links...)
		if strings.HasPrefix(strings.ToLower(to), "https:") && !s.secure {
			s.detail("redirect", "https", r)
		}
	}
	for _, l := range links {
		s.follow(r.Item, l)
	}
}

// follow puts a link in the queue when it leads to this server and does nothing
// but read.
func (s *site) follow(base, link string) {
	p, ok := resolve(base, link, s.host, s.secure)
	if !ok || len(p) > 200 || len(s.queue) > 200 || slices.Contains(s.queue, p) {
		return
	}
	if _, done := s.seen[p]; done || static.MatchString(p) && !script.MatchString(p) || action.MatchString(p) && !script.MatchString(p) {
		return
	}
	low := strings.ToLower(p)
	switch {
	case strings.Contains(low, "login") || strings.Contains(low, "sign") || strings.Contains(low, "auth"):
		s.queue = slices.Insert(s.queue, 0, p)
	default:
		s.queue = append(s.queue, p)
	}
}

func (s *site) scriptSays(text []byte, from string) {
	s.offer(from, endpoints(text))
	if s.builder == "" && built.Match(text) {
		s.builder = from
	}
}

// offer takes places of an API in and looks at them next. It asks them with GET,
// which signs nobody in.
func (s *site) offer(base string, places []endpoint) {
	if script.MatchString(base) {
		base = "/" // scripts speak of places as seen from the page
	}
	for _, e := range places {
		p, ok := resolve(base, e.path, s.host, s.secure)
		if !ok || action.MatchString(p) || len(s.places) >= maxEndpoints {
			continue
		}
		e.path = p
		i := slices.IndexFunc(s.places, func(x endpoint) bool { return x.path == p })
		switch {
		case i < 0:
			s.places = append(s.places, e)
		case s.places[i].pass == "":
			s.places[i] = e
		}
		if _, done := s.seen[p]; !done && !slices.Contains(s.queue, p) {
			s.queue = slices.Insert(s.queue, 0, p)
		}
	}
}

var scheme = regexp.MustCompile(`(?i)(?:^|,\s*)(basic|digest|bearer|negotiate|ntlm)\b`)

// challenge reads which schemes an answer demands.
func (s *site) challenge(r probe.Record, a Answer) {
	if a.Status != 401 {
		return
	}
	for _, h := range a.Header.Values("WWW-Authenticate") {
		for _, m := range scheme.FindAllStringSubmatch(h, 8) {
			kind := strings.ToLower(m[1])
			if kind != "basic" && kind != "digest" {
				kind = "other"
			}
			if !slices.ContainsFunc(s.found, func(e entrance) bool { return e.kind == kind }) {
				s.found = append(s.found, entrance{kind, r.Item, r.Source(), false})
			}
		}
	}
}

// isJSON: the answer is a JSON document.
func (a Answer) isJSON() bool {
	b := bytes.TrimSpace(a.Body)
	return strings.Contains(strings.ToLower(a.Header.Get("Content-Type")), "json") || len(b) > 1 && (b[0] == '{' && b[len(b)-1] == '}')
}

// takesPOST: GET is answered as by a place that wants something sent to it.
func (a Answer) takesPOST() bool {
	return a.Status == 405 || a.isJSON() && (a.Status == 200 || a.Status == 400 || a.Status == 401 || a.Status == 403 || a.Status == 411 || a.Status == 415 || a.Status == 422)
}

// entrances are the ways to sign in that were found. What is known to exist and
// not understood is one of kind "other".
func (s *site) entrances() []entrance {
	out := slices.Clone(s.found)
	apis := 0
	add := func(path, user, pass string) {
		if pass != "" {
			path = jsonPath(path, user, pass)
		}
		at, _, _ := strings.Cut(path, "#")
		out, apis = append(out, entrance{"json", path, s.source[at], false}), apis+1
	}
	for _, e := range s.places {
		a, asked := s.seen[e.path]
		if !asked || a.Status == 0 {
			continue
		}
		if _, form := parsePage(a.Body).SignInForm(); form {
			continue
		}
		if e.pass != "" && credentialPlace.MatchString(e.path) || a.takesPOST() && !a.same(s.control) {
			add(e.path, e.user, e.pass)
		}
	}
	if apis == 0 && s.control.Status != 0 {
		for _, p := range usualAPI {
			if a := s.seen[p]; a.takesPOST() && a.Status != 200 && !a.same(s.control) {
				add(p, "", "")
				break
			}
		}
	}
	if apis > 0 { // forms without a target of their own are sent by the script
		out = slices.DeleteFunc(out, func(e entrance) bool { return e.bare })
	}
	if len(out) == 0 && s.builder != "" {
		out = append(out, entrance{"other", s.builder, s.source[s.builder], false})
	}
	// A first page that did not come, or turned us away, hides what is behind it.
	if a := s.seen["/"]; len(out) == 0 && (a.Status == 401 || a.Status == 0) {
		out = append(out, entrance{"other", "/", s.source["/"], false})
	}
	return out
}

// credentialPlace tells a place where values are sent from places of pages that
// the same script names.
var credentialPlace = regexp.MustCompile(`(?i)(login|log_in|sign-?_?in|authenticate|auth|session|token)[^/]*/?$`)

// same: two answers say the same, such as "sign in first" at every place.
func (a Answer) same(b Answer) bool { return a.Status == b.Status && bytes.Equal(a.Body, b.Body) }

func (s *site) detail(key, value string, r probe.Record) {
	if _, ok := s.details[key]; !ok {
		s.details[key] = probe.Excerpt([]byte(value))
		s.source["detail "+key] = r.Source()
	}
}

func sortEndpoints(es []endpoint) {
	slices.SortFunc(es, func(a, b endpoint) int { return cmp.Compare(a.path, b.path) })
}

// sentHost reads the Host header of a recorded request.
func sentHost(sent []byte) string {
	for line := range strings.SplitSeq(string(sent), "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, "host") {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
