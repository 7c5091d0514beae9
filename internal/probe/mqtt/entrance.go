package mqtt

import (
	"context"
	"encoding/binary"
	"encoding/hex"

	"hoshi/internal/probe"
)

// entrances are the kinds of sign-in over MQTT: user and password of CONNECT.
var entrances = []probe.Entrance{{Kind: "mqtt", Attempt: attempt, Classify: classify}}

// connect is a CONNECT packet with user and password; level 4 is MQTT 3.1.1, 5 is 5.0.
func connect(level byte, client, user, pass string) []byte {
	str := func(s string) []byte {
		s = s[:min(len(s), 200)]
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
	}
	b := append(str("MQTT"), level, 0xc2, 0, 30) // user, password, clean session; keep alive 30 s
	if level == 5 {
		b = append(b, 0) // no properties
	}
	b = append(append(append(b, str(client)...), str(user)...), str(pass)...)
	head := []byte{0x10}
	for n := len(b); ; {
		c := byte(n % 128)
		if n /= 128; n > 0 {
			head = append(head, c|0x80)
			continue
		}
		return append(append(head, c), b...)
	}
}

func attempt(ctx context.Context, t *probe.Target, d probe.Door, user, pass string) (sent, recv []byte, err error) {
	client := "hoshi-" + hex.EncodeToString(t.Random(4))
	for _, level := range []byte{4, 5} {
		c, err := t.Open(ctx, probe.PortNumber(d.Port), d.TLS)
		if err != nil {
			return nil, nil, err
		}
		sent = connect(level, client, user, probe.Mask)
		recv, err = probe.Exchange(ctx, c, connect(level, client, user, pass), 256, t.Pace.Exchange, acknowledged)
		_ = c.Close()
		if code, ok := connack(recv); !ok || code != 1 && code != 0x84 { // another version is spoken here
			if len(recv) > 0 {
				err = nil
			}
			return sent, recv, err
		}
	}
	return sent, recv, nil
}

func acknowledged(b []byte) bool { return len(b) >= 4 && len(b) >= 2+int(b[1]) }

// connack reads the code of a CONNACK packet.
func connack(b []byte) (code byte, ok bool) {
	if len(b) < 4 || b[0] != 0x20 || b[1] < 2 || b[1] > 127 {
		return 0, false
	}
	return b[3], true
}

func classify(_, r probe.Record) probe.Outcome {
	if len(r.Recv) == 0 {
		return probe.Unanswered(r)
	}
	code, ok := connack(r.Recv)
	if !ok {
		return probe.Unclear
	}
	switch code {
	case 0:
		return probe.Accepted
	case 4, 5, 0x86, 0x87, 0x8c: // bad user or password, not authorized, bad method
		return probe.Refused
	case 3, 0x88, 0x89, 0x8a, 0x97, 0x9f: // unavailable, busy, banned, over quota, too fast
		return probe.Limited
	}
	return probe.Unclear
}
