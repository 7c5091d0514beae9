// Package tls lists the TLS and SSL versions, cipher suites and key exchange
// groups that a port accepts, the old ones too, and reads its certificates.
//
// It builds its own ClientHello and reads what the server answers in plain text;
// so versions that no library speaks any more can be asked for. Only where a server
// speaks nothing but TLS 1.3, which encrypts certificates, one handshake of the
// standard library is completed. Lists are complete by elimination: what the server
// picked is taken out of the offer and the rest is offered again until the server
// refuses.
package tls

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const (
	name  = "tls"
	chunk = 64 // suites in one hello; some servers give up on longer lists
	// Connections at a time. Devices with a handful of sockets refuse more; a
	// refusal without a word is asked again alone, see asker.ask.
	careful, fast = 3, 8
	most          = 400 // hellos to one port
	// How long a device may take to see that earlier connections are over.
	settle = 30 * time.Millisecond
)

// Probe is the registry entry.
//
// Events: "hello" (port; what was sent and the first record received), "flight" (port; a hello and all that the
// server said until the client has to answer; number = the day of the test since 1970), "group" (port; a TLS 1.3
// hello without a key), "certificate" (port; recv = certificate list of a TLS 1.3 handshake; number = the day),
// "settled" (port, item = version: every suite was accepted or refused; "group": every group; "certificate").
var Probe = probe.Probe{Name: name, Stage: 4, Run: run, Parse: parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	n := careful
	if t.Pace.Name == "fast" {
		n = fast
	}
	a := &asker{t: t, rec: rec, slots: make(chan struct{}, n), left: map[string]int{}}
	var all sync.WaitGroup
	for _, f := range t.Facts.Named("service.protocol") {
		if f.Origin == fact.Observed && probe.Bool(f.Value, "tls") {
			a.left[f.Subject] = most
		}
	}
	for _, port := range slices.Sorted(maps.Keys(a.left)) {
		all.Go(func() { a.port(ctx, port) })
	}
	all.Wait()
	return nil
}

// asker shares out the connections of one run.
type asker struct {
	t     *probe.Target
	rec   *probe.Recorder
	slots chan struct{}
	alone sync.RWMutex   // held for writing by a question that no other may disturb
	mu    sync.Mutex     // of left, once ports are asked
	left  map[string]int // hellos left, by port
}

