package signin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hoshi/internal/probe"
)

// pair is one default credential to try.
type pair struct {
	user, pass string
	label      string // what a transcript and a fact call it; never the value
}

// common are default values that everybody knows. The list is short on purpose:
// tried sparingly, it stays below the limits that well-made devices set.
var common = []string{"{user}", "password", "1234", ""}

// users are the account names that everybody knows, tried where none is declared.
var users = []string{"admin", "root"}

// listID names the list in a transcript, so that a reader knows what was tried.
func (k kinds) listID() string {
	text := strings.Join(users, "\n") + "\n\n" + strings.Join(common, "\n")
	for _, kind := range slices.Sorted(maps.Keys(k)) {
		for _, c := range k[kind].Known {
			text += "\n\n" + kind + "\n" + c.User + "\n" + c.Pass
		}
	}
	h := sha256.Sum256([]byte(text))
	return "common:" + hex.EncodeToString(h[:8])
}

// pairs are the values to try on one interface: for the declared account names,
// or, where none is declared, for the names that everybody knows; then those that
// everybody knows for its kind.
func pairs(e probe.Entrance, declared []string) []pair {
	var out []pair
	seen := map[string]bool{}
	names := declared
	if len(names) == 0 {
		names = users
	}
	if e.NoUser {
		names = nil
	}
	for _, u := range names {
		if u == "" || seen[u] {
			continue
		}
		seen[u] = true
		for i, c := range common {
			out = append(out, pair{u, strings.ReplaceAll(c, "{user}", u), fmt.Sprintf("common-%d", i+1)})
		}
	}
	for _, c := range e.Known {
		out = append(out, pair{c.User, c.Pass, c.Label})
	}
	return out
}
