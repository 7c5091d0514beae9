package practice

import (
	"bufio"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// After this many wrong values in a row an account rests, first for firstRest
// and twice as long each time, up to longestRest.
const (
	allowed     = 5
	firstRest   = 5 * time.Minute
	longestRest = 24 * time.Hour
)

// guard decides every sign-in of the camera, over the web and over telnet.
type guard struct {
	now       func() time.Time
	unlimited bool

	mu       sync.Mutex
	accounts map[string]*account
}

type account struct {
	wrong int
	rest  time.Duration
	until time.Time
}

// try checks a value. wait > 0 means that it was not even looked at.
func (g *guard) try(user, pass, right string) (ok bool, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := "admin"
	if user != name {
		name = "" // all unknown names rest together
	}
	a := g.accounts[name]
	if a == nil {
		a = &account{}
		g.accounts[name] = a
	}
	now := g.now()
	if !g.unlimited && now.Before(a.until) {
		return false, a.until.Sub(now)
	}
	if subtle.ConstantTimeCompare([]byte(pass), []byte(right)) == 1 && user == "admin" {
		*a = account{}
		return true, 0
	}
	if a.wrong++; a.wrong >= allowed {
		a.wrong = 0
		a.rest = min(longestRest, max(firstRest, 2*a.rest))
		a.until = now.Add(a.rest)
	}
	return false, 0
}

// telnet is a sign-in without encryption, to the same account.
func (c *Camera) telnet(n net.Conn) {
	r := bufio.NewReader(io.LimitReader(n, 4096))
	ask := func(prompt string) (string, bool) {
		_, _ = io.WriteString(n, prompt)
		line, err := r.ReadString('\n')
		// Refusals of the options below come in front of the first line.
		for strings.HasPrefix(line, "\xff") && len(line) >= 3 {
			line = line[3:]
		}
		return strings.TrimRight(line, "\r\n"), err == nil
	}
	_, _ = io.WriteString(n, "\xff\xfd\x1f\xff\xfb\x01practice camera\r\n")
	user, ok := ask("login: ")
	if !ok {
		return
	}
	pass, ok := ask("Password: ")
	if !ok {
		return
	}
	switch ok, wait := c.guard.try(user, pass, c.Password); {
	case wait > 0:
		_, _ = fmt.Fprintf(n, "\r\nToo many attempts, try again in %d seconds\r\n", int(wait.Seconds())+1)
	case ok:
		_, _ = io.WriteString(n, "\r\n# ")
	default:
		_, _ = io.WriteString(n, "\r\nLogin incorrect\r\n")
	}
}