// port settles all versions of one port side by side, then groups and certificates.
func (a *asker) port(ctx context.Context, port string) {
	settled := func(item string) {
		a.rec.Add(probe.Record{Probe: name, Event: "settled", Port: port, Item: item})
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	accepted := map[Version][]uint16{}
	for _, v := range Versions {
		all.Go(func() {
			suites, ok := a.version(ctx, port, v)
			if ok {
				settled(v.String())
			}
			mu.Lock()
			defer mu.Unlock()
			accepted[v] = suites
		})
	}
	all.Wait()
	var top Version // the newest one that shows certificates in plain text
	for _, v := range []Version{TLS12, TLS11, TLS10, SSL30} {
		if len(accepted[v]) > 0 {
			top = v
			break
		}
	}
	var shown, plain, modern bool
	if plain = true; top != 0 {
		all.Go(func() { shown, plain = a.plain(ctx, port, top, accepted[top]) })
	}
	if modern = true; len(accepted[TLS13]) > 0 {
		all.Go(func() { modern = a.groups(ctx, port, accepted[TLS13]) })
	}
	all.Wait()
	if plain && modern {
		settled("group")
	}
	if len(accepted[TLS13]) > 0 && !shown {
		shown = a.handshake(ctx, port)
	}
	if shown && plain {
		settled("certificate")
	}
}

// version settles one version on one port; ok is false when an answer was missed.
func (a *asker) version(ctx context.Context, port string, v Version) (accepted []uint16, ok bool) {
	switch v {
	case SSL20: // the server names all that it accepts at once
		x, ok := a.ask(ctx, port, v, oldest)
		if x.Hello && x.Version == SSL20 {
			accepted = x.Suites
		}
		return accepted, ok
	case TLS13:
		return a.eliminate(ctx, port, v, modern)
	}
	for offer := range slices.Chunk(classic, chunk) {
		some, ok := a.eliminate(ctx, port, v, offer)
		accepted = append(accepted, some...)
		if !ok {
			return accepted, false
		}
	}
	return accepted, true
}

func (a *asker) eliminate(ctx context.Context, port string, v Version, offer []uint16) (accepted []uint16, ok bool) {
	offer = slices.Clone(offer)
	for len(offer) > 0 {
		x, ok := a.ask(ctx, port, v, offer)
		if !ok {
			return accepted, false
		}
		i := slices.Index(offer, x.Suite)
		if !x.Hello || x.Version != v || i < 0 {
			break // refused, or answered with another version
		}
		accepted = append(accepted, x.Suite)
		offer = slices.Delete(offer, i, i+1)
	}
	return accepted, true
}

// ask sends one hello; ok is false when the server's answer stayed away. Where the
// server hung up without a word, it is asked again while nothing else is going on:
// it may have been too busy, which is no refusal.
func (a *asker) ask(ctx context.Context, port string, v Version, offer []uint16) (x Answer, ok bool) {
	build := func(random []byte) []byte { return Hello(v, offer, random) }
	return a.twice(ctx, port, probe.Record{Event: "hello", Item: v.String(), Number: len(offer)}, build, Enough, firstRecord, v == SSL20)
}

// twice sends a hello, and again alone when there was no proper answer. mute: a
// server that stays silent does not know this kind of hello.
func (a *asker) twice(ctx context.Context, port string, r probe.Record, build func([]byte) []byte, enough func([]byte) bool, keep func([]byte) []byte, mute bool) (Answer, bool) {
	for try := range 2 {
		got, ok := a.send(ctx, port, r, build, enough, keep, try > 0)
		if !ok {
			return Answer{}, false
		}
		if x := ParseAnswer(got.Recv); x.TLS {
			return x, true
		}
		if try > 0 && (refused(got) || mute && got.Error == "timeout") {
			return Answer{}, true
		}
	}
	return Answer{}, false
}

func firstRecord(b []byte) []byte {
	n, old := length2(b)
	if !old {
		if len(b) < 5 {
			return b
		}
		n = 5 + int(b[3])<<8 + int(b[4])
	}
	return b[:min(n, len(b))] // the certificate may follow; it is not needed
}

// send has one hello answered and recorded; false when the run is over.
func (a *asker) send(ctx context.Context, port string, r probe.Record, build func([]byte) []byte, enough func([]byte) bool, keep func([]byte) []byte, alone bool) (probe.Record, bool) {
	a.mu.Lock()
	a.left[port]--
	spent := a.left[port] < 0
	a.mu.Unlock()
	if spent {
		return r, false
	}
	done, ok := a.turn(ctx, alone)
	if !ok {
		return r, false
	}
	defer done()
	wait := a.t.Pace.Exchange
	if r.Item == SSL20.String() {
		wait = min(wait, 2*time.Second)
	}
	r.Probe, r.Port, r.Sent = name, port, build(a.t.Random(96))
	start := time.Now()
	connect := a.t.Net.TCP
	if alone {
		connect = a.t.Net.Patiently
	}
	c, err := connect(ctx, probe.PortNumber(port), wait)
	if err == nil {
		r.Recv, err = probe.Exchange(ctx, c, r.Sent, maxFlight, wait, enough)
		_ = c.Close()
	}
	r.Took = time.Since(start).Milliseconds()
	if len(r.Recv) == 0 {
		r.Error = probe.Word(err)
	}
	r.Recv = keep(r.Recv)
	return a.rec.Add(r), true
}

// turn waits for a free connection, alone or beside others.
func (a *asker) turn(ctx context.Context, alone bool) (done func(), ok bool) {
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	}
	lock, unlock := a.alone.RLock, a.alone.RUnlock
	if alone {
		lock, unlock = a.alone.Lock, a.alone.Unlock
	}
	lock()
	done = func() { unlock(); <-a.slots }
	if alone && !probe.Wait(ctx, settle) || ctx.Err() != nil {
		done()
		return nil, false
	}
	return done, true
}

