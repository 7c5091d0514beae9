package tcp

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
	"hoshi/internal/probe/wire"
)

// syn asks with a SYN; the system resets what the answer would open. An answer
// is told to belong to an attempt by its acknowledgement number.
type syn struct {
	w      *wire.Wire
	target netip.Addr
	key    uint32
	from   []uint16 // source ports; the first is for the device's clock only
	start  time.Time
}

// sourcePorts makes a second SYN to the same port another connection, so that
// one half-open on the device cannot swallow it.
const sourcePorts = 16

func newSYN(t *probe.Target) (*syn, error) {
	w, err := wire.Open(t.Net, probe.Senders{})
	if err != nil {
		return nil, err
	}
	s := &syn{w: w, target: w.Target(), start: time.Now()}
	if s.from, err = w.Reserve("tcp", sourcePorts); err != nil {
		_ = w.Close()
		return nil, err
	}
	s.key = binary.BigEndian.Uint32(t.Random(4))
	return s, nil
}

func (s *syn) close() { _ = s.w.Close() }

func (*syn) Method() string { return "syn" }

func (*syn) Ready() bool { return true }

func (s *syn) Ask(_ context.Context, a sweep.Action) error {
	from := s.from[1+int(a.Serial)%(len(s.from)-1)]
	if a.Clock {
		from = s.from[0]
	}
	ts := uint32(time.Since(s.start).Milliseconds()) + s.key>>1
	return s.w.SYN(netip.AddrPortFrom(netip.Addr{}, from), uint16(a.Port), a.Serial^s.key, &ts)
}

func (s *syn) Receive(_ context.Context, until time.Time, each func(sweep.Reply)) error {
	_, err := s.w.Receive(until, func(p wire.Packet) {
		if r, ok := s.read(p); ok {
			each(r)
		}
	})
	return err
}

// read tells what a packet answers; false when it answers nothing of ours.
func (s *syn) read(p wire.Packet) (sweep.Reply, bool) {
	r := sweep.Reply{Port: int(p.SrcPort), Serial: (p.Ack - 1) ^ s.key}
	ours := p.DstPort
	switch {
	case p.Kind == wire.SYNACK:
		r.Answer, r.Proof, r.TSval, r.HasTS = sweep.Open, "syn-ack", p.TSval, p.HasTS
	case p.Kind == wire.RST:
		r.Answer, r.Proof = sweep.Closed, "rst"
	case p.Kind == wire.Unreachable && p.Quoted.Proto == wire.ProtoTCP && p.Quoted.Dst == s.target:
		r.Port, r.Serial, ours = int(p.Quoted.DstPort), p.Quoted.Seq^s.key, p.Quoted.SrcPort
		r.Proof = fmt.Sprintf("icmp-%d-%d", p.Type, p.Code)
		switch {
		case p.PortUnreachable():
			r.Answer = sweep.Closed
		case p.Prohibited():
			r.Answer = sweep.Filtered
		default: // unreachable host or network: the port itself did not answer
			return r, false
		}
	default:
		return r, false
	}
	return r, slices.Contains(s.from, ours)
}
