// Package mqtt asks message brokers: whether they let anybody in without a user
// and password, what can be read there, and, with consent, whether anybody can
// write.
package mqtt

import (
	"context"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const (
	name    = "mqtt"
	maxRead = 16 << 10 // bytes of messages read
	folder  = "hoshi-probe/"
)

// Protocol is the registry entry.
var Protocol = probe.Protocol{
	Name:      name,
	TCP:       &probe.Talk{Ports: []int{1883, 8883}, Ask: ask, Match: match, Whole: acknowledged},
	Probe:     &probe.Probe{Name: name, Stage: 5, Run: run, Parse: parse},
	Entrances: entrances,
}

func ask(_ string, random []byte) []byte {
	return anonymous(4, "hoshi-"+hex.EncodeToString(random[:4]))
}

// match recognises a CONNACK of MQTT 3.1.1 (3.2) or 5.0 (3.2).
func match(b []byte) (software string, ok bool) {
	if len(b) == 4 && b[0] == 0x20 && b[1] == 2 {
		return "", b[2] <= 1 && (b[3] <= 5 || b[3] >= 0x80 && b[3] <= 0x9f)
	}
	return "", len(b) >= 5 && len(b) < 128 && b[0] == 0x20 && int(b[1]) == len(b)-2 && b[2] <= 1 && (b[3] == 0 || b[3] >= 0x80 && b[3] <= 0x9f) && int(b[4]) == len(b)-5
}

// Events of one broker: "connect" (without user and password; number = level of
// the protocol), "read" (a subscription to everything and what came), "write"
// (with consent: a message to a topic of our own, and what came back; item = topic).
func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	t.Each(t.Speakers(name), func(s probe.Speaker) { broker(ctx, t, rec, s) })
	return nil
}

func broker(ctx context.Context, t *probe.Target, rec *probe.Recorder, s probe.Speaker) {
	random := t.Random(16)
	client, topic := "hoshi-"+hex.EncodeToString(random[:4]), folder+hex.EncodeToString(random[4:])
	exchange := func(c net.Conn, r probe.Record, wait time.Duration, done func([]byte) bool) probe.Record {
		start := time.Now()
		var err error
		r.Probe = name
		r.Recv, err = probe.Exchange(ctx, c, r.Sent, maxRead, wait, done)
		return rec.Add(s.Asked(r, start, err))
	}
	for _, level := range []byte{4, 5} {
		start := time.Now()
		c, err := t.Open(ctx, s.Port, s.TLS)
		if err != nil {
			rec.Add(s.Asked(probe.Record{Probe: name, Event: "connect", Number: int(level)}, start, err))
			return
		}
		r := exchange(c, probe.Record{Event: "connect", Number: int(level), Sent: anonymous(level, client)}, t.Pace.Exchange, acknowledged)
		code, ok := connack(r.Recv)
		if ok && code == 0 {
			// Messages that the broker keeps come at once; others are waited for shortly.
			exchange(c, probe.Record{Event: "read", Number: int(level), Sent: subscribe(level, "#", "$SYS/#")}, max(t.Pace.Banner/2, 300*time.Millisecond), nil)
			if t.Agreed(probe.ConsentWrite) {
				exchange(c, probe.Record{Event: "write", Item: topic, Number: int(level), Sent: slices.Concat(subscribe(level, topic), publish(level, topic, "hoshi"))},
					t.Pace.Exchange, func(b []byte) bool { return cameBack(b, level, topic) })
			}
			_, _ = c.Write([]byte{0xe0, 0}) // DISCONNECT
		}
		_ = c.Close()
		if ok && code != 1 && code != 0x84 { // not "another version, please"
			return
		}
	}
}

// parse states, for each broker that answered, access.open, signin.interface when
// it does not let anybody in, and service.detail for its version. A broker whose
// answer is not understood is stated to have a sign-in.
func parse(records []probe.Record) fact.Set {
	type broker struct {
		answered, entered, read, granted, write, writeAsked, tls bool
		messages                                                 int
		topics                                                   []string
		version                                                  string
		source                                                   []string
	}
	var brokers probe.Ports[broker]
	for _, r := range records {
		if !probe.IsTCP(r.Port) {
			continue
		}
		b := brokers.At(r.Port)
		b.tls = b.tls || r.Detail == "tls"
		b.source = append(b.source, r.Source())
		switch r.Event {
		case "connect":
			if code, ok := connack(r.Recv); ok {
				b.answered = b.answered || code != 1 && code != 0x84
				b.entered = b.entered || code == 0
			}
		case "read", "write":
			for _, p := range packets(r.Recv) {
				switch p.kind {
				case 9: // SUBACK: the last codes are those of the filters
					if n := len(p.body); r.Event == "read" && n >= 4 {
						b.granted = b.granted || p.body[n-2] < 0x80
					}
				case 3:
					topic, payload, ok := p.message(r.Number == 5)
					if !ok {
						continue
					}
					if topic == "$SYS/broker/version" {
						b.version = payload
					}
					if r.Event == "read" && !strings.HasPrefix(topic, folder) {
						b.messages++
						// The first part only: which messages come just now is chance.
						top, _, _ := strings.Cut(topic, "/")
						if top = probe.Excerpt([]byte(top)); len(b.topics) < 8 && !slices.Contains(b.topics, top) {
							b.topics = append(b.topics, top)
						}
					}
				}
			}
			if r.Event == "write" {
				b.writeAsked = true
				b.write = b.write || cameBack(r.Recv, byte(r.Number), r.Item)
			}
		}
	}
	var out fact.Set
	for port, b := range brokers.All() {
		if !b.entered {
			out = append(out, probe.SignIn(port, name, "", b.tls, b.source...))
		}
		if b.answered {
			slices.Sort(b.topics)
			b.read = b.entered && (b.granted || b.messages > 0 || b.write)
			out = append(out, probe.Open(port, name, b.read, b.write, b.writeAsked, strings.Join(b.topics, " "), b.source...))
		}
		if b.version != "" {
			out = append(out, probe.Detail(port, name, "version", probe.Excerpt([]byte(b.version)), b.source...))
		}
	}
	return out
}
