package practice

import (
	"crypto/subtle"
	"slices"
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

	mu       sync.Mutex
	accounts map[string]*account // "" stands for all unknown names together
}

type account struct {
	values  []string // that are right; the present one is the last
	changed bool     // its owner has set a value
	wrong   int
	rest    time.Duration
	until   time.Time
}

// change sets the value of an account.
func (g *guard) change(user, value string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var old []string
	changed := false
	if a := g.accounts[user]; a != nil {
		changed = true
		if g.keepOld {
			old = a.values
		}
	}
	g.accounts[user] = &account{values: append(slices.Clone(old), value), changed: changed}
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

// try checks a value that came through a door; fits compares it with a right
// one. wait > 0 means that it was not even looked at.
func (g *guard) try(door, user string, fits func(value string) bool) (ok bool, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.accounts[user]
	if a == nil || len(a.values) == 0 {
		if a = g.accounts[""]; a == nil {
			a = &account{}
			g.accounts[""] = a
		}
	}
	now := g.now()
	if !g.unlimited[door] && now.Before(a.until) {
		return false, a.until.Sub(now)
	}
	if slices.ContainsFunc(a.values, fits) {
		a.wrong, a.rest, a.until = 0, 0, time.Time{}
		return true, 0
	}
	if g.unlimited[door] {
		return false, 0
	}
	if a.wrong++; a.wrong >= allowed {
		a.wrong = 0
		a.rest = min(longestRest, max(firstRest, 2*a.rest))
		a.until = now.Add(a.rest)
	}
	return false, 0
}
