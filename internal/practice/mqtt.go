package practice

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// mqttMost bounds a packet, mqttTopics the subscriptions of one client.
const (
	mqttMost   = 8 << 10
	mqttTopics = 32
)

var errMQTT = errors.New("practice: not MQTT as it should be")

// mqtt is a small broker for MQTT 3.1, 3.1.1 and 5 with QoS 0 and 1. The last
// message of each topic is kept for newcomers.
type mqtt struct {
	d         *Device
	anonymous bool

	mu      sync.Mutex
	clients map[*mqttClient]bool
	kept    map[string][]byte
}

type mqttClient struct {
	n      net.Conn
	v5     bool
	topics []string
}

func (d *Device) mqtt() *mqtt {
	return &mqtt{d: d, anonymous: d.has("mqtt-anonymous"), clients: map[*mqttClient]bool{}, kept: map[string][]byte{"practice/temperature": []byte("21.5")}}
}

// serve serves one client.
func (q *mqtt) serve(n net.Conn) {
	r := bufio.NewReader(n)
	kind, body, err := mqttPacket(r)
	if err != nil || kind != 0x10 {
		return
	}
	c, err := parseConnect(body)
	if err != nil {
		return
	}
	code, ok := q.admit(c, n.RemoteAddr().String())
	ack := []byte{0x20, 2, 0, code}
	if c.level == 5 {
		ack = []byte{0x20, 3, 0, code, 0}
	}
	if _, err := n.Write(ack); err != nil || !ok {
		return
	}
	_ = n.SetDeadline(time.Now().Add(5 * time.Minute))
	me := &mqttClient{n: n, v5: c.level == 5}
	q.mu.Lock()
	q.clients[me] = true
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		delete(q.clients, me)
		q.mu.Unlock()
	}()
	for {
		kind, body, err := mqttPacket(r)
		if err != nil || q.handle(me, kind, body) != nil {
			return
		}
	}
}

// admit decides on a CONNECT; the code is of the client's version.
func (q *mqtt) admit(c mqttConnect, source string) (code byte, ok bool) {
	pick := func(old, new byte) byte {
		if c.level == 5 {
			return new
		}
		return old
	}
	if c.level < 3 || c.level > 5 {
		return 1, false
	}
	if c.user == "" {
		if q.anonymous {
			return 0, true
		}
		return pick(5, 0x87), false // not authorised
	}
	ok, wait := q.d.guard.try("mqtt", source, c.user, same(c.pass))
	switch {
	case wait > 0:
		return pick(3, 0x9f), false // unavailable, rate exceeded
	case !ok:
		return pick(4, 0x86), false // bad user name or password
	}
	return 0, true
}

func (q *mqtt) handle(me *mqttClient, kind byte, b []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	props := func(b []byte) ([]byte, error) {
		if !me.v5 {
			return b, nil
		}
		n, k := binary.Uvarint(b)
		if k <= 0 || k > 4 || n > uint64(len(b)-k) {
			return nil, errMQTT
		}
		return b[k+int(n):], nil
	}
	switch kind >> 4 {
	case 3: // PUBLISH
		topic, rest, err := mqttString(b)
		if err != nil || topic == "" || strings.ContainsAny(topic, "+#") {
			return errMQTT
		}
		if qos := kind >> 1 & 3; qos == 1 {
			if len(rest) < 2 {
				return errMQTT
			}
			if _, err := me.n.Write([]byte{0x40, 2, rest[0], rest[1]}); err != nil {
				return err
			}
			rest = rest[2:]
		} else if qos > 1 {
			return errMQTT
		}
		if rest, err = props(rest); err != nil {
			return err
		}
		if len(q.kept) < 256 || q.kept[topic] != nil {
			q.kept[topic] = append([]byte{}, rest...)
		}
		for c := range q.clients {
			c.send(topic, rest)
		}
	case 8: // SUBSCRIBE
		if len(b) < 2 {
			return errMQTT
		}
		id := b[:2]
		b, err := props(b[2:])
		if err != nil {
			return err
		}
		var codes []byte
		var fresh []string
		for len(b) > 0 {
			filter, rest, err := mqttString(b)
			if err != nil || len(rest) < 1 || len(me.topics) >= mqttTopics {
				return errMQTT
			}
			me.topics, fresh, codes, b = append(me.topics, filter), append(fresh, filter), append(codes, 0), rest[1:]
		}
		ack := append([]byte{0x90, 0}, id...)
		if me.v5 {
			ack = append(ack, 0)
		}
		ack = append(ack, codes...)
		ack[1] = byte(len(ack) - 2)
		if _, err := me.n.Write(ack); err != nil {
			return err
		}
		for topic, m := range q.kept {
			for _, f := range fresh {
				if mqttMatches(f, topic) {
					me.write(topic, m)
				}
			}
		}
	case 10: // UNSUBSCRIBE
		if len(b) < 2 {
			return errMQTT
		}
		me.topics = nil
		_, err := me.n.Write([]byte{0xb0, 2, b[0], b[1]})
		return err
	case 12: // PINGREQ
		_, err := me.n.Write([]byte{0xd0, 0})
		return err
	case 4: // PUBACK
	default: // DISCONNECT and what has no place here
		return errMQTT
	}
	return nil
}

