package udp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"hoshi/internal/probe"
)

const (
	measured = 30                    // ports asked to find out whether the device tells of closed ones
	spacing  = 15 * time.Millisecond // between two of them
	firstOne = 50021                 // of the ports asked; nothing is usually found there
	step     = 137                   // to the next one
)

// measurement is how readily the device tells of closed ports.
type measurement struct {
	sent, answered int
	took           time.Duration
	closed         []int // ports of which it told
}

func trial(i int) int { return firstOne + i*step }

// enough reports whether it tells of nearly all, so that a sweep makes sense.
func (m measurement) enough() bool { return m.answered*5 >= m.sent*4 }

// seconds is how long all ports would take at the speed that was seen; 0 when the
// device told of none, so that nothing can be found out however long it takes.
func (m measurement) seconds() int {
	if m.answered == 0 {
		return 0
	}
	// Limits allow a few at once, then so many a second. Linux allows six, then one.
	rate := max(1, float64(m.answered-7)/max(0.1, m.took.Seconds()))
	return int(last / rate)
}

func (m measurement) record(rec *probe.Recorder, method string) measurement {
	rec.Add(probe.Record{Probe: name, Event: "measured", Number: m.answered, Detail: fmt.Sprintf("method=%s sent=%d ms=%d", method, m.sent, m.took.Milliseconds())})
	return m
}

// measureSockets measures with sockets of the system.
func measureSockets(ctx context.Context, t *probe.Target) measurement {
	var mu sync.Mutex
	var wg sync.WaitGroup
	m := measurement{}
	start := time.Now()
	for i := range measured {
		if !probe.Wait(ctx, time.Until(start.Add(time.Duration(i)*spacing))) {
			break
		}
		m.sent++
		wg.Go(func() {
			c, err := t.Net.UDP(ctx, trial(i), t.Pace.TCPWait)
			if err != nil {
				return
			}
			defer c.Close()
			if _, err := probe.Datagram(ctx, c, knock, min(time.Second, t.Pace.TCPWait)); errors.Is(err, syscall.ECONNREFUSED) {
				mu.Lock()
				defer mu.Unlock()
				m.answered++
				m.closed = append(m.closed, trial(i))
			}
		})
	}
	m.took = time.Since(start)
	wg.Wait()
	return m
}
