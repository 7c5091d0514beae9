package http

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"
)

// Challenge is one WWW-Authenticate challenge of the Digest scheme (RFC 7616),
// which RTSP uses too.
type Challenge struct {
	Realm, Nonce, Opaque, Algorithm string
	QOP                             bool // qop=auth is offered
	Stale                           bool // the nonce was too old, the value was not looked at
	UserHash                        bool
}

var (
	digestStart = regexp.MustCompile(`(?i)(?:^|,)\s*digest\s+`)
	parameter   = regexp.MustCompile(`(?i)([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))`)
)

// DigestChallenge reads the strongest Digest challenge that can be answered here:
// SHA-256 before MD5. Headers may hold several challenges.
func DigestChallenge(headers []string) (Challenge, bool) {
	var found []Challenge
	for _, h := range headers {
		at := digestStart.FindAllStringIndex(h, 8)
		for i, m := range at {
			end := len(h)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			c := Challenge{Algorithm: "MD5"}
			for _, p := range parameter.FindAllStringSubmatch(h[m[1]:end], 32) {
				v := p[2] + p[3]
				switch strings.ToLower(p[1]) {
				case "realm":
					c.Realm = v
				case "nonce":
					c.Nonce = v
				case "opaque":
					c.Opaque = v
				case "algorithm":
					c.Algorithm = v
				case "qop":
					for q := range strings.SplitSeq(v, ",") {
						c.QOP = c.QOP || strings.EqualFold(strings.TrimSpace(q), "auth")
					}
				case "stale":
					c.Stale = strings.EqualFold(v, "true")
				case "userhash":
					c.UserHash = strings.EqualFold(v, "true")
				}
			}
			if _, ok := c.hash(); ok && c.Nonce != "" {
				found = append(found, c)
			}
		}
	}
	if len(found) == 0 {
		return Challenge{}, false
	}
	return slices.MaxFunc(found, func(a, b Challenge) int { return a.strength() - b.strength() }), true
}

func (c Challenge) strength() int {
	if strings.HasPrefix(strings.ToUpper(c.Algorithm), "SHA-256") {
		return 1
	}
	return 0
}

func (c Challenge) hash() (func() hash.Hash, bool) {
	switch strings.ToUpper(c.Algorithm) {
	case "MD5", "MD5-SESS":
		return md5.New, true
	case "SHA-256", "SHA-256-SESS":
		return sha256.New, true
	}
	return nil, false
}

// Answer is the Authorization header for one request; cnonce is random, use counts
// the requests that were made with the same nonce, from 1.
func (c Challenge) Answer(method, uri, user, pass, cnonce string, use int) string {
	sum, ok := c.hash()
	if !ok {
		return ""
	}
	h := func(parts ...string) string {
		x := sum()
		_, _ = x.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(x.Sum(nil))
	}
	count := fmt.Sprintf("%08x", use)
	secret := h(user, c.Realm, pass)
	if strings.HasSuffix(strings.ToLower(c.Algorithm), "-sess") {
		secret = h(secret, c.Nonce, cnonce)
	}
	response := h(secret, c.Nonce, h(method, uri))
	if c.QOP {
		response = h(secret, c.Nonce, count, cnonce, "auth", h(method, uri))
	}
	name := quoted(user)
	if c.UserHash {
		name = quoted(h(user, c.Realm))
	}
	out := "Digest username=" + name + ", realm=" + quoted(c.Realm) + ", nonce=" + quoted(c.Nonce) + ", uri=" + quoted(uri) +
		", algorithm=" + c.Algorithm + ", response=" + quoted(response)
	if c.QOP {
		out += ", qop=auth, nc=" + count + ", cnonce=" + quoted(cnonce)
	}
	if c.Opaque != "" {
		out += ", opaque=" + quoted(c.Opaque)
	}
	if c.UserHash {
		out += ", userhash=true"
	}
	return out
}

// quoted makes a quoted-string; what would break out of its line is left out.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"':
			b.WriteString(`\"`)
		case c < ' ' || c == 0x7f:
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
