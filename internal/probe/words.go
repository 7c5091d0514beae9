package probe

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Words with which services of any protocol answer a sign-in, in English and Japanese.
var (
	wrongWords   = regexp.MustCompile(`(?i)(incorrect|invalid|denied|fail|wrong|error|not authori[sz]ed|違い|正しくありません|失敗)`)
	lockWords    = regexp.MustCompile(`(?i)(too many|locked|lockout|try again (later|in)|temporarily|blocked|rate limit|しばらく|ロック|回数|制限)`)
	foreverWords = regexp.MustCompile(`(?i)(permanently|until[^.]{0,40}(unlock|administrator|reset)|contact[^.]{0,20}administrator|管理者(に|が|へ|まで)|解除されるまで)`)
	changeWords  = regexp.MustCompile(`(?i)((must|need to|required? to|have to|please)[^.<]{0,20} (change|set)[^.<]{0,20} (password|passcode)|(change|set)[^.<"]{0,12} (a |your )?new password|password (has )?expired|must_?change|(force|require)_?(password_?)?change|change_?password_?(required|needed)|password_?change_?required|(パスワード|初期値|暗証番号)[^。<]{0,12}(変更|設定)して(ください|下さい)|新しいパスワード)`)
	waitWords    = regexp.MustCompile(`(?i)(\d{1,5})\s*(seconds?|secs?|minutes?|mins?|hours?|s\b|秒|分|時間)`)
	retryAfter   = regexp.MustCompile(`(?im)^retry-after:[ \t]*(\d{1,7})[ \t]*\r?$`)
	retryAt      = regexp.MustCompile(`(?im)^retry-after:[ \t]*([a-z]{3}, [^\r\n]{20,30}GMT)[ \t]*\r?$`)
	sentAt       = regexp.MustCompile(`(?im)^date:[ \t]*([a-z]{3}, [^\r\n]{20,30}GMT)[ \t]*\r?$`)
)

// SaysWrong reports that a text calls a sign-in wrong.
func SaysWrong(b []byte) bool { return wrongWords.Match(b) }

// SaysLimited reports that a text turns a sign-in away because there were too many.
func SaysLimited(b []byte) bool { return lockWords.Match(b) }

// SaysForever reports that a text about a limit says that a person must lift it.
func SaysForever(b []byte) bool { return lockWords.Match(b) && foreverWords.Match(b) }

// SaysChange reports that a text asks for a new password before anything else.
func SaysChange(b []byte) bool { return changeWords.Match(b) }

// StatedWait is the wait that an answer asks for: a Retry-After header, which may be
// a time of the device's own clock, or a time in a sentence about a limit; 0 when it
// states none.
func StatedWait(recv []byte) time.Duration {
	text := recv
	if strings.HasPrefix(string(recv[:min(len(recv), 5)]), "HTTP/") || strings.HasPrefix(string(recv[:min(len(recv), 5)]), "RTSP/") {
		head, body, _ := strings.Cut(string(recv), "\r\n\r\n")
		if m := retryAfter.FindStringSubmatch(head + "\r\n"); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil && n > 0 && n <= 1e6 {
				return time.Duration(n) * time.Second
			}
		}
		if at, now := retryAt.FindStringSubmatch(head+"\r\n"), sentAt.FindStringSubmatch(head+"\r\n"); at != nil && now != nil {
			end, err := time.Parse(httpTime, at[1])
			start, err2 := time.Parse(httpTime, now[1])
			if d := end.Sub(start); err == nil && err2 == nil && d > 0 && d <= 1e6*time.Second {
				return d
			}
		}
		text = []byte(body)
	}
	if !lockWords.Match(text) {
		return 0
	}
	m := waitWords.FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	switch unit := strings.ToLower(string(m[2])); {
	case unit[0] == 'h' || unit == "時間":
		return time.Duration(n) * time.Hour
	case unit[0] == 'm' || unit == "分":
		return time.Duration(n) * time.Minute
	}
	return time.Duration(n) * time.Second
}

// httpTime is how HTTP writes a time (RFC 9110, 5.6.7).
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// Unanswered is the outcome of an attempt that brought no answer.
func Unanswered(r Record) Outcome {
	switch r.Error {
	case "closed", "reset", "refused", "no-connection", "timeout", "unreachable":
		return Missed
	}
	return Unclear
}