// refused: the server hung up on the hello instead of sending an alert.
func refused(r probe.Record) bool {
	return len(r.Recv) == 0 && (r.Error == "closed" || r.Error == "reset")
}

// kinds are the ways to sign an ephemeral key or to be known, each of which may
// bring another certificate.
var kinds = []string{"TLS_ECDHE_RSA_", "TLS_ECDHE_ECDSA_", "TLS_DHE_RSA_", "TLS_DHE_DSS_", "TLS_RSA_", "TLS_ECDH_RSA_", "TLS_ECDH_ECDSA_", "TLS_DH_RSA_", "TLS_DH_DSS_", "TLS_ECDH_anon_", "TLS_DH_anon_"}

// plain reads the certificates of each kind of suite, the sizes of ephemeral keys,
// and by elimination the curves. shown: a certificate was seen.
func (a *asker) plain(ctx context.Context, port string, v Version, accepted []uint16) (shown, ok bool) {
	day := int(time.Now().Unix() / 86400)
	ok = true
	for _, k := range kinds {
		var suites []uint16
		for _, s := range accepted {
			if n := Suite(s); strings.HasPrefix(n, k) && !strings.Contains(n, "PSK") {
				suites = append(suites, s)
			}
		}
		groups := groupsOf(v)
		for len(suites) > 0 {
			f, answered := a.flight(ctx, port, v, suites, groups, day)
			shown = shown || len(f.chain) > 0
			ok = ok && answered
			i := slices.Index(groups, f.group)
			if !answered || f.group == 0 || i < 0 {
				break
			}
			groups = slices.Delete(groups, i, i+1)
		}
	}
	return shown, ok
}

func (a *asker) flight(ctx context.Context, port string, v Version, suites, groups []uint16, day int) (flight, bool) {
	build := func(random []byte) []byte { return hello(v, suites, groups, false, random) }
	var f flight
	_, ok := a.twice(ctx, port, probe.Record{Event: "flight", Item: v.String(), Number: day}, build, flown, func(b []byte) []byte { f = parseFlight(b); return b }, false)
	return f, ok
}

// groups settles the groups of TLS 1.3: to a hello without a key the server answers
// with the group that it wants.
func (a *asker) groups(ctx context.Context, port string, suites []uint16) bool {
	groups := groupsOf(TLS13)
	for len(groups) > 0 {
		build := func(random []byte) []byte { return hello(TLS13, suites, groups, false, random) }
		x, ok := a.twice(ctx, port, probe.Record{Event: "group", Item: TLS13.String(), Number: len(groups)}, build, Enough, firstRecord, false)
		if !ok {
			return false
		}
		i := slices.Index(groups, x.Group)
		if !x.Hello || i < 0 {
			break
		}
		groups = slices.Delete(groups, i, i+1)
	}
	return true
}

// handshake completes one TLS 1.3 handshake for the certificates.
func (a *asker) handshake(ctx context.Context, port string) bool {
	done, ok := a.turn(ctx, false)
	if !ok {
		return false
	}
	defer done()
	r := probe.Record{Probe: name, Event: "certificate", Port: port, Number: int(time.Now().Unix() / 86400)}
	start := time.Now()
	c, err := a.t.Net.TCP(ctx, probe.PortNumber(port), a.t.Pace.Exchange)
	if err == nil {
		defer c.Close()
		if err = c.SetDeadline(time.Now().Add(a.t.Pace.Exchange)); err == nil {
			tc := stdtls.Client(c, &stdtls.Config{InsecureSkipVerify: true, MinVersion: stdtls.VersionTLS13, Rand: a.t.Rand, //nolint:gosec // the certificate is looked at, not trusted
				VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error { r.Recv = list(raw); return nil }})
			err = tc.HandshakeContext(ctx)
		}
	}
	r.Took = time.Since(start).Milliseconds()
	if len(r.Recv) == 0 {
		r.Error = probe.Word(err)
	}
	a.rec.Add(r)
	return len(r.Recv) > 0
}
