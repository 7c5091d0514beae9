package probe

import (
	"iter"
	"strconv"
	"time"

	"hoshi/internal/fact"
)

// Bool reads a yes or no of a fact's value, false when absent.
func Bool(v any, member string) bool {
	m, _ := v.(map[string]any)
	b, _ := m[member].(bool)
	return b
}

// Str reads a string member of a fact's value, "" when absent.
func Str(v any, member string) string {
	m, _ := v.(map[string]any)
	s, _ := m[member].(string)
	return s
}

// Int reads a number member of a fact's value, 0 when absent.
func Int(v any, member string) int64 {
	m, _ := v.(map[string]any)
	n, _ := m[member].(int64)
	return n
}

// Observed makes a fact of the usual shape from records.
func Observed(name, subject string, value any, source ...string) fact.Fact {
	v, err := fact.Normal(value)
	if err != nil {
		panic(err) // a probe built a value that facts cannot hold: a defect
	}
	return fact.Fact{Name: name, Subject: subject, Value: v, Origin: fact.Observed, Source: source}
}

// SignIn makes the fact signin.interface of a way to sign in: kind as an Entrance has
// it, or "other" for one that cannot be tried; path is "" where the port has but one.
func SignIn(port, kind, path string, encrypted bool, source ...string) fact.Fact {
	id := port + " " + kind
	if path != "" {
		id += " " + path
	}
	return Observed("signin.interface", Clip(id), map[string]any{"port": port, "kind": kind, "encrypted": encrypted}, source...)
}

// Greeted states signin.interface for each port that a record of the event tells of,
// also when the server did not answer this time: a sign-in that cannot be tried is
// not one that is absent. encrypted tells whether the sign-in is.
func Greeted(records []Record, event, kind string, encrypted func(Record) bool) fact.Set {
	var out fact.Set
	seen := map[string]bool{}
	for _, r := range records {
		if r.Event == event && IsTCP(r.Port) && !seen[r.Port] {
			seen[r.Port] = true
			out = append(out, SignIn(r.Port, kind, "", encrypted(r), r.Source()))
		}
	}
	return out
}

// Detail makes a fact of something that a service says about itself; "" values
// are for the caller to leave out.
func Detail(port, protocol, key, value string, source ...string) fact.Fact {
	return Observed("service.detail", port+" "+protocol+" "+key, map[string]any{"port": port, "protocol": protocol, "key": key, "value": Clip(value)}, source...)
}

// Open makes the fact access.open of a service that was asked without a sign-in.
func Open(port, protocol string, read, write, writeAsked bool, what string, source ...string) fact.Fact {
	return Observed("access.open", port+" "+protocol, map[string]any{"port": port, "protocol": protocol, "read": read, "write": write, "writeAsked": writeAsked, "what": Clip(what)}, source...)
}

// Away makes the fact device.outage: the device did not answer at all. during is the
// part of the run ("tcp", "udp", "services") and n the outage's number in it, from 1;
// kind is "reboot", "hang", "unknown" or "gone"; rate is attempts per second before, 0
// when nobody counted; last is what was sent last.
func Away(during string, n int, kind string, took time.Duration, rate int, last string, source ...string) fact.Fact {
	return Observed("device.outage", during+" "+strconv.Itoa(n), map[string]any{
		"kind": kind, "during": during, "seconds": int(took.Round(time.Second).Seconds()), "rate": rate, "last": Clip(last)}, source...)
}

// Ports gathers what records say port by port.
type Ports[T any] struct {
	order []string
	by    map[string]*T
}

// At returns what is gathered of a port, at first the zero value.
func (p *Ports[T]) At(port string) *T {
	x, ok := p.by[port]
	if !ok {
		if p.by == nil {
			p.by = map[string]*T{}
		}
		x = new(T)
		p.by[port], p.order = x, append(p.order, port)
	}
	return x
}

// All yields the ports in the order in which they came up.
func (p *Ports[T]) All() iter.Seq2[string, *T] {
	return func(yield func(string, *T) bool) {
		for _, port := range p.order {
			if !yield(port, p.by[port]) {
				return
			}
		}
	}
}
