package http

import (
	"bytes"
	"context"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/probe"
)

// entrances are the kinds of sign-in over HTTP.
var entrances = []probe.Entrance{
	{Kind: "form", Attempt: attemptForm, Classify: classifyForm},
	{Kind: "basic", Attempt: attemptBasic, Classify: classifyScheme},
	{Kind: "digest", Attempt: attemptDigest, Classify: classifyScheme},
	{Kind: "json", Attempt: attemptJSON, Classify: classifyJSON},
}

// between stands between the answers of one attempt: the answer to the sign-in
// itself, then what the pages behind it say.
const between = "\r\n\r\n==== hoshi: next answer ====\r\n\r\n"

const (
	maxFirst = 14 << 10 // kept of the first answer when others follow
	maxNext  = 5 << 10  // kept of each of the others
)

// answers takes the recorded answers of one attempt apart.
func answers(recv []byte) (first Answer, next []Answer) {
	for i, p := range bytes.SplitN(recv, []byte(between), 8) {
		if a := ParseAnswer(p); i == 0 {
			first = a
		} else {
			next = append(next, a)
		}
	}
	return first, next
}

// visitor holds what a browser holds after it has signed in.
type visitor struct {
	t      *probe.Target
	d      probe.Door
	port   int
	cookie map[string]string
	auth   func(method, path string) (basicUser, basicPass, header string)
}

func newVisitor(t *probe.Target, d probe.Door) *visitor {
	return &visitor{t: t, d: d, port: probe.PortNumber(d.Port), cookie: map[string]string{}}
}

func (v *visitor) do(ctx context.Context, q Request) (sent, recv []byte, a Answer, err error) {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(v.cookie)) {
		pairs = append(pairs, k+"="+v.cookie[k])
	}
	q.Cookie = strings.Join(pairs, "; ")
	sent, recv, err = do(ctx, v.t, v.port, v.d.TLS, q)
	a = ParseAnswer(recv)
	for _, c := range a.Header.Values("Set-Cookie") {
		kv, _, _ := strings.Cut(c, ";")
		if k, val, ok := strings.Cut(kv, "="); ok && len(v.cookie) < 20 {
			v.cookie[strings.TrimSpace(k)] = strings.TrimSpace(val)
		}
	}
	return sent, recv, a, err
}

// behind visits pages that only people who are signed in may see: where the
// answer leads, the first page, and a declared place of assets. What they say
// tells a sign-in that works from one that must change its value first.
func (v *visitor) behind(ctx context.Context, recv []byte, a Answer, extra ...string) []byte {
	host := v.t.Host(v.port, v.d.TLS)
	var paths []string
	add := func(p string) {
		if p != "" && !slices.Contains(paths, p) && len(paths) < 3 && !action.MatchString(p) {
			paths = append(paths, p)
		}
	}
	if to, ok := resolve(v.d.Path, a.Header.Get("Location"), host, v.d.TLS); ok && a.Header.Get("Location") != "" {
		add(to)
	}
	for _, p := range extra {
		add(p)
	}
	for _, p := range v.t.Paths {
		if p.Port == v.port {
			add(p.URL)
		}
	}
	add("/")
	recv = recv[:min(len(recv), maxFirst)]
	for _, p := range paths {
		q := Request{Method: "GET", Path: p}
		if v.auth != nil {
			user, pass, header := v.auth("GET", p)
			q.Basic, q.User, q.Pass, q.Auth = header == "", user, pass, header
		}
		_, more, next, err := v.do(ctx, q)
		if err != nil {
			continue
		}
		recv = append(append(slices.Clip(recv), between...), more[:min(len(more), maxNext)]...)
		for _, l := range parsePage(next.Body).Links {
			if to, ok := resolve(p, l, host, v.d.TLS); ok && !leadsAway.MatchString(to) {
				add(to)
			}
		}
	}
	return recv
}

var (
	// back: a redirect that leads to the sign-in page again.
	back = regexp.MustCompile(`(?i)(login|sign-?in|auth|err|fail|invalid)`)
	// change: a place where values are set.
	change = regexp.MustCompile(`(?i)(passw|pwd|change|set-?up|first|initial|wizard|welcome)`)
	// leadsAway: links that tell nothing about what a signed-in person may do.
	leadsAway = regexp.MustCompile(`(?i)(login|logout|sign|passw|pwd|change|\.(css|js|png|jpe?g|gif|svg|ico|woff2?)(\?|$))`)
)

// forced: every page behind the sign-in leads to where the value is changed, or
// nowhere.
func forced(next []Answer) bool {
	seen, onlyChange, shows := 0, 0, false
	for _, a := range next {
		if a.Status == 0 {
			continue
		}
		seen++
		p := parsePage(a.Body)
		switch to := location(a); {
		case changeForm(p) || probe.SaysChange(a.Body):
			onlyChange, shows = onlyChange+1, true
		case a.Status >= 300 && a.Status < 400 && change.MatchString(to):
			onlyChange, shows = onlyChange+1, true
		case a.Status == 401 || a.Status == 403 || a.Status == 404:
			onlyChange++
		}
	}
	return shows && onlyChange == seen
}

// outside: every page behind asks for a sign-in again.
func outside(next []Answer) bool {
	for _, a := range next {
		_, form := parsePage(a.Body).SignInForm()
		if !form && a.Status != 401 && (a.Status < 300 || a.Status >= 400 || !back.MatchString(location(a))) {
			return false
		}
	}
	return len(next) > 0
}

// changeForm: a page asks for a new value, as forms with two or three password
// fields do.
func changeForm(p Page) bool {
	return slices.ContainsFunc(p.Forms, func(f Form) bool {
		n := 0
		for _, x := range f.Fields {
			if x.Type == "password" {
				n++
			}
		}
		return n >= 2
	})
}

// busy: an answer that says by itself that it turns people away.
func busy(a Answer) bool {
	return a.Status == 429 || a.Status == 423 || a.Status == 503 || a.RetryAfter > 0
}

// works: a page behind the sign-in was shown.
func works(next []Answer) bool {
	return slices.ContainsFunc(next, func(a Answer) bool {
		_, form := parsePage(a.Body).SignInForm()
		return a.Status >= 200 && a.Status < 300 && len(a.Body) > 0 && !form && !probe.SaysChange(a.Body) && !changeForm(parsePage(a.Body)) && !shell(a)
	})
}

// shell: the page of an application that a script fills; it says nothing.
func shell(a Answer) bool {
	return strings.Contains(strings.ToLower(a.Header.Get("Content-Type")), "html") && bytes.Contains(bytes.ToLower(a.Body), []byte("<script"))
}

// same: two answers say the same, apart from long numbers such as times and ids.
func same(a, b Answer) bool {
	return a.Status == b.Status && bytes.Equal(digits.ReplaceAll(a.Body, nil), digits.ReplaceAll(b.Body, nil))
}

var digits = regexp.MustCompile(`[0-9]{4,}`)

// location is the path of a redirect, without its query.
func location(a Answer) string {
	u, err := url.Parse(strings.TrimSpace(a.Header.Get("Location")))
	if err != nil {
		return ""
	}
	return u.Path
}