// send hands a message to a client that asked for its topic.
func (c *mqttClient) send(topic string, m []byte) {
	for _, f := range c.topics {
		if mqttMatches(f, topic) {
			c.write(topic, m)
			return
		}
	}
}

func (c *mqttClient) write(topic string, m []byte) {
	body := append(binary.BigEndian.AppendUint16(nil, uint16(len(topic))), topic...)
	if c.v5 {
		body = append(body, 0)
	}
	body = append(body, m...)
	_ = c.n.SetWriteDeadline(time.Now().Add(time.Second)) // a client that does not read must not stop the rest
	_, _ = c.n.Write(append(binary.AppendUvarint([]byte{0x30}, uint64(len(body))), body...))
}

// mqttMatches compares a filter with + and # to a topic.
func mqttMatches(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, x := range f {
		if x == "#" {
			return true
		}
		if i >= len(t) || x != "+" && x != t[i] {
			return false
		}
	}
	return len(f) == len(t)
}

// mqttPacket reads one packet.
func mqttPacket(r *bufio.Reader) (kind byte, body []byte, err error) {
	if kind, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n := 0
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		n |= int(b&127) << shift
		if b < 128 {
			break
		}
		if shift >= 21 {
			return 0, nil, errMQTT
		}
	}
	if n > mqttMost {
		return 0, nil, errMQTT
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return kind, body, err
}

func mqttString(b []byte) (string, []byte, error) {
	if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
		return "", nil, errMQTT
	}
	n := int(binary.BigEndian.Uint16(b))
	return string(b[2 : 2+n]), b[2+n:], nil
}

type mqttConnect struct {
	level      byte
	user, pass string
}

// parseConnect reads the body of a CONNECT.
func parseConnect(b []byte) (c mqttConnect, err error) {
	name, b, err := mqttString(b)
	if err != nil || name != "MQTT" && name != "MQIsdp" || len(b) < 4 {
		return c, errMQTT
	}
	var flags byte
	c.level, flags, b = b[0], b[1], b[4:]
	skip := func() error { // properties
		if c.level != 5 {
			return nil
		}
		n, k := binary.Uvarint(b)
		if k <= 0 || k > 4 || n > uint64(len(b)-k) {
			return errMQTT
		}
		b = b[k+int(n):]
		return nil
	}
	if err := skip(); err != nil {
		return c, err
	}
	if _, b, err = mqttString(b); err != nil { // client id
		return c, err
	}
	if flags&4 != 0 { // will
		if err := skip(); err != nil {
			return c, err
		}
		for range 2 {
			if _, b, err = mqttString(b); err != nil {
				return c, err
			}
		}
	}
	if flags&0x80 != 0 {
		if c.user, b, err = mqttString(b); err != nil {
			return c, err
		}
	}
	if flags&0x40 != 0 {
		if c.pass, _, err = mqttString(b); err != nil {
			return c, err
		}
	}
	return c, nil
}
