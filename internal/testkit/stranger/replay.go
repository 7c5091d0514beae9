package stranger

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fact"
)

// Who is what a process sees of its own circumstances.
type Who struct {
	User      int
	Clock     time.Time
	Zone      string // offset from UTC on the day that the clock shows
	Locale    string
	Home, Dir string
}

// Answer is what follows from one bundle: facts and verdicts as written in a
// bundle, or why there are none.
type Answer struct {
	Facts, Verdicts string
	Refused         string
}

// Replay reads bundles, JSON strings in base64, and answers who it is and then
// what follows from each.
func Replay(in io.Reader, out io.Writer) error {
	d, e := json.NewDecoder(in), json.NewEncoder(out)
	if err := e.Encode(who()); err != nil {
		return err
	}
	for {
		var bundle []byte
		switch err := d.Decode(&bundle); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		_, anew := follows(bundle)
		if err := e.Encode(anew); err != nil {
			return err
		}
	}
}

func who() Who {
	dir, err := os.Getwd()
	if err != nil {
		dir = err.Error()
	}
	now := time.Now()
	return Who{User: os.Getuid(), Clock: now.UTC(), Zone: now.Format("-0700"), Locale: os.Getenv("LC_ALL"), Home: os.Getenv("HOME"), Dir: dir}
}

// follows is what a bundle says and what follows from its raw parts anew.
func follows(bundle []byte) (says, anew Answer) {
	l := evidence.DefaultLimits()
	l.AllowUnsigned = true
	b, err := evidence.Open(bytes.NewReader(bundle), l)
	if err != nil {
		a := Answer{Refused: err.Error()}
		return a, a
	}
	facts, verdicts, err := evidence.Replay(b)
	if err != nil {
		anew.Refused = err.Error()
	} else {
		anew = written(facts, verdicts)
	}
	if b.Facts == nil && b.Verdicts == nil { // says nothing
		return anew, anew
	}
	return written(b.Facts, b.Verdicts), anew
}

func written(facts fact.Set, verdicts []criteria.Verdict) Answer {
	f, err := evidence.MarshalFacts(facts)
	if err != nil {
		return Answer{Refused: err.Error()}
	}
	v, err := evidence.MarshalVerdicts(verdicts)
	if err != nil {
		return Answer{Refused: err.Error()}
	}
	return Answer{Facts: string(f), Verdicts: string(v)}
}
