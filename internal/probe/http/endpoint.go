package http

import (
	"encoding/json"
	"regexp"
	"strings"
)

// endpoint is a place of an API where a script, or a document, says that people
// sign in.
type endpoint struct {
	path       string // as written
	user, pass string // names of the members, "" when not said
}

var (
	// named is a path in a text literal that speaks of signing in.
	named = regexp.MustCompile("[\"'`]((?:https?://[^\"'`\\s/]{1,80})?/?[A-Za-z0-9_./~-]{0,100}(?i:login|log_in|signin|sign-in|sign_in|authenticate|auth|session|token)[A-Za-z0-9_./~-]{0,60})[\"'`?]")
	// pair are two members of an object, in an order that makes them user and password.
	pair = regexp.MustCompile("(?i)[\"']?\\b([a-z_]{0,20}(?:user|login|email|e_mail|account|name|usr)[a-z_]{0,20})[\"']?\\s*(?::[^,{}]{1,120})?,\\s*[\"']?([a-z_]{0,20}(?:passw|passwd|pass|pwd|passcode)[a-z_]{0,20})\\b[\"']?\\s*[:},]")
	// single is an object whose one member is a password.
	single = regexp.MustCompile("(?i)\\{\\s*[\"']?([a-z_]{0,20}(?:password|passwd|passphrase|passcode|pwd))\\b[\"']?\\s*(?::[^,{}]{1,120})?\\}")
	// built: a script makes an input for a password.
	built = regexp.MustCompile("(?i)(?:type\\s*[:=]\\s*[\"'`]password[\"'`]|\\.type\\s*=\\s*[\"'`]password|setAttribute\\([\"']type[\"'],\\s*[\"']password)")
	// worth marks the parts of a long script that are kept for a replay.
	worth = regexp.MustCompile("(?i)(log-?_?in|sign-?_?in|auth|session|passw|pwd)")
)

const (
	maxEndpoints = 12
	near         = 1500 // bytes around a path within which the names of its members stand
)

// endpoints finds places to sign in that a script speaks of, with the names of
// user and password where an object of both stands near.
func endpoints(text []byte) []endpoint {
	var out []endpoint
	seen := map[string]bool{}
	for _, m := range named.FindAllSubmatchIndex(text, 60) {
		p := string(text[m[2]:m[3]])
		if !strings.Contains(p, "/") || seen[p] || static.MatchString(p) || len(out) >= maxEndpoints {
			continue
		}
		seen[p] = true
		e := endpoint{path: p}
		around := text[max(0, m[0]-near):min(len(text), m[1]+near)]
		if x := pair.FindSubmatch(around); x != nil {
			e.user, e.pass = string(x[1]), string(x[2])
		} else if x := single.FindSubmatch(around); x != nil {
			e.pass = string(x[1])
		}
		out = append(out, e)
	}
	return out
}

// documented finds places to sign in that a JSON document names.
func documented(body []byte) []endpoint {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	var out []endpoint
	var walk func(v any, depth int)
	walk = func(v any, depth int) {
		if depth > 6 || len(out) >= maxEndpoints {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for _, x := range v {
				walk(x, depth+1)
			}
		case []any:
			for _, x := range v {
				walk(x, depth+1)
			}
		case string:
			if strings.HasPrefix(v, "/") && named.MatchString(`"`+v+`"`) {
				out = append(out, endpoint{path: v})
			}
		}
	}
	walk(v, 0)
	sortEndpoints(out) // the order of a map is no order
	return out
}

// excerpts are the parts of a long script that speak of signing in.
func excerpts(b []byte, max int) []byte {
	var out []byte
	end := 0
	for _, m := range worth.FindAllIndex(b, -1) {
		from, to := m[0]-300, m[1]+300
		if from < end {
			from = end
		}
		if to = min(to, len(b)); from >= to {
			continue
		}
		if len(out)+to-from > max {
			break
		}
		out = append(out, b[from:to]...)
		end = to
	}
	return out
}
