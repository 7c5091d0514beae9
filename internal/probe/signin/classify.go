package signin

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"hoshi/internal/probe"
	"hoshi/internal/probe/ftp"
	probehttp "hoshi/internal/probe/http"
	"hoshi/internal/probe/telnet"
)

// outcome is what one attempt met.
type outcome string

const (
	refused  outcome = "refused"  // the value was checked and found wrong
	accepted outcome = "accepted" // signed in
	limited  outcome = "limited"  // turned away without a check, or for a while
	missed   outcome = "missed"   // no answer
	unclear  outcome = "unclear"  // an answer that this package does not understand
	closed   outcome = "closed"   // the interface takes no passwords at all
)

var (
	failure = regexp.MustCompile(`(?i)(incorrect|invalid|denied|fail|wrong|error)`)
	lockout = regexp.MustCompile(`(?i)(too many|locked|lockout|try again (later|in)|temporarily|blocked|rate limit|しばらく|ロック|回数|制限)`)
)

// classify says what an attempt met, by the kind of interface. base is the
// answer to the first attempt on it, whose user and password were random and so
// surely wrong.
func classify(kind string, base, r probe.Record) outcome {
	if len(r.Recv) == 0 {
		switch r.Error {
		case "closed", "reset", "refused", "no-connection", "timeout", "unreachable":
			return missed
		}
		return unclear
	}
	switch kind {
	case "form", "basic":
		return classifyHTTP(kind, base, r)
	case "ssh":
		switch string(r.Recv) {
		case "USERAUTH_SUCCESS":
			return accepted
		case "USERAUTH_FAILURE":
			return refused
		case "METHOD_NOT_OFFERED":
			return closed
		}
	case "telnet":
		s := string(r.Recv)
		switch {
		case lockout.MatchString(s):
			return limited
		case failure.MatchString(s), telnet.AsksName(s), telnet.AsksPassword(s) && len(r.Sent) > 0:
			return refused
		case telnet.Shell(s):
			return accepted
		}
	case "ftp":
		switch code := ftp.Code(r.Recv); {
		case code == 230 || code == 202:
			return accepted
		case code == 421:
			return limited
		case code == 530 || code == 532 || code == 430:
			return refused
		case code == 331 || code == 220:
			return missed // no answer to the password
		}
	}
	return unclear
}

func classifyHTTP(kind string, base, r probe.Record) outcome {
	a := probehttp.ParseAnswer(r.Recv)
	if a.Status == 0 {
		return unclear
	}
	if a.Status == 429 || a.Status == 423 || a.Status == 503 || a.RetryAfter > 0 {
		return limited
	}
	b := probehttp.ParseAnswer(base.Recv)
	if kind == "basic" {
		switch {
		case a.Status == 401:
			return refused
		case a.Status == 403:
			return limited
		case a.Status >= 200 && a.Status < 400:
			return accepted
		}
		return unclear
	}
	if bytes.Equal(a.Body, b.Body) && a.Status == b.Status && location(a) == location(b) {
		return refused
	}
	if lockout.Match(a.Body) && !lockout.Match(b.Body) {
		return limited
	}
	_, form := probehttp.ParsePage(a.Body).SignInForm()
	switch {
	case a.Status == b.Status && a.Status >= 300 && a.Status < 400:
		if location(a) == location(b) {
			return refused
		}
		if back.MatchString(location(a)) {
			return refused
		}
		return accepted
	case a.Status >= 300 && a.Status < 400:
		if back.MatchString(location(a)) {
			return refused
		}
		return accepted
	case form, a.Status == 401:
		return refused
	case a.Status == 403:
		if b.Status == 403 {
			return refused
		}
		return limited
	case a.Status >= 200 && a.Status < 300:
		if a.Status == b.Status && failure.Match(a.Body) && failure.Match(b.Body) {
			return refused
		}
		return accepted
	}
	return unclear
}

// back: a redirect that leads to the sign-in page again.
var back = regexp.MustCompile(`(?i)(login|sign-?in|auth|err|fail|invalid)`)

// location is the path of a redirect, without its query.
func location(a probehttp.Answer) string {
	u, err := url.Parse(strings.TrimSpace(a.Header.Get("Location")))
	if err != nil {
		return ""
	}
	return u.Path
}
