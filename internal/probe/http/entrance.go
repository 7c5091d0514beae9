package http

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/probe"
)

// Entrances are the kinds of sign-in over HTTP.
var Entrances = []probe.Entrance{
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
	sent, recv, err = Do(ctx, v.t, v.port, v.d.TLS, q)
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
	if to, ok := Resolve(v.d.Path, a.Header.Get("Location"), host, v.d.TLS); ok && a.Header.Get("Location") != "" {
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
		for _, l := range ParsePage(next.Body).Links {
			if to, ok := Resolve(p, l, host, v.d.TLS); ok && !leadsAway.MatchString(to) {
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
		p := ParsePage(a.Body)
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
		_, form := ParsePage(a.Body).SignInForm()
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

// attemptForm reads the page afresh, because it may hold a token for one use, and
// posts it.
func attemptForm(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	v := newVisitor(t, d)
	sent, recv, a, err := v.do(ctx, Request{Method: "GET", Path: d.Path})
	if err != nil {
		return sent, recv, err
	}
	f, ok := ParsePage(a.Body).SignInForm()
	if !ok {
		return sent, recv, nil // such as "too many attempts": that is the answer
	}
	to := d.Path
	if f.Action != "" {
		if to, ok = Resolve(d.Path, f.Action, t.Host(v.port, d.TLS), d.TLS); !ok {
			return sent, recv, probe.ErrElsewhere
		}
	}
	fill := func(pass string) Request {
		q := Request{Method: f.Method, Path: to, Form: f.Fill(user, pass)}
		if q.Method == "GET" {
			p, _, _ := strings.Cut(q.Path, "?")
			q.Path = p + "?" + q.Form.Encode()
		}
		return q
	}
	_, recv, a, err = v.do(ctx, fill(pass))
	to = location(a)
	if _, form := ParsePage(a.Body).SignInForm(); !form && a.Status >= 200 && a.Status < 400 && (to == "" || !back.MatchString(to)) &&
		!probe.SaysWrong(a.Body) && !probe.SaysLimited(a.Body) {
		recv = v.behind(ctx, recv, a)
	}
	return fill(probe.Mask).Bytes(t.Host(v.port, d.TLS)), recv, err
}

func classifyForm(base, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	a, next := answers(r.Recv)
	if a.Status == 0 {
		return probe.Unclear
	}
	if busy(a) {
		return probe.Limited
	}
	b, _ := answers(base.Recv)
	if bytes.Equal(a.Body, b.Body) && a.Status == b.Status && location(a) == location(b) {
		return probe.Refused
	}
	if probe.SaysLimited(a.Body) && !probe.SaysLimited(b.Body) {
		return probe.Limited
	}
	_, form := ParsePage(a.Body).SignInForm()
	switch {
	case a.Status >= 300 && a.Status < 400:
		if location(a) == location(b) && a.Status == b.Status || back.MatchString(location(a)) {
			return probe.Refused
		}
	case form, a.Status == 401:
		return probe.Refused
	case a.Status == 403:
		if b.Status == 403 {
			return probe.Refused
		}
		return probe.Limited
	case a.Status >= 200 && a.Status < 300:
		if a.Status == b.Status && (probe.SaysWrong(a.Body) && probe.SaysWrong(b.Body) || same(a, b) || outside(next)) {
			return probe.Refused
		}
	default:
		return probe.Unclear
	}
	if changeForm(ParsePage(a.Body)) && len(next) == 0 {
		return probe.Forced
	}
	if forced(next) {
		return probe.Forced
	}
	return probe.Accepted
}

// busy: an answer that says by itself that it turns people away.
func busy(a Answer) bool {
	return a.Status == 429 || a.Status == 423 || a.Status == 503 || a.RetryAfter > 0
}

func attemptBasic(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	v := newVisitor(t, d)
	v.auth = func(string, string) (string, string, string) { return user, pass, "" }
	_, recv, a, err := v.do(ctx, Request{Method: "GET", Path: d.Path, Basic: true, User: user, Pass: pass})
	if err == nil && a.Status >= 200 && a.Status < 400 {
		recv = v.behind(ctx, recv, a, d.Path)
	}
	return masked(t, d, v.port, "Basic "+probe.Mask), recv, err
}

func attemptDigest(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	v := newVisitor(t, d)
	sent, recv, a, err := v.do(ctx, Request{Method: "GET", Path: d.Path})
	if err != nil {
		return sent, recv, err
	}
	for range 2 { // a second time when the nonce was too old
		c, ok := DigestChallenge(a.Header.Values("WWW-Authenticate"))
		if !ok || a.Status != 401 {
			break // such as "too many attempts": that is the answer
		}
		cnonce := hex.EncodeToString(t.Random(8))
		use := 0
		v.auth = func(method, path string) (string, string, string) {
			use++
			return "", "", c.Answer(method, cleanPath(path), user, pass, cnonce, use)
		}
		_, _, header := v.auth("GET", d.Path)
		if _, recv, a, err = v.do(ctx, Request{Method: "GET", Path: d.Path, Auth: header}); err != nil {
			break
		}
		if c, ok := DigestChallenge(a.Header.Values("WWW-Authenticate")); a.Status != 401 || !ok || !c.Stale {
			break
		}
	}
	if v.auth != nil && err == nil && a.Status >= 200 && a.Status < 300 {
		recv = v.behind(ctx, recv, a, d.Path)
	}
	return masked(t, d, v.port, "Digest "+probe.Mask), recv, err
}

// masked is the request of a scheme with its proof left out.
func masked(t *probe.Target, d probe.Door, port int, header string) []byte {
	return Request{Method: "GET", Path: d.Path, Auth: header}.Bytes(t.Host(port, d.TLS))
}

// classifyScheme reads answers to HTTP's own schemes of signing in.
func classifyScheme(_, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	a, next := answers(r.Recv)
	switch {
	case a.Status == 0:
		return probe.Unclear
	case busy(a), a.Status == 403:
		return probe.Limited
	case a.Status == 401:
		if c, ok := DigestChallenge(a.Header.Values("WWW-Authenticate")); ok && c.Stale {
			return probe.Unclear
		}
		return probe.Refused
	case a.Status >= 200 && a.Status < 400:
		if forced(next) {
			return probe.Forced
		}
		return probe.Accepted
	}
	return probe.Unclear
}

// usualFields are the names under which APIs usually take user and password.
var usualFields = [][2]string{{"username", "password"}, {"user", "password"}, {"email", "password"}, {"login", "password"}, {"user", "pass"}}

// JSONPath puts the names of the two fields behind the path of a JSON sign-in, as
// its door carries them: "/api/login#username,password".
func JSONPath(path, user, pass string) string { return path + "#" + user + "," + pass }

func jsonDoor(d probe.Door) (path string, fields [][2]string) {
	path, names, ok := strings.Cut(d.Path, "#")
	if u, p, two := strings.Cut(names, ","); ok && two && p != "" {
		return path, [][2]string{{u, p}}
	}
	return path, usualFields
}

// attemptJSON posts user and password as a JSON object. A request that was
// complained about for its form was no attempt and is made again with other names.
func attemptJSON(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	v := newVisitor(t, d)
	path, fields := jsonDoor(d)
	body := func(f [2]string, pass string) []byte {
		m := map[string]string{f[1]: pass}
		if f[0] != "" {
			m[f[0]] = user
		}
		b, _ := json.Marshal(m)
		return b
	}
	var a Answer
	for _, f := range fields {
		_, recv, a, err = v.do(ctx, Request{Method: "POST", Path: path, JSON: body(f, pass)})
		sent = Request{Method: "POST", Path: path, JSON: body(f, probe.Mask)}.Bytes(t.Host(v.port, d.TLS))
		if err != nil || !misshapen(a) {
			break
		}
	}
	token := bearer(a.Body)
	if err == nil && a.Status >= 200 && a.Status < 300 && (token != "" || len(v.cookie) > 0 || probe.SaysChange(a.Body)) {
		if token != "" {
			v.auth = func(string, string) (string, string, string) { return "", "", "Bearer " + token }
		}
		v.d.Path = path
		recv = v.behind(ctx, recv, a)
	}
	if token != "" {
		recv = bytes.ReplaceAll(recv, []byte(token), []byte(probe.Mask))
	}
	return sent, recv, err
}

var shapeWords = regexp.MustCompile(`(?i)(missing|required|unknown (field|key|property)|unexpected (field|key|property)|malformed|schema|bad request|parse|json|not found)`)

// misshapen: the server did not understand the request, so no value was checked.
func misshapen(a Answer) bool {
	switch a.Status {
	case 404, 405, 415:
		return true
	case 400, 422:
		return shapeWords.Match(a.Body) || len(bytes.TrimSpace(a.Body)) == 0
	}
	return false
}

// bearer finds the token of a signed-in session in a JSON answer.
func bearer(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	var find func(v any, depth int) string
	find = func(v any, depth int) string {
		m, ok := v.(map[string]any)
		if !ok || depth > 4 {
			return ""
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if s, ok := m[k].(string); ok && len(s) >= 8 && len(s) < 4096 && tokenName.MatchString(k) && !strings.ContainsAny(s, "\r\n") {
				return s
			}
			if s := find(m[k], depth+1); s != "" {
				return s
			}
		}
		return ""
	}
	return find(v, 0)
}

var tokenName = regexp.MustCompile(`(?i)(token|session|jwt|sid$)`)

func classifyJSON(base, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	a, next := answers(r.Recv)
	b, _ := answers(base.Recv)
	switch {
	case a.Status == 0 || misshapen(a):
		return probe.Unclear
	case busy(a):
		return probe.Limited
	case probe.SaysLimited(a.Body) && !probe.SaysLimited(b.Body):
		return probe.Limited
	case a.Status == 401 || a.Status == 400 || a.Status == 422:
		return probe.Refused
	case a.Status == 403:
		if b.Status == 403 {
			return probe.Refused
		}
		return probe.Limited
	case a.Status < 200 || a.Status >= 400:
		return probe.Unclear
	}
	if !signedIn(a, b) {
		if same(a, b) || told(a.Body, b.Body) == "alike" || told(a.Body, b.Body) == "" && probe.SaysWrong(a.Body) {
			return probe.Refused
		}
		return probe.Unclear
	}
	if forced(next) || probe.SaysChange(a.Body) && !works(next) {
		return probe.Forced
	}
	return probe.Accepted
}

// signedIn: an answer of success shows something that the refusal did not: a token,
// a good word, a session, or another status.
func signedIn(a, b Answer) bool {
	switch {
	case same(a, b):
		return false
	case b.Status >= 400: // and this one is not
		return true
	case bearer(a.Body) != "" && bearer(b.Body) == "":
		return true
	case told(a.Body, b.Body) != "":
		return told(a.Body, b.Body) == "good"
	case probe.SaysWrong(a.Body):
		return false
	}
	return len(a.Header.Values("Set-Cookie")) > 0 && len(b.Header.Values("Set-Cookie")) == 0
}

var (
	toldName = regexp.MustCompile(`(?i)^(ret|result|res|ok|success|succeeded|code|status|state|login|logged_?in|authenticated|valid|err(or)?|err(or)?_?(code|no|num)|(ret|result|status)_?code)$`)
	goodWord = regexp.MustCompile(`(?i)^(ok|success|succeeded|true|0|200)$`)
)

// told compares the members of two JSON answers that say how it went: "alike", "good"
// when the first one says so and the second does not, "other", or "" when there are none.
func told(a, b []byte) string {
	x, y := members(a), members(b)
	found, good, other := false, false, false
	for k, v := range x {
		w, ok := y[k]
		if !ok || !toldName.MatchString(k) {
			continue
		}
		found = true
		if v == w {
			continue
		}
		// No error, or an empty one, is good too.
		failure := strings.HasPrefix(strings.ToLower(k), "err")
		if goodWord.MatchString(v) && !(failure && v == "true") || failure && (v == "null" || v == "" || v == "false") {
			good = true
		} else {
			other = true
		}
	}
	switch {
	case !found:
		return ""
	case good:
		return "good"
	case other:
		return "other"
	}
	return "alike"
}

// members are the plain values of a JSON object's first level, as text.
func members(body []byte) map[string]string {
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) != nil {
		return nil
	}
	out := map[string]string{}
	for k, raw := range m {
		var s string
		if json.Unmarshal(raw, &s) != nil || string(raw) == "null" {
			s = string(raw)
		}
		if len(s) < 64 {
			out[k] = s
		}
	}
	return out
}

// works: a page behind the sign-in was shown.
func works(next []Answer) bool {
	return slices.ContainsFunc(next, func(a Answer) bool {
		_, form := ParsePage(a.Body).SignInForm()
		return a.Status >= 200 && a.Status < 300 && len(a.Body) > 0 && !form && !probe.SaysChange(a.Body) && !changeForm(ParsePage(a.Body)) && !shell(a)
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
