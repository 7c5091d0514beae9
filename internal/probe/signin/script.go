package signin

import (
	"slices"
	"time"

	"hoshi/internal/probe"
)

// action is the next thing to do.
type action struct {
	do     string // "try", "alive", "note", "ask", "wait", "end"
	door   int
	label  string // of an attempt
	user   string
	value  value
	second bool   // from the second source address
	event  string // of a note; of a step that a person is asked to do
	who    int    // account that a step is about
	until  int64  // of a wait: ms since the run began
}

// value says which password an attempt uses. The secret itself is the executor's.
type value struct {
	kind    string // "random", "public", "account" (the present one), "old" (the one before a change)
	text    string // of a public value
	account int
}

var random = value{kind: "random"}

// next decides what to do from the plan and the records so far. It reads the
// procedure anew from its beginning, with the recorded outcomes, until it comes to
// something that has not been done; so a run that was killed at any moment goes
// on with the very action that it would have done next.
func next(p plan, records []probe.Record, now int64) (a action) {
	// The clock of the procedure begins with the first record: what the run did before
	// is not on its budgets.
	s := &script{plan: p, now: now, end: now, numbers: map[string]int{}, renewed: map[string]bool{}}
	if len(records) > 0 {
		s.end = records[0].At
	}
	for _, r := range records {
		switch r.Event {
		case "attempt", "alive", "step", "defaults-done", "limit-done", "resumed":
			s.rest = append(s.rest, r)
		}
	}
	defer func() {
		if x := recover(); x != nil {
			due, ok := x.(action)
			if !ok {
				panic(x)
			}
			a = due
		}
	}()
	s.run()
	return action{do: "end"}
}

// script is the procedure while it is read along the records. Its methods return
// the record of an action that was done and leave by panic with the first that
// was not.
type script struct {
	plan
	rest    []probe.Record // not read yet
	now     int64
	end     int64 // when the last record that was read ended
	paused  int64 // time during which the run was interrupted
	numbers map[string]int
	renewed map[string]bool // users whose value a person changed
}

// read returns the record of an action, or leaves with the action.
func (s *script) read(a action, is func(probe.Record) bool) probe.Record {
	s.skip()
	if len(s.rest) == 0 {
		panic(a)
	}
	r := s.rest[0]
	if !is(r) {
		panic(action{do: "end"}) // records of another plan: nothing can be added to them
	}
	s.rest = s.rest[1:]
	s.end = max(s.end, r.At+r.Took)
	return r
}

func (s *script) skip() {
	for len(s.rest) > 0 && s.rest[0].Event == "resumed" {
		s.paused += int64(s.rest[0].Number)
		s.end = max(s.end, s.rest[0].At)
		s.rest = s.rest[1:]
	}
}

// clock is the time of the procedure: since the run began, without interruptions.
func (s *script) clock() int64 { return s.end - s.paused }

func (s *script) over(start int64) bool { return s.clock()-start >= s.budget }

// wait pauses for d after the last action; false when that would pass the budget
// of a phase that began at start.
func (s *script) wait(d time.Duration, start int64) bool {
	ms := d.Milliseconds()
	if ms <= 0 {
		return true
	}
	if s.clock()+ms-start > s.budget {
		return false
	}
	s.skip()
	if until := s.end + ms; len(s.rest) == 0 && s.now < until {
		panic(action{do: "wait", until: until})
	}
	return true
}

func (s *script) try(door int, label, user string, v value) probe.Record {
	return s.attempt(action{do: "try", door: door, label: label, user: user, value: v})
}

func (s *script) attempt(a action) probe.Record {
	id := s.doors[a.door].ID
	r := s.read(a, func(r probe.Record) bool {
		return r.Event == "attempt" && r.Item == id && r.Detail == a.label && r.User == probe.Clip(a.user)
	})
	s.numbers[id]++
	return r
}

func (s *script) note(door int, event string) {
	s.read(action{do: "note", door: door, event: event}, func(r probe.Record) bool { return r.Event == event && r.Item == s.doors[door].ID })
}

func (s *script) ask(step string, who int) probe.Record {
	id := s.accounts[who].id()
	return s.read(action{do: "ask", event: step, who: who}, func(r probe.Record) bool { return r.Event == "step" && r.Item == id })
}

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

// perValue is how long (ms) a limit without a stated end is watched at least for
// each value that it let through.
const perValue = 2500

// mostMute is how many wrong values are tried where each costs the time of an
// answer that does not come.
const mostMute = 10

// confirm is how many further attempts a limit must turn away.
const confirm = 3

