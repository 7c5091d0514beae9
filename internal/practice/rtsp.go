package practice

import (
	"bufio"
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
)

// Bounds of one RTSP request.
const (
	rtspLine = 2048
	rtspBody = 4096
	rtspMost = 64 // requests on one connection
)

const sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=Practice camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"

// rtsp serves one connection of RTSP 1.0 (RFC 2326): it describes the stream to
// those who sign in with Digest, and sends no pictures.
func (d *Device) rtsp(n net.Conn) {
	b := make([]byte, 12)
	if _, err := io.ReadFull(d.o.Rand, b); err != nil {
		return
	}
	nonce := hex.EncodeToString(b)
	r := textproto.NewReader(bufio.NewReader(io.LimitReader(n, rtspMost*(rtspLine+rtspBody))))
	for range rtspMost {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		h, err := r.ReadMIMEHeader()
		if err != nil {
			return
		}
		if size, _ := strconv.Atoi(h.Get("Content-Length")); size > 0 {
			if size > rtspBody {
				return
			}
			if _, err := io.CopyN(io.Discard, r.R, int64(size)); err != nil {
				return
			}
		}
		if _, err := io.WriteString(n, d.rtspAnswer(line, h, nonce, n.RemoteAddr().String())); err != nil {
			return
		}
	}
}

// rtspAnswer answers one request.
func (d *Device) rtspAnswer(line string, h textproto.MIMEHeader, nonce, source string) string {
	reply := func(status string, more ...string) string {
		out := "RTSP/1.0 " + status + "\r\n"
		if seq := h.Get("CSeq"); seq != "" {
			out += "CSeq: " + seq + "\r\n"
		}
		return out + "Server: practice\r\n" + strings.Join(more, "")
	}
	parts := strings.Fields(line)
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "RTSP/1.") {
		return reply("400 Bad Request") + "\r\n"
	}
	method := parts[0]
	switch method {
	case "OPTIONS":
		return reply("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, TEARDOWN\r\n") + "\r\n"
	case "DESCRIBE", "SETUP", "PLAY", "TEARDOWN":
	default:
		return reply("501 Not Implemented") + "\r\n"
	}
	if !d.has("open-stream") {
		challenge := "WWW-Authenticate: Digest realm=\"practice\", nonce=\"" + nonce + "\", algorithm=MD5\r\n"
		a, ok := parseDigest(h.Get("Authorization"))
		if !ok || a["nonce"] != nonce {
			return reply("401 Unauthorized", challenge) + "\r\n"
		}
		ok, wait := d.guard.try("rtsp", source, a["username"], func(v string) bool { return digestFits(a, method, v) })
		if wait > 0 {
			return reply("503 Service Unavailable", fmt.Sprintf("Retry-After: %d\r\n", int(wait.Seconds())+1)) + "\r\n"
		}
		if !ok {
			return reply("401 Unauthorized", challenge) + "\r\n"
		}
	}
	switch method {
	case "DESCRIBE":
		return reply("200 OK", "Content-Type: application/sdp\r\n", fmt.Sprintf("Content-Length: %d\r\n", len(sdp))) + "\r\n" + sdp
	case "SETUP":
		return reply("461 Unsupported Transport") + "\r\n"
	}
	return reply("454 Session Not Found") + "\r\n"
}

// parseDigest reads the members of a Digest authorization.
func parseDigest(s string) (map[string]string, bool) {
	scheme, rest, _ := strings.Cut(s, " ")
	if !strings.EqualFold(scheme, "digest") || len(rest) > rtspLine {
		return nil, false
	}
	m := map[string]string{}
	for rest != "" {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, false
		}
		var value string
		if after = strings.TrimLeft(after, " "); strings.HasPrefix(after, `"`) {
			if value, rest, ok = strings.Cut(after[1:], `"`); !ok {
				return nil, false
			}
			_, rest, _ = strings.Cut(rest, ",")
		} else {
			value, rest, _ = strings.Cut(after, ",")
			value = strings.TrimSpace(value)
		}
		m[strings.ToLower(strings.TrimSpace(name))] = value
		rest = strings.TrimLeft(rest, " ")
	}
	return m, true
}

// digestFits computes the response of RFC 2617 with MD5, with and without qop.
func digestFits(a map[string]string, method, value string) bool {
	sum := func(parts ...string) string {
		h := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h[:])
	}
	ha1, ha2 := sum(a["username"], "practice", value), sum(method, a["uri"])
	want := sum(ha1, a["nonce"], ha2)
	if a["qop"] != "" {
		want = sum(ha1, a["nonce"], a["nc"], a["cnonce"], a["qop"], ha2)
	}
	return subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(a["response"]))) == 1
}
