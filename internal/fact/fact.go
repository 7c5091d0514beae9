// Package fact says what a fact is: one thing that was declared by the vendor,
// observed on the device, or judged by a person, in a fixed vocabulary.
//
// Facts stand between raw transcripts (package evidence, which they are parsed
// from) and verdicts (package criteria, which are computed from them). The
// absence of a fact never means "no": the coverage facts say what was looked at.
package fact

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Origin says where a fact comes from. Origins are never mixed silently.
type Origin string

const (
	Declared Origin = "declared" // the vendor's product.yaml says so
	Observed Origin = "observed" // parsed from a transcript of Hoshi's own probes
	Judged   Origin = "judged"   // a person's signed judgement
	Imported Origin = "imported" // read from the output of another tool; fact import.file says which
)

// Fact is one statement. Value holds only nil, bool, int64, string, []any and
// map[string]any of these: no floats, so that every machine computes the same.
type Fact struct {
	Name    string   `json:"name"`              // from the vocabulary, such as "tcp.open"
	Subject string   `json:"subject,omitempty"` // what it is about: "tcp/443", "admin@tcp/443"; empty = the device
	Value   any      `json:"value"`
	Origin  Origin   `json:"origin"`
	Source  []string `json:"source,omitempty"` // transcript records it was parsed from: "tcp.jsonl:12"
}

// ID names the fact within one run.
func (f Fact) ID() string {
	if f.Subject == "" {
		return f.Name
	}
	return f.Name + "[" + f.Subject + "]"
}

// UnmarshalJSON reads a fact and normalises its value; a fraction is refused.
func (f *Fact) UnmarshalJSON(b []byte) error {
	type plain Fact
	var p plain
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		return err
	}
	v, err := Normal(p.Value)
	if err != nil {
		return fmt.Errorf("fact %s: %w", p.Name, err)
	}
	p.Value = v
	*f = Fact(p)
	return nil
}

// Normal turns any JSON-like Go value into the shape that Value allows.
func Normal(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int64:
		return v, nil
	case int:
		return int64(v), nil
	case uint16:
		return int64(v), nil
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, fmt.Errorf("number %s is not a whole number", v)
		}
		return n, nil
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			n, err := Normal(e)
			if err != nil {
				return nil, err
			}
			out[i] = n
		}
		return out, nil
	case []map[string]any:
		out := make([]any, len(v))
		for i, e := range v {
			n, err := Normal(e)
			if err != nil {
				return nil, err
			}
			out[i] = n
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			n, err := Normal(e)
			if err != nil {
				return nil, err
			}
			out[k] = n
		}
		return out, nil
	}
	return nil, fmt.Errorf("a fact cannot hold a %T", v)
}

// Set is the facts of one run, in canonical order (name, subject, origin).
type Set []Fact

// Sort puts the set in canonical order.
func (s Set) Sort() {
	slices.SortStableFunc(s, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), Compare(a.Subject, b.Subject), cmp.Compare(a.Origin, b.Origin))
	})
}

// Compare orders subjects and ids as people do, with the numbers in them by value:
// tcp/21 stands before tcp/199, and both before udp/53.
func Compare(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
			return c
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits counts the digits at the beginning of a text.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// Named returns the facts of a name, in the set's order.
func (s Set) Named(name string) Set {
	var out Set
	for _, f := range s {
		if f.Name == name {
			out = append(out, f)
		}
	}
	return out
}

// Get returns the fact of a name and subject.
func (s Set) Get(name, subject string) (Fact, bool) {
	for _, f := range s {
		if f.Name == name && f.Subject == subject {
			return f, true
		}
	}
	return Fact{}, false
}

// Without returns a copy of the set that lacks the fact at index i.
func (s Set) Without(i int) Set { return slices.Delete(slices.Clone(s), i, i+1) }
