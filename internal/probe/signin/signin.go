// Package signin tries to sign in: with declared and commonly known default
// values, sparingly, and then with wrong ones again and again, until a limit
// shows or the budget ends. Every attempt is a record; what the attempts prove
// is computed from the records alone.
//
// It may lock an account for a while and so runs only with consent. The rate of
// guesses holds for one attacker who makes one attempt at a time.
package signin

import (
	"cmp"
	"context"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const (
	name    = "signin"
	confirm = 3 // further attempts that a limit must turn away
)

// Probe is the registry entry.
//
// Events: "interfaces" (number found), "list" (detail = name of the list of
// common values), "attempt" (item = interface, number, user; detail = "baseline",
// "control", "declared", "common-N", "anonymous" or "wrong"), "alive" (item =
// interface; another port of the device answered after attempts were missed),
// "defaults-done", "limit-done" (item = interface).
func Probe(entrances []probe.Entrance) probe.Probe {
	k := kinds{}
	for _, e := range entrances {
		k[e.Kind] = e
	}
	return probe.Probe{Name: name, Stage: 5, Intrusive: true, Run: k.run, Parse: k.parse}
}

// kinds are the kinds of sign-in by name.
type kinds map[string]probe.Entrance

func (k kinds) run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	var entries []entry
	for _, f := range t.Facts.Named("signin.interface") {
		e := entry{id: f.Subject, port: probe.PortNumber(probe.Str(f.Value, "port")), kind: probe.Str(f.Value, "kind")}
		e.Entrance = k[e.kind]
		e.door = probe.Door{ID: f.Subject, Port: probe.Str(f.Value, "port"), Kind: e.kind, TLS: probe.Bool(f.Value, "encrypted")}
		if parts := strings.SplitN(f.Subject, " ", 3); len(parts) == 3 {
			e.door.Path = parts[2]
		}
		if e.Attempt != nil {
			entries = append(entries, e)
		}
	}
	// Where the right value is known its use sets the count of wrong ones back, so
	// these come first: a count may be shared by all interfaces.
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(len(known(t, b.port)), len(known(t, a.port))), cmp.Compare(a.id, b.id))
	})
	rec.Add(probe.Record{Probe: name, Event: "interfaces", Number: len(t.Facts.Named("signin.interface"))})
	if !t.Agreed(probe.ConsentSignIn) {
		return nil
	}
	rec.Add(probe.Record{Probe: name, Event: "list", Detail: k.listID()})
	// Default values on every interface first: repeated wrong values may lock an
	// account on all of them.
	var sessions []*session
	for _, e := range entries {
		s := &session{t: t, rec: rec, e: e}
		if ctx.Err() == nil && s.begin(ctx) {
			sessions = append(sessions, s)
		}
	}
	for _, s := range sessions {
		s.limit(ctx)
	}
	return nil
}

// known are the declared accounts of a port whose secret the test may use.
func known(t *probe.Target, port int) []probe.Account {
	var out []probe.Account
	for _, a := range t.Accounts {
		if probe.PortNumber(a.Port) == port && a.Secret != "" {
			out = append(out, a)
		}
	}
	return out
}

// entry is one sign-in interface and its kind.
type entry struct {
	probe.Entrance
	id, kind string
	port     int
	door     probe.Door
}

// session is the test of one interface.
type session struct {
	t      *probe.Target
	rec    *probe.Recorder
	e      entry
	user   string // the account for wrong values
	base   probe.Record
	number int
	end    time.Time
}

// begin sees how a wrong value is answered and tries default values. False when
// nothing more can be learnt here.
func (s *session) begin(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, s.t.Pace.SignIn)
	defer cancel()
	s.end = time.Now().Add(s.t.Pace.SignIn)
	var declared []string
	for _, a := range s.t.Accounts {
		if probe.PortNumber(a.Port) == s.e.port {
			declared = append(declared, a.User)
		}
	}
	accounts := known(s.t, s.e.port)
	s.user = users[0]
	if len(declared) > 0 {
		s.user = declared[0]
	}
	// The right value afterwards sets the count of wrong ones back; without it the
	// account is spared and a name made up.
	probeUser := "hoshi-" + s.random(3)
	if len(accounts) > 0 {
		probeUser = accounts[0].User
	}
	s.base = s.try(ctx, "baseline", probeUser, s.random(8))
	switch s.e.Classify(s.base, s.base) {
	case probe.Closed:
		s.note("defaults-done")
		s.note("limit-done")
		return false
	case probe.Refused:
	default:
		return false // not understood or not reachable: nothing follows that could be judged
	}
	s.control(ctx, accounts)
	s.defaults(ctx, declared)
	s.control(ctx, accounts)
	return true
}

// control tries a value that is right: it shows that right is told from wrong.
func (s *session) control(ctx context.Context, accounts []probe.Account) {
	for _, a := range accounts {
		if ctx.Err() != nil {
			return
		}
		label := "control"
		if a.Initial == "shared" {
			label = "declared"
		}
		s.try(ctx, label, a.User, a.Secret)
	}
}