// limit repeats wrong values for one account until a limit shows and holds, or
// the number of attempts is used up.
func (s *script) limit(f *face) {
	start := s.clock()
	user, attempts := users[0], s.signIns
	switch {
	case f.kind.NoUser:
		user = ""
	case len(f.declared) > 0:
		user = s.accounts[f.declared[0]].user
	case f.open != nil:
		user = f.open.user
	case f.kind.Tells:
		if user = f.heard; user == "" {
			return // nobody is known whose value could be guessed
		}
	}
	if f.kind.Mute {
		// Silence shows no limit by itself; only a right value tells afterwards.
		if !s.knows(f, user) {
			return
		}
		attempts = min(attempts, mostMute)
	}
	other := s.before(f, user)
	if v := s.rights(f, user); len(v) > 0 && !f.kind.Mute {
		// Values that were wrong at other doors may count here too; and a value may have
		// been changed through another door.
		switch o := f.met(s.try(f.i, "reset", user, v[0])); o {
		case probe.Accepted, probe.Forced:
			f.wrong = 0
		case probe.Refused:
			if v[0].kind == "public" && s.renewed[user] {
				f.open = nil
			}
		}
	}
	hold := time.Duration(s.hold) * time.Millisecond
	away, scoped := 0, false
	var since int64 // when the present limit showed
	paused, tried, spare := s.paused, 0, false
	for wrong := 0; wrong < attempts; {
		if s.over(start) {
			return
		}
		r := s.try(f.i, "wrong", user, random)
		if s.paused != paused { // a limit may have come and gone meanwhile: the count begins anew
			paused, wrong, away = s.paused, 0, 0
		}
		o := f.met(r)
		if tried == 0 && f.wrong == 0 && turned(o) && !f.kind.NoUser {
			// The account rests because of another door. What this door does by itself
			// shows after a short rest, or with a name that nobody has.
			tried++
			if d := probe.StatedWait(r.Recv); d > 0 && d <= hold/2 && s.wait(d, start) {
				continue
			}
			user, spare = s.made(2), true
			continue
		}
		tried++
		switch {
		case turned(o):
			if away++; away == 1 {
				since = s.clock()
			}
			if !scoped && (o == probe.Limited || away == 2) {
				scoped = true
				s.scope(f, user, other, spare)
			}
			stated := probe.StatedWait(r.Recv)
			// The more values were let through, the longer a limit must hold to matter.
			watch := max(s.hold, min(perValue, s.hold/3)*int64(f.wrong+wrong))
			if away > confirm && (stated > 0 || probe.SaysForever(r.Recv) || s.clock()-since >= watch) {
				if o == probe.Limited || s.alive(f) {
					s.note(f.i, "limit-done")
				}
				return
			}
			pause := hold / 8
			if stated > 0 {
				pause /= 20
			}
			if !s.wait(max(pause, time.Millisecond), start) {
				return
			}
		case o == probe.Refused:
			wrong, away = wrong+1, 0
			if f.shut { // what a refusal looks like is known only now
				f.base, f.shut = r, false
			}
		default:
			return
		}
	}
	if spare {
		return // names that nobody has may go uncounted: that is no proof of anything
	}
	s.silent(f, user, start)
	s.note(f.i, "limit-done")
}

// scope sees at once whether a limit is one of the account or of the source; before
// is the same question while no limit stands, without which the answer says nothing.
// Beside a made-up name (spare) no other is tried: all of them may rest together.
func (s *script) scope(f *face, user, other string, spare bool) {
	if other != "" && !spare {
		s.try(f.i, "other-account", other, random)
	}
	if s.second {
		s.attempt(action{do: "try", door: f.i, label: "other-source", user: user, value: random, second: true})
	}
}

func (s *script) before(f *face, user string) (other string) {
	if f.kind.NoUser {
		return ""
	}
	other = s.made(1)
	for _, n := range f.declared {
		if s.accounts[n].user != user {
			other = s.accounts[n].user
			break
		}
	}
	s.try(f.i, "before-account", other, random)
	return other
}

// rights are values that sign in as the user.
func (s *script) rights(f *face, user string) []value {
	var out []value
	for _, n := range f.works {
		if s.accounts[n].user == user || f.kind.NoUser {
			out = append(out, value{kind: "account", account: n})
		}
	}
	if f.open != nil && f.open.user == user {
		out = append(out, value{kind: "public", text: f.open.pass})
	}
	return out
}

func (s *script) knows(f *face, user string) bool { return len(s.rights(f, user)) > 0 }

// silent sees whether the right value is refused too after so many wrong ones: a
// limit that looks like any refusal. It is watched until it ends or for a while.
func (s *script) silent(f *face, user string, start int64) {
	rights := s.rights(f, user)
	if len(rights) == 0 {
		return
	}
	begun := s.clock()
	for s.clock()-begun <= s.hold {
		if o := f.met(s.try(f.i, "after", user, rights[0])); o == probe.Accepted || o == probe.Forced || o == probe.Unclear {
			return
		}
		if !s.wait(max(time.Duration(s.hold)*time.Millisecond/4, time.Millisecond), start) {
			return
		}
	}
}

// alive asks whether another open port still answers: then the silence of this
// one is a limit, not a dead device.
func (s *script) alive(f *face) bool {
	for _, p := range s.ports {
		if probe.TCP(p) != f.Port {
			r := s.read(action{do: "alive", door: f.i}, func(r probe.Record) bool { return r.Event == "alive" && r.Item == f.ID })
			return r.Error == ""
		}
	}
	return false
}
