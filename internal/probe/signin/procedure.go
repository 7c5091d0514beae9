package signin

import (
	"slices"
	"time"

	"hoshi/internal/probe"
)

// face is a door that tells right from wrong, and what was learnt there.
type face struct {
	door
	i     int
	base  probe.Record
	works []int  // accounts that signed in
	plain []int  // those that could go on without a change of the value
	open  *pair  // a value that everybody knows and that signed in
	wrong int    // values refused since a right one set the count back
	shut  bool   // turned away from the start: defaults cannot be tried
	heard string // a name that somebody has, where names are told apart
}

func (f *face) met(r probe.Record) probe.Outcome { return f.kind.Classify(f.base, r) }

func turned(o probe.Outcome) bool { return o == probe.Limited || o == probe.Missed }

// run is the whole procedure. Default values come first on every door, because
// repeated wrong values may lock an account on all of them, and a change of the
// value before the account may be locked.
func (s *script) run() {
	var faces []*face
	for i := range s.doors {
		if f := s.begin(i, faces); f != nil {
			faces = append(faces, f)
		}
	}
	s.firstUse(faces)
	s.changes(faces)
	// Where a made-up name shows nothing the account itself must not rest because of
	// another door, so these come first.
	for _, tells := range []bool{true, false} {
		for _, f := range faces {
			if f.kind.Tells == tells {
				s.limit(f)
			}
		}
	}
}

// begin sees how a wrong value is answered and tries declared and default values;
// nil when nothing more can be learnt at the door. before are the doors that had
// their turn.
func (s *script) begin(i int, before []*face) *face {
	f := &face{door: s.doors[i], i: i}
	start := s.clock()
	// The right value afterwards sets the count of wrong ones back; without it the
	// account is spared and a name made up.
	user := s.made(0)
	if len(f.known) > 0 {
		user = s.accounts[f.known[0]].user
	}
	if f.kind.NoUser {
		user = ""
	}
	for again := false; ; again = true {
		f.base = s.try(i, "baseline", user, random)
		o := f.met(f.base)
		if o == probe.Closed {
			s.note(i, "defaults-done")
			s.note(i, "limit-done")
			return nil
		}
		if o == probe.Refused || o == probe.Unknown {
			break
		}
		// A limit from before this test, or a door that was busy: once more.
		wait := probe.StatedWait(f.base.Recv)
		if o == probe.Missed {
			wait = time.Second
		}
		if !again && wait > 0 && s.wait(wait, start) {
			continue
		}
		if f.shut = o == probe.Limited; !f.shut {
			return nil // not understood or not reachable
		}
		return f
	}
	s.control(f, start)
	s.defaults(f, before, start)
	s.control(f, start)
	return f
}

// reset signs in at another door with the right value of the user, where one is
// known: a count of wrong values may be shared by all doors of the device.
func (s *script) reset(others []*face, user string) {
	for _, f := range others {
		if v := s.rights(f, user); len(v) > 0 && !f.kind.NoUser {
			s.try(f.i, "reset", user, v[0])
			return
		}
	}
}

func (s *script) made(i int) string {
	if i < len(s.names) {
		return s.names[i]
	}
	return "hoshi"
}

// patient tries, and once more after a wait that the device states.
func (s *script) patient(f *face, label, user string, v value, start int64) probe.Record {
	r := s.try(f.i, label, user, v)
	if o := f.met(r); turned(o) {
		if d := probe.StatedWait(r.Recv); d > 0 && s.wait(d, start) {
			r = s.try(f.i, label, user, v)
		}
	}
	return r
}

// control tries the declared values: they show that right is told from wrong.
func (s *script) control(f *face, start int64) {
	for _, n := range f.known {
		if s.over(start) {
			return
		}
		a := s.accounts[n]
		label := "control"
		switch a.initial {
		case "shared":
			label = "declared"
		case "set-at-first-use":
			label = "first"
		}
		o := f.met(s.patient(f, label, a.user, value{kind: "account", account: n}, start))
		if o == probe.Accepted || o == probe.Forced {
			f.wrong = 0
		}
		if (o == probe.Accepted || o == probe.Forced) && !slices.Contains(f.works, n) {
			f.works = append(f.works, n)
			if o == probe.Accepted {
				f.plain = append(f.plain, n)
			}
		}
	}
}

