package practice

import (
	"crypto/subtle"
	"net"
	"slices"
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

// guard decides every sign-in of a device, at all of its doors.
type guard struct {
	now       func() time.Time
	unlimited map[string]bool // doors where wrong values are neither counted nor held back
	keepOld   bool            // a value that was changed stays right
	perSource bool            // wrong values are counted for each source address

	mu       sync.Mutex
	accounts map[string]*account
	counts   map[string]*count // by account, "" for all unknown names together
}

type account struct {
	values  []string // that are right; the present one is the last
	changed bool     // its owner has set a value
}

type count struct {
	wrong int
	rest  time.Duration
	until time.Time
}

func newGuard(now func() time.Time) *guard {
	return &guard{now: now, unlimited: map[string]bool{}, accounts: map[string]*account{}, counts: map[string]*count{}}
}

// change sets the value of an account.
func (g *guard) change(user, value string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := &account{}
	if old := g.accounts[user]; old != nil {
		a.changed = true
		if g.keepOld {
			a.values = slices.Clone(old.values)
		}
	}
	a.values = append(a.values, value)
	g.accounts[user] = a
	for k := range g.counts {
		if k == user || strings.HasPrefix(k, user+" ") {
			delete(g.counts, k)
		}
	}
}

// present is the value of an account as its owner knows it.
func (g *guard) present(user string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.accounts[user]; a != nil {
		return a.values[len(a.values)-1]
	}
	return ""
}

// changed reports whether the owner has set a value.
func (g *guard) changed(user string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.accounts[user]
	return a != nil && a.changed
}

// same makes a check for protocols that send the value itself.
func same(pass string) func(string) bool {
	return func(v string) bool { return subtle.ConstantTimeCompare([]byte(pass), []byte(v)) == 1 }
}

// try checks a value that came through a door from a source address; fits
// compares it with a right one. wait > 0 means that it was not even looked at.
func (g *guard) try(door, source, user string, fits func(value string) bool) (ok bool, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.accounts[user]
	if a == nil {
		a, user = &account{}, ""
	}
	if g.perSource {
		if host, _, err := net.SplitHostPort(source); err == nil {
			user += " " + host
		}
	}
	c := g.counts[user]
	if c == nil {
		if len(g.counts) >= 1024 {
			clear(g.counts) // a small device has little memory
		}
		c = &count{}
		g.counts[user] = c
	}
	now := g.now()
	if !g.unlimited[door] && now.Before(c.until) {
		return false, c.until.Sub(now)
	}
	if slices.ContainsFunc(a.values, fits) {
		*c = count{}
		return true, 0
	}
	if g.unlimited[door] {
		return false, 0
	}
	if c.wrong++; c.wrong >= allowed {
		c.wrong = 0
		c.rest = min(longestRest, max(firstRest, 2*c.rest))
		c.until = now.Add(c.rest)
	}
	return false, 0
}
