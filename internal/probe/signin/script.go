package signin

import (
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