// defaults tries values that everybody knows, until one is accepted. Where a right
// value is known, here or at another door, it is used in between, so that no count
// comes near a lock.
func (s *script) defaults(f *face, before []*face, start int64) {
	var names []string
	for _, n := range f.declared {
		names = append(names, s.accounts[n].user)
	}
	row, last := 0, "" // wrong values in a row, and for whom
	for _, p := range pairs(f.kind, names) {
		switch {
		case len(f.works) > 0:
			if f.wrong >= mostInRow {
				s.control(f, start)
			}
		case row >= mostInRow || row > 0 && p.user != last:
			s.reset(before, last)
			row = 0
		}
		last = p.user
		if s.over(start) {
			return
		}
		switch o := f.met(s.patient(f, p.label, p.user, value{kind: "public", text: p.pass}, start)); {
		case o == probe.Accepted || o == probe.Forced:
			if f.kind.NoUser || !has(f.kind.Known, p) || f.kind.Tells { // not "anonymous", who signs in with any value
				f.open = &p
			}
			s.note(f.i, "defaults-done")
			return
		case turned(o):
			return
		case o == probe.Unknown:
			continue
		}
		if f.heard == "" {
			f.heard = p.user
		}
		f.wrong, row = f.wrong+1, row+1
	}
	s.note(f.i, "defaults-done")
	if row > 0 && len(f.works) == 0 {
		s.reset(before, last)
	}
}

// mostInRow is how many default values are tried in a row where a right one can set
// the count back.
const mostInRow = 2

func has(known []probe.Known, p pair) bool {
	return slices.ContainsFunc(known, func(k probe.Known) bool { return k.Label == p.label })
}

// firstUse asks whether a value that needed no change is the one from the factory;
// only then does it say anything about the first use.
func (s *script) firstUse(faces []*face) {
	if !s.person {
		return
	}
	asked := map[int]bool{}
	for _, f := range faces {
		for _, n := range f.plain {
			if a := s.accounts[n]; a.initial == "set-at-first-use" && !asked[n] {
				asked[n] = true
				s.ask("first-value", n)
			}
		}
	}
}

// changes has the person change each value once, and proves on every door of its
// accounts that the old one is refused and the new one works.
func (s *script) changes(faces []*face) {
	if !s.change {
		return
	}
	done := map[int]bool{}
	for _, f := range faces {
		for _, n := range s.changeable(f) {
			group := s.accounts[n].value
			if done[group] {
				continue
			}
			done[group] = true
			if r := s.ask("change-value", n); r.Error != "" {
				continue
			}
			s.renewed[s.accounts[n].user] = true
			typed := false
			for _, g := range faces {
				for _, m := range s.changeable(g) {
					if s.accounts[m].value == group {
						typed = s.changed(g, m, typed)
					}
				}
			}
		}
	}
}

// changeable are the accounts of a door of which a value is known that signs in: a
// declared one, or one that everybody knows.
func (s *script) changeable(f *face) []int {
	out := slices.Clone(f.works)
	for _, n := range f.declared {
		if f.open != nil && s.accounts[n].user == f.open.user && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// changed tries the old value and then the new one, which sets the count of wrong
// ones back. When neither works the person may have typed another one.
func (s *script) changed(f *face, n int, typed bool) bool {
	start, user := s.clock(), s.accounts[n].user
	was := value{kind: "old", account: n}
	if !slices.Contains(f.works, n) {
		was = value{kind: "public", text: f.open.pass}
	}
	old := f.met(s.patient(f, "changed-old", user, was, start))
	now := f.met(s.patient(f, "changed-new", user, value{kind: "account", account: n}, start))
	if old == probe.Refused && now == probe.Refused && !typed {
		typed = true
		if r := s.ask("type-value", n); r.Error == "" {
			now = f.met(s.patient(f, "changed-new", user, value{kind: "account", account: n}, start))
		}
	}
	f.works = slices.DeleteFunc(f.works, func(m int) bool { return m == n })
	if now == probe.Accepted || now == probe.Forced {
		f.works, f.wrong = append(f.works, n), 0
	}
	if f.open != nil && f.open.user == user && old == probe.Refused {
		f.open = nil
	}
	return typed
}
