package udp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
	"hoshi/internal/probe/wire"
)

const (
	// poolSize is how many senders of a routed prefix take turns. A device tells each
	// peer of about one closed port a second and remembers each for a while: enough
	// for a thousand a second and few enough for a small memory.
	poolSize = 4096
	// poolCap is the most that is asked in a second through a pool: a little less than
	// what Linux tells all peers together, so that nothing is lost.
	poolCap = 980
	// slack at that speed makes bursts of a little less than what Linux tells at once (50).
	slack = 40 * time.Millisecond
	// sourcePorts of our own make attempts at one port distinct.
	sourcePorts = 16
)

// raw asks with raw datagrams, each from the next sender.
type raw struct {
	t       *probe.Target
	w       *wire.Wire
	method  string
	senders []netip.Addr // the zero address is the host's own
	index   map[netip.Addr]int
	ports   []uint16
	same    bool           // the target is this host
	asked   map[key]uint32 // the latest serial
	end     func()
}

type key struct {
	sender int
	from   uint16
	port   uint16
}

func newRaw(t *probe.Target) (*raw, error) {
	w, err := wire.Open(t.Net, t.Senders)
	if err != nil {
		return nil, err
	}
	r := &raw{t: t, w: w, method: bySingle, senders: []netip.Addr{{}}, index: map[netip.Addr]int{}, asked: map[key]uint32{}, end: func() {}}
	target := w.Target()
	if r.ports, err = w.Reserve("udp", sourcePorts); err == nil && w.Local() == target {
		// On one host a reserved port would be found open: it is only known to be free.
		_ = w.Close()
		if w, err = wire.Open(t.Net, t.Senders); err != nil {
			return nil, err
		}
		r.w, r.same = w, true
	}
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	switch p := t.Senders.Routed; {
	case p.IsValid() && p.Addr().Is4() == target.Is4():
		r.method, r.senders = byPool, pool(p)
	case len(t.Senders.OnLink) > 0 && t.Senders.OnLink[0].Is4() == target.Is4():
		if r.end, err = answerFor(w.Local(), target, t.Senders.OnLink); err == nil {
			r.method, r.senders = byLink, t.Senders.OnLink
		} else {
			r.end = func() {}
		}
	}
	for i, a := range r.senders {
		if !a.IsValid() {
			a = w.Local()
		}
		r.index[a] = i
	}
	return r, nil
}

// pool lists senders of a prefix, spread over it, without its first and last.
func pool(p netip.Prefix) []netip.Addr {
	bits := min(p.Addr().BitLen()-p.Bits(), 16)
	n := 1<<bits - 2
	b := p.Masked().Addr().AsSlice()
	var out []netip.Addr
	for i := range min(n, poolSize) {
		a := append([]byte(nil), b...)
		k := i + 1
		a[len(a)-1] |= byte(k)
		if bits > 8 {
			a[len(a)-2] |= byte(k >> 8)
		}
		x, _ := netip.AddrFromSlice(a)
		out = append(out, x)
	}
	return out
}

// most is how many attempts a second the senders are good for, each for a little
// less than one; 0 = not known.
func (r *raw) most() int {
	if r.method == bySingle {
		return 0
	}
	return min(poolCap, max(1, len(r.senders)*95/100))
}

func (r *raw) close() { r.end(); _ = r.w.Close() }

func (r *raw) Method() string { return r.method }

func (*raw) Ready() bool { return true }

func (r *raw) Ask(_ context.Context, a sweep.Action) error {
	n := int(a.Serial)
	k := key{n % len(r.senders), r.ports[n/len(r.senders)%len(r.ports)], uint16(a.Port)}
	r.asked[k] = a.Serial
	return r.w.UDP(netip.AddrPortFrom(r.senders[k.sender], k.from), k.port, knock)
}

func (r *raw) Receive(_ context.Context, until time.Time, each func(sweep.Reply)) error {
	_, err := r.w.Receive(until, func(p wire.Packet) {
		if a, ok := r.read(p); ok {
			each(a)
		}
	})
	return err
}

// read tells what a packet answers; false when it answers nothing of ours.
func (r *raw) read(p wire.Packet) (sweep.Reply, bool) {
	var k key
	var out sweep.Reply
	sender := p.Dst
	switch {
	case p.Kind == wire.UDP && r.same && slices.Contains(r.ports, p.SrcPort):
		return out, false // what we sent ourselves
	case p.Kind == wire.UDP && p.Src == r.w.Target():
		k, out.Answer, out.Proof = key{from: p.DstPort, port: p.SrcPort}, sweep.Open, "datagram"
	case p.Kind == wire.Unreachable && p.Quoted.Proto == wire.ProtoUDP && p.Quoted.Dst == r.w.Target():
		k, sender = key{from: p.Quoted.SrcPort, port: p.Quoted.DstPort}, p.Quoted.Src
		out.Proof = fmt.Sprintf("icmp-%d-%d", p.Type, p.Code)
		switch {
		case p.PortUnreachable() && p.Src == r.w.Target():
			out.Answer = sweep.Closed
		case p.Prohibited():
			out.Answer = sweep.Filtered
		default: // unreachable host or network, or another machine's word
			return out, false
		}
	default:
		return out, false
	}
	i, known := r.index[sender]
	k.sender = i
	serial, asked := r.asked[k]
	out.Port, out.Serial = int(k.port), serial
	return out, known && asked
}

// measure finds out how readily the device tells of closed ports.
func (r *raw) measure(ctx context.Context) (measurement, error) {
	m := measurement{}
	start := time.Now()
	told := map[int]bool{}
	hear := func(until time.Time) error {
		return r.Receive(ctx, until, func(a sweep.Reply) {
			if a.Answer == sweep.Closed && !told[a.Port] {
				told[a.Port] = true
				m.answered++
				m.closed = append(m.closed, a.Port)
			}
		})
	}
	for i := range measured {
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		if err := r.Ask(ctx, sweep.Action{Port: trial(i), Serial: uint32(i + 1)}); err != nil {
			return m, err
		}
		m.sent++
		for until := start.Add(time.Duration(i+1) * spacing); time.Now().Before(until); {
			if err := hear(until); err != nil {
				return m, err
			}
		}
	}
	m.took = time.Since(start)
	for until := time.Now().Add(min(time.Second, r.t.Pace.TCPWait)); m.answered < m.sent && time.Now().Before(until); {
		if err := hear(until); err != nil {
			return m, err
		}
	}
	clear(r.asked)
	return m, nil
}
