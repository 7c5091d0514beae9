// Package fault is the closed set of ways in which Hoshi refuses or fails.
//
// An [Error] carries two stories: a catalogue key with arguments, from which
// the person reads one plain sentence in their language, and a cause, which
// only the log sees. Faces (web, api, cli) map a [Kind] to a status or an exit
// code in one place each; nothing else may invent a status.
package fault

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kind says what sort of refusal it is and therefore what the person can do.
type Kind string

const (
	// Invalid: the input is wrong; Places say where. The person corrects it.
	Invalid Kind = "invalid"
	// Unauthenticated: nobody is signed in. The person signs in; nothing typed is lost.
	Unauthenticated Kind = "unauthenticated"
	// Denied: the policy says no to this person, here, now.
	Denied Kind = "denied"
	// NotFound: there is no such thing, or this person may not know of it.
	NotFound Kind = "not-found"
	// Conflict: somebody changed it meanwhile, or it has been done already.
	Conflict Kind = "conflict"
	// TooLarge: over a stated limit; refused before it was read.
	TooLarge Kind = "too-large"
	// Unavailable: something Hoshi depends on does not answer; trying later helps.
	Unavailable Kind = "unavailable"
	// Internal: a defect or a broken disk; the log has the cause.
	Internal Kind = "internal"
)

// Args are the named values of a catalogue sentence.
type Args map[string]any

// Place is one spot of the input that is wrong. Line, Row and Col count from 1;
// zero means that the notion does not apply.
type Place struct {
	File  string // file name as the person gave it
	Line  int    // line in a text file
	Row   int    // row of a sheet
	Col   int    // column in a text file or sheet
	Field string // form field or data path, such as "models[2].number"
	Rule  string // rule number, such as "F-07", when a numbered rule found it
	Key   string // catalogue key of the sentence
	Args  Args
}

// String renders the position only, for logs and terminals: "file:line:col field".
func (p Place) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	for _, n := range []int{p.Line, p.Col} {
		if n > 0 {
			b.WriteString(":" + strconv.Itoa(n))
		}
	}
	if p.Row > 0 {
		fmt.Fprintf(&b, " row %d", p.Row)
	}
	if p.Field != "" {
		b.WriteString(" " + p.Field)
	}
	return strings.TrimSpace(b.String())
}

// Error is the only error type that a face shows to a person.
type Error struct {
	Kind   Kind
	Op     string // operation that failed, for the log: "casework.Submit"
	Key    string // catalogue key of the person's sentence
	Args   Args
	Places []Place
	Err    error // cause, for the log only
}

// Error renders for the log, never for a person.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(string(e.Kind))
	if e.Key != "" {
		b.WriteString(" " + e.Key)
	}
	for _, p := range e.Places {
		fmt.Fprintf(&b, "; %s: %s", p, p.Key)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind with the sentence key and args as name, value pairs.
func New(kind Kind, op, key string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Key: key, Args: Pairs(args...)}
}

// Wrap makes an error of a kind from a cause that only the log sees.
func Wrap(kind Kind, op string, err error, key string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Key: key, Args: Pairs(args...), Err: err}
}

// Pairs turns name, value, name, value … into Args. It panics on a missing value
// or a name that is not a string: both are defects of the caller.
func Pairs(kv ...any) Args {
	if len(kv) == 0 {
		return nil
	}
	a := make(Args, len(kv)/2)
	for i := 0; i < len(kv); i += 2 {
		a[kv[i].(string)] = kv[i+1]
	}
	return a
}

// KindOf returns the kind of err; Internal when no [Error] is in the chain and
// "" when err is nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
