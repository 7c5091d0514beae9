// Package modbus asks Modbus/TCP servers who they are and whether they give out
// values. The protocol has no sign-in: whoever reaches the port may read, and
// usually write, which is the finding. Nothing is ever written.
package modbus

import (
	"context"
	"encoding/binary"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "modbus"

// Protocol is the registry entry.
var Protocol = probe.Protocol{
	Name:  name,
	TCP:   &probe.Talk{Ports: []int{502, 802}, Ask: ask, Match: match, Whole: whole},
	Probe: &probe.Probe{Name: name, Stage: 5, Run: run, Parse: parse},
}

// Functions that only read (MODBUS Application Protocol 1.1b3, chapter 6).
const (
	identification = 0x2b
	exception      = 0x80
)

// request puts a function in a frame of Modbus/TCP.
func request(id uint16, unit byte, pdu ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(pdu)+1))
	return append(append(b, unit), pdu...)
}

// ask asks for the basic identification of a device (6.21).
func ask(_ string, random []byte) []byte {
	return request(binary.BigEndian.Uint16(random), 1, identification, 14, 1, 0)
}

// answer takes a frame apart.
func answer(b []byte) (unit byte, pdu []byte, ok bool) {
	if len(b) < 9 || b[2] != 0 || b[3] != 0 {
		return 0, nil, false
	}
	if n := int(binary.BigEndian.Uint16(b[4:])); n < 3 || n > 254 || len(b) < 6+n {
		return 0, nil, false
	} else {
		return b[6], b[7 : 6+n], true
	}
}

func whole(b []byte) bool {
	_, _, ok := answer(b)
	return ok
}

// match recognises an answer to the request for identification, or its refusal.
func match(b []byte) (software string, ok bool) {
	_, pdu, ok := answer(b)
	if !ok {
		return "", false
	}
	if pdu[0] == identification|exception {
		return "", len(pdu) == 2 && pdu[1] >= 1 && pdu[1] <= 11
	}
	objects, ok := objects(pdu)
	if !ok {
		return "", false
	}
	return objects[0] + " " + objects[1], true
}

// objects reads the answer to a request for identification: vendor, product, version.
func objects(pdu []byte) (out [3]string, ok bool) {
	if len(pdu) < 7 || pdu[0] != identification || pdu[1] != 14 || pdu[2] < 1 || pdu[2] > 4 {
		return out, false
	}
	rest := pdu[7:]
	for range pdu[6] {
		if len(rest) < 2 || int(rest[1]) > len(rest)-2 {
			return out, false
		}
		if rest[0] < 3 {
			out[rest[0]] = probe.Excerpt(rest[2 : 2+int(rest[1])])
		}
		rest = rest[2+int(rest[1]):]
	}
	return out, true
}

// reads are harmless: one value each, the first of holding registers, input
// registers, coils and discrete inputs.
var reads = []byte{3, 4, 1, 2}

// Events of one server, each number = unit asked: "identify", "read" (item = the
// function's number).
func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	t.Each(t.Speakers(name), func(s probe.Speaker) {
		for _, unit := range []byte{1, 255, 0} {
			ask := func(r probe.Record) probe.Record {
				r.Probe, r.Number = name, int(unit)
				return t.Ask(ctx, rec, s, r, 512, t.Pace.Exchange/2, whole)
			}
			r := ask(probe.Record{Event: "identify", Sent: request(0x4853, unit, identification, 14, 1, 0)})
			if _, pdu, ok := answer(r.Recv); !ok || len(pdu) == 2 && pdu[1] >= 10 { // nobody of that number (gateway exceptions)
				continue
			}
			for _, f := range reads {
				if gave(ask(probe.Record{Event: "read", Item: functions[f], Sent: request(0x4854, unit, f, 0, 0, 0, 1)})) {
					break
				}
			}
			return
		}
	})
	return nil
}

var functions = map[byte]string{1: "coils", 2: "discrete inputs", 3: "holding registers", 4: "input registers"}

// gave: a value came back.
func gave(r probe.Record) bool {
	_, pdu, ok := answer(r.Recv)
	_, asked, sent := answer(r.Sent)
	return ok && sent && pdu[0] == asked[0] && len(pdu) >= 3 && int(pdu[1]) == len(pdu)-2
}

// refusedRead: the server answered with an exception.
func refusedRead(r probe.Record) bool {
	_, pdu, ok := answer(r.Recv)
	return ok && len(pdu) == 2 && pdu[0]&exception != 0
}

// parse states access.open and service.detail for each server that answered a
// read, be it with a value or with a refusal.
func parse(records []probe.Record) fact.Set {
	var out fact.Set
	type server struct {
		read, refused bool
		what          string
		source        []string
	}
	var servers probe.Ports[server]
	named := map[string]bool{}
	for _, r := range records {
		if !probe.IsTCP(r.Port) {
			continue
		}
		s := servers.At(r.Port)
		switch r.Event {
		case "identify":
			if _, pdu, ok := answer(r.Recv); ok {
				if o, ok := objects(pdu); ok && !named[r.Port] {
					named[r.Port] = true
					for i, k := range []string{"vendor", "product", "version"} {
						if o[i] != "" {
							out = append(out, probe.Detail(r.Port, name, k, o[i], r.Source()))
						}
					}
				}
			}
		case "read":
			s.source = append(s.source, r.Source())
			if gave(r) {
				s.read, s.what = true, r.Item
			}
			s.refused = s.refused || refusedRead(r)
		}
	}
	for port, s := range servers.All() {
		if s.read || s.refused {
			out = append(out, probe.Open(port, name, s.read, false, false, s.what, s.source...))
		}
	}
	return out
}
