package signin

import (
	"time"

	"hoshi/internal/probe"
)

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
