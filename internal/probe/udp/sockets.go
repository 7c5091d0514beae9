package udp

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

// inFlight bounds the sockets that are open at once.
const inFlight = 400

// sockets asks with connected sockets of the system, which hear refusals: no
// privileges are needed.
type sockets struct {
	t       *probe.Target
	ctx     context.Context
	cancel  context.CancelFunc
	replies chan sweep.Reply
	slots   chan struct{}
}

func newSockets(t *probe.Target) *sockets {
	s := &sockets{t: t, replies: make(chan sweep.Reply, 4*inFlight), slots: make(chan struct{}, inFlight)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *sockets) close() { s.cancel() }

func (*sockets) Method() string { return bySockets }

func (s *sockets) Ready() bool { return len(s.slots) < inFlight }

func (s *sockets) Ask(ctx context.Context, a sweep.Action) error {
	c, err := s.t.Net.UDP(ctx, a.Port, s.t.Pace.TCPWait)
	if err != nil {
		return err
	}
	s.slots <- struct{}{}
	wait := a.Within
	if wait <= 0 {
		wait = s.t.Pace.TCPWait
	}
	go func() {
		defer func() { _ = c.Close(); <-s.slots }()
		r, ok := s.attempt(c, a, wait)
		if !ok {
			return
		}
		select {
		case s.replies <- r:
		case <-s.ctx.Done():
		}
	}()
	return nil
}

func (s *sockets) attempt(c net.Conn, a sweep.Action, wait time.Duration) (sweep.Reply, bool) {
	r := sweep.Reply{Serial: a.Serial, Port: a.Port}
	_, err := probe.Datagram(s.ctx, c, knock, wait)
	switch {
	case c.LocalAddr().String() == c.RemoteAddr().String():
		return r, false // on one host a socket can meet itself
	case err == nil:
		r.Answer, r.Proof = sweep.Open, "datagram"
	case errors.Is(err, syscall.ECONNREFUSED):
		r.Answer, r.Proof = sweep.Closed, "refused"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EHOSTUNREACH) && s.t.Addr.Is6():
		r.Answer, r.Proof = sweep.Filtered, "prohibited"
	default:
		return r, false
	}
	return r, true
}

func (s *sockets) Receive(ctx context.Context, until time.Time, each func(sweep.Reply)) error {
	got := false
	for {
		select {
		case r := <-s.replies:
			each(r)
			got = true
			continue
		default:
		}
		break
	}
	wait := time.Until(until)
	if got || wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r := <-s.replies:
		each(r)
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}
