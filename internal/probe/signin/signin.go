// Package signin tries to sign in: with declared and commonly known default
// values, sparingly, then with wrong ones again and again until a limit shows or
// the budget ends; and it proves that a value which a person changed took effect.
//
// What to do next is a pure function of the plan and of the records: procedure.go and
// limit.go say what is tried, script.go reads that along the records, so an interrupted
// run goes on exactly where it was. What the attempts prove is computed from the
// records alone (facts.go, facts_limit.go). How one attempt is made and
// understood lies with each protocol, in its entrance.go.
//
// It may lock an account for a while and so runs only with consent. The rate of
// guesses holds for one attacker who makes one attempt at a time.
package signin

import (
	"context"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "signin"

// Probe makes the registry entry from the kinds of sign-in of all protocols.
//
// Events: "interfaces" (number found), "list" (detail = name of the list of common
// values), "names" (detail = made-up user names), "attempt" (item = door, number
// counted for the door, user; detail = "baseline", "control", "declared", "first",
// "common-N" or another known value, "reset" (the right value, so that a count begins
// anew), "changed-old", "changed-new", "before-account",
// "wrong", "other-account", "other-source" or "after"), "alive" (item = door: another port
// of the device was asked after attempts were missed), "step" (item = account;
// detail = the step and, of a question, its answer: "first-value:yes"),
// "defaults-done", "limit-done" (item = door, number of attempts until then),
// "resumed" (number = ms for which the run was interrupted).
func Probe(entrances []probe.Entrance) probe.Probe {
	k := kinds{}
	for _, e := range entrances {
		k[e.Kind] = e
	}
	return probe.Probe{Name: name, Stage: 7, Intrusive: true, Continues: true, Run: k.run, Parse: k.parse}
}

// kinds are the kinds of sign-in by name.
type kinds map[string]probe.Entrance

func (k kinds) run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	x := executor{t: t, rec: rec, fresh: map[int]string{}}
	records := rec.Records(name)
	did := func(event string) bool {
		return slices.ContainsFunc(records, func(r probe.Record) bool { return r.Event == event })
	}
	if n := len(records); n > 0 {
		if gap := rec.Since() - records[n-1].At - records[n-1].Took; gap > time.Second.Milliseconds() {
			rec.Add(probe.Record{Probe: name, Event: "resumed", Number: int(gap)})
		}
	}
	if !did("interfaces") {
		rec.Add(probe.Record{Probe: name, Event: "interfaces", Number: len(t.Facts.Named("signin.interface"))})
	}
	if !t.Agreed(probe.ConsentSignIn) {
		return nil
	}
	if !did("list") {
		rec.Add(probe.Record{Probe: name, Event: "list", Detail: k.listID()})
	}
	if !did("names") {
		rec.Add(probe.Record{Probe: name, Event: "names", Detail: "hoshi-" + x.random(3) + " hoshi-" + x.random(3) + " hoshi-" + x.random(3)})
	}
	x.plan = k.plan(t, rec.Records(name))
	watched := time.Now()
	for ctx.Err() == nil {
		if t.Watch != nil && time.Since(watched) > watchEvery {
			if err := t.Watch(ctx); err != nil {
				return err
			}
			watched = time.Now()
		}
		records = rec.Records(name)
		a := next(x.plan, records, rec.Since())
		if a.do == "end" || len(records) >= probe.MaxRecords-1 {
			return nil
		}
		x.do(ctx, a)
	}
	return nil
}

// watchEvery is how often the run's watcher is asked, at most.
const watchEvery = 5 * time.Second

// executor does what the script decides. It alone holds secrets.
type executor struct {
	plan
	t     *probe.Target
	rec   *probe.Recorder
	fresh map[int]string // new values by account.value, after a change
}

func (x *executor) do(ctx context.Context, a action) {
	switch a.do {
	case "try":
		x.try(ctx, a)
	case "wait":
		// Never long at once, so that the watcher and progress have their turn.
		probe.Wait(ctx, min(time.Duration(a.until-x.rec.Since())*time.Millisecond, watchEvery))
	case "note":
		d := x.doors[a.door]
		x.rec.Add(probe.Record{Probe: name, Event: a.event, Item: d.ID, Port: d.Port, Number: x.count(d.ID)})
	case "alive":
		x.alive(ctx, a)
	case "ask":
		x.ask(ctx, a)
	}
}

// count is the number of attempts that were made on a door.
func (x *executor) count(id string) int {
	n := 0
	for _, r := range x.rec.Records(name) {
		if r.Event == "attempt" && r.Item == id {
			n++
		}
	}
	return n
}

func (x *executor) try(ctx context.Context, a action) {
	d := x.doors[a.door]
	pass, err := x.password(ctx, a.value)
	start := time.Now()
	r := probe.Record{Probe: name, Port: d.Port, Event: "attempt", Item: d.ID, Number: x.count(d.ID) + 1, User: a.user, Detail: a.label}
	if err == nil {
		t := *x.t
		if a.second {
			t.Net = t.Second
		}
		r.Sent, r.Recv, err = d.kind.Attempt(ctx, &t, d.Door, a.user, pass)
		r.Took = time.Since(start).Milliseconds()
	}
	if ctx.Err() != nil {
		return // cut off by us: it says nothing about the device
	}
	if len(r.Recv) == 0 {
		if r.Error = probe.Word(err); r.Error == "" {
			r.Error = "closed"
		}
		if errors.Is(err, errNoValue) {
			r.Error = "no-value"
		}
	}
	// Values that everybody knows, such as "password", must stay readable in a page;
	// every other value is masked wherever it is echoed.
	var also []string
	if a.value.kind != "public" {
		also = append(also, pass)
	}
	x.rec.Add(r, also...)
}

