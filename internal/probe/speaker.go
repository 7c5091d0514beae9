package probe

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"hoshi/internal/fact"
)

// Speaker is an open TCP port and whether it speaks inside TLS.
type Speaker struct {
	Port int
	TLS  bool
}

// Speakers returns the open TCP ports on which the protocol was found, also as the
// carrier of another one.
func (t *Target) Speakers(protocol string) []Speaker {
	var out []Speaker
	for _, f := range t.Facts.Named("service.protocol") {
		if f.Origin == fact.Observed && (Str(f.Value, "protocol") == protocol || Str(f.Value, "over") == protocol) {
			out = append(out, Speaker{Port: PortNumber(f.Subject), TLS: Bool(f.Value, "tls")})
		}
	}
	return out
}

// Each asks services side by side, as many at a time as the pace allows, and
// returns when all are done.
func (t *Target) Each(speakers []Speaker, ask func(Speaker)) {
	gate := t.Turns
	if gate == nil {
		gate = make(chan struct{}, max(1, t.Pace.Services))
	}
	var wg sync.WaitGroup
	for _, s := range speakers {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			ask(s)
		})
	}
	wg.Wait()
}

// Ask puts one question to a speaker on a fresh connection and returns the record of
// it as kept. r says what is asked; an empty Sent only listens. At most limit bytes
// are read, until whole says that the answer has come, the server hangs up or the
// time is over.
func (t *Target) Ask(ctx context.Context, rec *Recorder, s Speaker, r Record, limit int, wait time.Duration, whole func([]byte) bool) Record {
	start := time.Now()
	c, err := t.Open(ctx, s.Port, s.TLS)
	if err == nil {
		r.Recv, err = Exchange(ctx, c, r.Sent, limit, wait, whole)
		_ = c.Close()
	}
	return rec.Add(s.Asked(r, start, err))
}

// Asked completes the record of an exchange with the speaker that began at start: where
// it was, how long it took and, when nothing came back, why. Detail is "tls" or "plain".
func (s Speaker) Asked(r Record, start time.Time, err error) Record {
	r.Port, r.Took, r.Detail = TCP(s.Port), time.Since(start).Milliseconds(), "plain"
	if s.TLS {
		r.Detail = "tls"
	}
	if len(r.Recv) == 0 {
		if r.Error = Word(err); r.Error == "" {
			r.Error = "closed"
		}
	}
	return r
}

// Random returns n random bytes. A source that fails is a defect of the system, which
// no probe can mend: as in crypto/rand, it ends the program.
func (t *Target) Random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(t.Rand, b); err != nil {
		panic(fmt.Sprintf("probe: no random bytes: %v", err))
	}
	return b
}
