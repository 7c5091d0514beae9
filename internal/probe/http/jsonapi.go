package http

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/probe"
)

// usualFields are the names under which APIs usually take user and password.
var usualFields = [][2]string{{"username", "password"}, {"user", "password"}, {"email", "password"}, {"login", "password"}, {"user", "pass"}}

// jsonPath puts the names of the two fields behind the path of a JSON sign-in, as
// its door carries them: "/api/login#username,password".
func jsonPath(path, user, pass string) string { return path + "#" + user + "," + pass }

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