var errNoValue = errors.New("signin: the present value is not known")

// password finds the value that an attempt uses. After an interruption a value
// that was changed before is asked for again: it stands in no record.
func (x *executor) password(ctx context.Context, v value) (string, error) {
	switch v.kind {
	case "public":
		return v.text, nil
	case "random":
		return x.random(8), nil
	case "old":
		return x.t.Accounts[v.account].Secret, nil
	}
	a := x.accounts[v.account]
	if s, ok := x.fresh[a.value]; ok {
		return s, nil
	}
	if !slices.ContainsFunc(x.rec.Records(name), func(r probe.Record) bool {
		return r.Event == "step" && r.Detail == "change-value" && r.Error == "" && x.group(r.Item) == a.value
	}) {
		return x.t.Accounts[v.account].Secret, nil
	}
	s, err := x.t.Do(ctx, x.step("type-value", v.account, ""))
	if err != nil || s == "" {
		return "", errNoValue
	}
	x.keep(a.value, s)
	return s, nil
}

func (x *executor) group(id string) int {
	for _, a := range x.accounts {
		if a.id() == id {
			return a.value
		}
	}
	return -1
}

func (x *executor) keep(group int, s string) {
	x.rec.Secret(s)
	x.fresh[group] = s
}

// step makes a step about an account: who, where, and a value to propose.
func (x *executor) step(id string, who int, proposal string) probe.Step {
	a := x.accounts[who]
	var where []string
	for _, b := range x.accounts {
		if b.value == a.value && !slices.Contains(where, b.port) {
			where = append(where, b.port)
		}
	}
	s := probe.Step{ID: id, Args: map[string]any{"user": a.user, "ports": strings.Join(where, ", ")}, Want: "secret"}
	switch id {
	case "first-value":
		s.Want = "yes-no"
	case "change-value":
		s.Args["value"] = proposal
	}
	return s
}

func (x *executor) ask(ctx context.Context, a action) {
	acc := x.accounts[a.who]
	r := probe.Record{Probe: name, Event: "step", Item: acc.id(), Port: acc.port, User: acc.user, Detail: a.event}
	proposal := ""
	if a.event == "change-value" {
		proposal = x.proposal()
		x.rec.Secret(proposal)
	}
	start := time.Now()
	answer, err := x.t.Do(ctx, x.step(a.event, a.who, proposal))
	r.Took = time.Since(start).Milliseconds()
	if ctx.Err() != nil {
		return
	}
	switch {
	case errors.Is(err, probe.ErrNobody):
		r.Error = "nobody"
	case err != nil:
		r.Error = "stopped"
	case a.event == "first-value":
		if answer != "yes" {
			answer = "no"
		}
		r.Detail += ":" + answer
	case answer != "":
		x.keep(acc.value, answer)
	case proposal != "":
		x.keep(acc.value, proposal)
	}
	x.rec.Add(r)
}

// proposal is a strong random value that people can type: 100 bits, with the kinds
// of characters that devices ask for.
func (x *executor) proposal() string {
	s := strings.ToLower(base32.StdEncoding.EncodeToString(x.t.Random(15)))[:20]
	return "K7-" + s[:5] + "-" + s[5:10] + "-" + s[10:15] + "-" + s[15:]
}

func (x *executor) alive(ctx context.Context, a action) {
	d := x.doors[a.door]
	r := probe.Record{Probe: name, Event: "alive", Item: d.ID, Error: "no-connection"}
	for _, p := range x.ports {
		if probe.TCP(p) == d.Port {
			continue
		}
		if c, err := x.t.Net.TCP(ctx, p, x.t.Pace.Exchange); err == nil {
			_ = c.Close()
			r.Port, r.Error = probe.TCP(p), ""
			break
		}
	}
	if ctx.Err() == nil {
		x.rec.Add(r)
	}
}

func (x *executor) random(n int) string { return hex.EncodeToString(x.t.Random(n)) }

// parse states signin.coverage, and what the attempts on each door prove.
func (k kinds) parse(records []probe.Record) fact.Set {
	var out fact.Set
	var coverage *probe.Record
	items := map[string][]probe.Record{}
	var order []string
	did := steps{factory: map[string]probe.Record{}, changed: map[string]probe.Record{}}
	invented := made{first: map[string]int{}}
	for _, r := range records {
		if r.Event == "names" {
			invented.names = strings.Fields(r.Detail)
		}
		if r.Event == "attempt" && slices.Contains(invented.names, r.User) {
			invented.lines = append(invented.lines, r)
		}
		if r.Event == "attempt" && invented.first[r.Item] == 0 {
			invented.first[r.Item] = r.Line
		}
		switch r.Event {
		case "interfaces":
			coverage = &r
		case "step":
			switch {
			case r.Error != "":
			case r.Detail == "first-value:yes":
				did.factory[r.Item] = r
			case r.Detail == "change-value":
				did.changed[r.User] = r
			}
		case "resumed":
			for _, id := range order {
				items[id] = append(items[id], r)
			}
		default:
			if r.Item == "" {
				continue
			}
			if items[r.Item] == nil {
				order = append(order, r.Item)
			}
			items[r.Item] = append(items[r.Item], r)
		}
	}
	for _, id := range order {
		out = append(out, k.facts(id, items[id], did, invented)...)
	}
	if coverage != nil {
		out = append(out, probe.Observed("signin.coverage", "", map[string]any{"interfaces": coverage.Number,
			"firstUses": len(out.Named("signin.firstuse")), "changes": len(out.Named("signin.change"))}, coverage.Source()))
	}
	return slices.Clip(out)
}
