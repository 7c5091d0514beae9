package ssh

import (
	"bytes"
	"context"
	"crypto/dsa" //nolint:staticcheck // old devices have such keys; only their size is read
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// maxInit bounds the version line and the first packet of a server.
const maxInit = 16 << 10

// hello is what a client says before it knows the server.
const hello = "SSH-2.0-hoshi\r\n"

// initial reads the server's plain-text offer of algorithms.
func initial(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int) offer {
	r := probe.Record{Probe: name, Event: "offer", Port: probe.TCP(port), Sent: []byte(hello)}
	start := time.Now()
	c, err := t.Net.Patiently(ctx, port, t.Pace.Exchange)
	if err == nil {
		r.Recv, err = probe.Exchange(ctx, c, r.Sent, maxInit, t.Pace.Exchange, func(b []byte) bool { _, whole := parseOffer(b); return whole })
		_ = c.Close()
	}
	r.Took = time.Since(start).Milliseconds()
	o, whole := parseOffer(r.Recv)
	if !whole {
		r.Error = probe.Word(err)
	}
	rec.Add(r)
	return o
}

// offer is the content of a server's KEXINIT.
type offer struct {
	kex, hostKey, cipher, mac []string
}

// parseOffer reads lines up to the version line and the packet after it. whole is
// true when the packet is a complete KEXINIT.
func parseOffer(b []byte) (o offer, whole bool) {
	for {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return o, false
		}
		b = rest
		if bytes.HasPrefix(line, []byte("SSH-")) {
			break
		}
	}
	if len(b) < 5 {
		return o, false
	}
	n, pad := int(binary.BigEndian.Uint32(b)), int(b[4])
	if n < 2+16 || n > maxInit || len(b) < 4+n || pad+1 > n {
		return o, false
	}
	p := b[5 : 4+n-pad]
	if len(p) < 17 || p[0] != 20 {
		return o, false
	}
	p = p[17:]
	var lists [8][]string
	for i := range lists {
		if len(p) < 4 {
			return o, false
		}
		n := int(binary.BigEndian.Uint32(p))
		if n > len(p)-4 {
			return o, false
		}
		for _, s := range strings.Split(string(p[4:4+n]), ",") {
			if s = probe.Clip(s); s != "" && len(lists[i]) < 200 {
				lists[i] = append(lists[i], s)
			}
		}
		p = p[4+n:]
	}
	o.kex = slices.DeleteFunc(lists[0], func(s string) bool { // markers, not algorithms
		return strings.HasPrefix(s, "ext-info-") || strings.HasPrefix(s, "kex-strict-")
	})
	o.hostKey = lists[1]
	both := func(a, b []string) []string { return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b)))) }
	o.cipher, o.mac = both(lists[2], lists[3]), both(lists[4], lists[5])
	return o, true
}

// keyKinds are the offered host key algorithms, one for each kind of key.
func keyKinds(offered []string) []string {
	kinds := [][]string{
		{ssh.KeyAlgoED25519}, {ssh.KeyAlgoECDSA256}, {ssh.KeyAlgoECDSA384}, {ssh.KeyAlgoECDSA521},
		{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSA}, {ssh.InsecureKeyAlgoDSA},
	}
	var out []string
	for _, k := range kinds {
		for _, a := range k {
			if slices.Contains(offered, a) {
				out = append(out, a)
				break
			}
		}
	}
	return out
}

var errSeen = errors.New("the key was seen")

// hostKey has the server show one host key; nothing is signed in to.
func hostKey(ctx context.Context, t *probe.Target, rec *probe.Recorder, port int, algorithm string) {
	r := probe.Record{Probe: name, Event: "key", Port: probe.TCP(port), Item: algorithm}
	start := time.Now()
	c, err := t.Net.Patiently(ctx, port, t.Pace.Exchange)
	if err == nil {
		defer c.Close()
		stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		if err = c.SetDeadline(time.Now().Add(t.Pace.Exchange)); err == nil {
			conf := clientConfig("hoshi", nil, t.Pace.Exchange)
			conf.HostKeyAlgorithms = []string{algorithm}
			conf.HostKeyCallback = func(_ string, _ net.Addr, k ssh.PublicKey) error { r.Recv = k.Marshal(); return errSeen }
			_, _, _, err = ssh.NewClientConn(c, c.RemoteAddr().String(), conf)
		}
	}
	r.Took = time.Since(start).Milliseconds()
	if len(r.Recv) == 0 {
		r.Error = probe.Word(err)
	}
	rec.Add(r)
}

// keyFact states one host key.
func keyFact(blob []byte) (map[string]any, bool) {
	k, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, false
	}
	kind, bits := "other", 0
	if ck, ok := k.(ssh.CryptoPublicKey); ok {
		switch p := ck.CryptoPublicKey().(type) {
		case *rsa.PublicKey:
			kind, bits = "rsa", p.N.BitLen()
		case *ecdsa.PublicKey:
			kind, bits = "ecdsa", p.Curve.Params().BitSize
		case *dsa.PublicKey:
			kind, bits = "dsa", p.P.BitLen()
		default:
			if k.Type() == ssh.KeyAlgoED25519 {
				kind, bits = "ed25519", 256
			}
		}
	}
	sum := sha256.Sum256(blob)
	return map[string]any{"key": kind, "bits": bits, "sha256": base64.RawStdEncoding.EncodeToString(sum[:])}, true
}

// algorithmFacts states ssh.algorithm and ssh.hostkey for each server that made its offer.
func algorithmFacts(records []probe.Record) fact.Set {
	type server struct {
		offer  offer
		keys   []map[string]any
		kinds  map[string]bool
		source []string
		from   []string
	}
	servers := map[string]*server{}
	var order []string
	for _, r := range records {
		if probe.PortNumber(r.Port) == 0 {
			continue
		}
		s := servers[r.Port]
		switch r.Event {
		case "offer":
			o, ok := parseOffer(r.Recv)
			if !ok || s != nil {
				continue
			}
			servers[r.Port] = &server{offer: o, kinds: map[string]bool{}, source: []string{r.Source()}}
			order = append(order, r.Port)
		case "key":
			if s == nil || s.kinds[r.Item] {
				continue
			}
			if k, ok := keyFact(r.Recv); ok {
				s.kinds[r.Item] = true
				s.keys = append(s.keys, k)
				s.from = append(s.from, r.Source())
			}
		}
	}
	var out fact.Set
	for _, port := range order {
		s := servers[port]
		kinds := keyKinds(s.offer.hostKey)
		complete := len(kinds) > 0
		for _, k := range kinds {
			complete = complete && s.kinds[k]
		}
		list := func(ss []string) []string { return append([]string{}, ss...) }
		if s.keys == nil {
			s.keys = []map[string]any{}
		}
		out = append(out,
			probe.Observed("ssh.algorithm", port, map[string]any{"kex": list(s.offer.kex), "hostKey": list(s.offer.hostKey), "cipher": list(s.offer.cipher), "mac": list(s.offer.mac)}, s.source...),
			probe.Observed("ssh.hostkey", port, map[string]any{"keys": s.keys, "complete": complete}, append(s.from, s.source...)...))
	}
	return out
}
