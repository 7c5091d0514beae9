package signin

import (
	"cmp"
	"slices"
	"strings"

	"hoshi/internal/probe"
)

// plan is all that the procedure depends on besides the records. A run that goes
// on after an interruption makes the same plan again.
type plan struct {
	doors    []door
	accounts []account
	names    []string // made-up user names, which nobody has; kept in the records
	person   bool     // somebody is there to do steps
	change   bool     // and agreed to change values
	second   bool     // there is a second source address
	ports    []int    // open TCP ports, to see that the device is alive
	signIns  int      // wrong values on one door
	budget   int64    // ms on one door, for each phase
	hold     int64    // ms that a limit without a stated end is watched
}

// door is one sign-in interface and its kind.
type door struct {
	probe.Door
	kind     probe.Entrance
	declared []int // accounts of its port, by index
	known    []int // those of them whose value the test may use
}

// account is a declared account without its value.
type account struct {
	user, port, initial string
	known               bool
	value               int // accounts with the same user and value have the same number
}

func (a account) id() string { return a.user + "@" + a.port }

// plan makes the plan from what is known of the device. names may still be empty.
func (k kinds) plan(t *probe.Target, records []probe.Record) plan {
	p := plan{person: t.Person != nil, change: t.Person != nil && t.Agreed(probe.ConsentChange), second: t.Second != nil,
		signIns: t.Pace.SignIns, budget: t.Pace.SignIn.Milliseconds(), hold: max(1, t.Pace.Hold.Milliseconds())}
	for i, a := range t.Accounts {
		x := account{user: a.User, port: a.Port, initial: a.Initial, known: a.Secret != "", value: i}
		for j, b := range t.Accounts[:i] {
			if a.User == b.User && a.Secret == b.Secret {
				x.value = p.accounts[j].value
				break
			}
		}
		p.accounts = append(p.accounts, x)
	}
	for _, f := range t.Facts.Named("signin.interface") {
		d := door{Door: probe.Door{ID: f.Subject, Port: probe.Str(f.Value, "port"), Kind: probe.Str(f.Value, "kind"), TLS: probe.Bool(f.Value, "encrypted")}}
		if parts := strings.SplitN(f.Subject, " ", 3); len(parts) == 3 {
			d.Path = parts[2]
		}
		if d.kind = k[d.Kind]; d.kind.Attempt == nil || slices.ContainsFunc(p.doors, func(x door) bool { return x.ID == d.ID }) {
			continue
		}
		for i, a := range p.accounts {
			if a.port == d.Port && (d.kind.Takes == nil || d.kind.Takes(t.Accounts[i])) {
				d.declared = append(d.declared, i)
				if a.known {
					d.known = append(d.known, i)
				}
			}
		}
		p.doors = append(p.doors, d)
	}
	// Where the right value is known its use sets the count of wrong ones back, so
	// these come first: a count may be shared by all doors.
	slices.SortFunc(p.doors, func(a, b door) int {
		return cmp.Or(cmp.Compare(len(b.known), len(a.known)), cmp.Compare(a.ID, b.ID))
	})
	for _, f := range t.Facts.Named("tcp.open") {
		p.ports = append(p.ports, probe.PortNumber(f.Subject))
	}
	for _, r := range records {
		if r.Event == "names" {
			p.names = strings.Fields(r.Detail)
		}
	}
	return p
}
