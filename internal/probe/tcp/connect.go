package tcp

import (
	"context"
	"net"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

// retransmit is when systems repeat a SYN by themselves; attempts end before, so
// that no packet leaves that the pacing does not know of.
const retransmit = 950 * time.Millisecond

// connect asks by opening a complete connection.
type connect struct {
	t       *probe.Target
	free    int
	replies chan sweep.Reply // one for each attempt, silent ones too
}

func newConnect(t *probe.Target) *connect {
	n := max(1, t.Pace.TCPWorkers)
	return &connect{t: t, free: n, replies: make(chan sweep.Reply, n)}
}

// close waits for what is on the way, so that nothing is sent after the sweep.
func (c *connect) close() {
	for ; c.free < cap(c.replies); c.free++ {
		<-c.replies
	}
}

func (*connect) Method() string { return "connect" }

func (c *connect) Ready() bool { return c.free > 0 }

func (c *connect) Ask(ctx context.Context, a sweep.Action) error {
	c.free--
	go func() {
		r := sweep.Reply{Serial: a.Serial, Port: a.Port}
		r.Answer, r.Proof = c.ask(ctx, a.Port, min(retransmit, c.t.Pace.TCPWait, 2*a.Within))
		c.replies <- r
	}()
	return nil
}

func (c *connect) ask(ctx context.Context, port int, wait time.Duration) (sweep.Answer, string) {
	nc, err := c.t.Net.TCP(ctx, port, wait)
	if err != nil {
		if w := probe.Word(err); w == "refused" || w == "reset" {
			return sweep.Closed, w
		}
		return sweep.Silent, ""
	}
	defer nc.Close()
	// On one host a socket can meet itself when its own port is the one asked.
	if nc.LocalAddr().String() == nc.RemoteAddr().String() {
		if tc, ok := nc.(*net.TCPConn); ok {
			_ = tc.SetLinger(0)
		}
		return sweep.Silent, ""
	}
	return sweep.Open, "accepted"
}

func (c *connect) Receive(ctx context.Context, until time.Time, each func(sweep.Reply)) error {
	take := func(r sweep.Reply) {
		c.free++
		each(r)
	}
	n := 0
	for {
		select {
		case r := <-c.replies:
			take(r)
			n++
			continue
		default:
		}
		break
	}
	wait := time.Until(until)
	if n > 0 || wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r := <-c.replies:
		take(r)
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}