// defaults tries default values, until one is accepted.
func (s *session) defaults(ctx context.Context, declared []string) {
	for _, p := range pairs(s.e.Entrance, declared) {
		if ctx.Err() != nil {
			return
		}
		r := s.try(ctx, p.label, p.user, p.pass)
		switch s.e.Classify(s.base, r) {
		case probe.Accepted:
			s.note("defaults-done")
			return
		case probe.Limited, probe.Missed:
			// A limit against this very test: wait for it if the budget allows.
			if !s.patience(ctx, r) {
				return
			}
			r = s.try(ctx, p.label, p.user, p.pass)
			if o := s.e.Classify(s.base, r); o == probe.Limited || o == probe.Missed {
				return
			}
		}
	}
	s.note("defaults-done")
}

// limit repeats wrong values for the account until a limit shows and holds, or
// the number of attempts is used up.
func (s *session) limit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.t.Pace.SignIn)
	defer cancel()
	turned := 0
	var since time.Time // when the present limit showed
	for attempts := 0; attempts < s.t.Pace.SignIns; {
		if ctx.Err() != nil {
			return
		}
		r := s.try(ctx, "wrong", s.user, s.random(8))
		o := s.e.Classify(s.base, r)
		switch o {
		case probe.Limited, probe.Missed:
			if turned++; turned == 1 {
				since = time.Now()
			}
			if turned > confirm && (probe.StatedWait(r.Recv) > 0 || time.Since(since) >= s.t.Pace.Hold) {
				if o == probe.Limited || s.alive(ctx) {
					s.note("limit-done")
				}
				return
			}
			pause := s.t.Pace.Hold / 8
			if probe.StatedWait(r.Recv) > 0 {
				pause /= 20
			}
			if !probe.Wait(ctx, pause) {
				return
			}
		case probe.Refused:
			attempts, turned = attempts+1, 0
		default:
			return
		}
	}
	s.note("limit-done")
}

// alive asks whether another open port still answers: then the silence of this
// one is a limit, not a dead device.
func (s *session) alive(ctx context.Context) bool {
	for _, f := range s.t.Facts.Named("tcp.open") {
		p := probe.PortNumber(f.Subject)
		if p == s.e.port {
			continue
		}
		if c, err := s.t.Net.TCP(ctx, p, s.t.Pace.Exchange); err == nil {
			_ = c.Close()
			s.rec.Add(probe.Record{Probe: name, Event: "alive", Port: probe.TCP(p), Item: s.e.id})
			return true
		}
	}
	return false
}

// patience waits for a stated limit to pass; false when that takes too long.
func (s *session) patience(ctx context.Context, r probe.Record) bool {
	d := probe.StatedWait(r.Recv)
	if d <= 0 || time.Now().Add(d).After(s.end) {
		return false
	}
	return probe.Wait(ctx, d)
}

func (s *session) try(ctx context.Context, label, user, pass string) probe.Record {
	s.number++
	start := time.Now()
	sent, recv, err := s.e.Attempt(ctx, s.t, s.e.door, user, pass)
	r := probe.Record{Probe: name, Port: probe.TCP(s.e.port), Event: "attempt", Item: s.e.id, Number: s.number, User: user, Detail: label,
		Sent: sent, Recv: recv, Took: time.Since(start).Milliseconds()}
	if len(recv) == 0 {
		if r.Error = probe.Word(err); r.Error == "" {
			r.Error = "closed"
		}
	}
	// Values of the common list are public, and words such as "password" must stay
	// readable in a page; every other value is masked wherever it is echoed.
	var also []string
	if !strings.HasPrefix(label, "common-") {
		also = append(also, pass)
	}
	return s.rec.Add(r, also...)
}

func (s *session) note(event string) {
	s.rec.Add(probe.Record{Probe: name, Event: event, Item: s.e.id, Port: probe.TCP(s.e.port)})
}

func (s *session) random(n int) string {
	b := make([]byte, n)
	_, _ = io.ReadFull(s.t.Rand, b)
	return hex.EncodeToString(b)
}

// Parse states signin.coverage, and signin.default and signin.limit for each
// interface that was tried.
func (k kinds) parse(records []probe.Record) fact.Set {
	var out fact.Set
	items := map[string][]probe.Record{}
	var order []string
	for _, r := range records {
		switch {
		case r.Event == "interfaces":
			out = append(out, probe.Observed("signin.coverage", "", map[string]any{"interfaces": r.Number}, r.Source()))
		case r.Item != "":
			if items[r.Item] == nil {
				order = append(order, r.Item)
			}
			items[r.Item] = append(items[r.Item], r)
		}
	}
	for _, id := range order {
		out = append(out, k.facts(id, items[id])...)
	}
	return slices.Clip(out)
}
