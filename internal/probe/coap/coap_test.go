package coap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/udpd"
)

// libcoap's server lists, gives and takes; its list is longer than one block.
func TestLibcoap(t *testing.T) {
	start := func(t *testing.T, options ...string) int {
		return udpd.Start(t, Protocol.UDP, func(_ string, port int) []string {
			return append([]string{"/usr/bin/coap-server-notls", "-A", "127.0.0.1", "-p", fmt.Sprint(port)}, options...)
		})
	}
	port := start(t, "-d", "3")
	c, err := probe.NewNet(udpd.Loopback, nil).UDP(t.Context(), port, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := probe.Datagram(t.Context(), c, build(codePut, "/setting", 0, 0, []byte("on"), 0), 5*time.Second); err != nil || dotted(got[1]) != "2.01" {
		t.Fatalf("the server made no resource: %q, %v", got, err)
	}
	at := probe.UDP(port)
	facts, _ := udpd.Run(t, Probe, udpd.Target(udpd.Loopback, map[int]string{port: "coap"}))
	v := udpd.Get(t, facts, "access.open", at+" coap")
	if !probe.Bool(v, "read") || probe.Bool(v, "write") || probe.Bool(v, "writeAsked") || !strings.Contains(probe.Str(v, "what"), "GET /time") {
		t.Errorf("%v", v)
	}
	if r := udpd.Get(t, facts, "coap.resource", at+" /time"); probe.Str(r, "answer") != "2.05" {
		t.Errorf("%v", r)
	}
	if a := udpd.Get(t, facts, "amplification", at+" coap"); probe.Int(a, "percent") < 300 {
		t.Errorf("%v", a)
	}

	facts, records := udpd.Run(t, Probe, udpd.Target(udpd.Loopback, map[int]string{port: "coap"}, probe.ConsentWrite))
	v = udpd.Get(t, facts, "access.open", at+" coap")
	if !probe.Bool(v, "write") || !probe.Bool(v, "writeAsked") || !strings.Contains(probe.Str(v, "what"), "PUT /setting") {
		t.Errorf("%v", v)
	}
	for _, r := range records {
		if strings.HasPrefix(r.Item, "PUT /time") {
			t.Error("a value that changes by itself was written")
		}
	}
}

// What we build we read back, and options of any length survive.
func TestBuildAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segments := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9.-]{1,300}`), 0, 4).Draw(t, "path")
		payload := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload")
		block := rapid.IntRange(0, 4000).Draw(t, "block")
		m, ok := parse(build(codePut, strings.Join(segments, "/"), block, 6, payload, 50))
		if !ok || m.code != codePut || m.token != token || string(m.payload) != string(payload) || m.block != block {
			t.Fatalf("%v %+v", ok, m)
		}
		if m.answers() {
			t.Fatal("a question was taken for an answer")
		}
	})
}

func TestLinks(t *testing.T) {
	got := parseLinks(`</a>;rt="x y";ct=0,</b>;title="with, comma; and <this>",<coap://elsewhere/c>,<//elsewhere/d>,<e>,</f?g>,</h`)
	if d := cmp.Diff([]link{{"/a", "x y"}, {"/b", ""}}, got, cmp.AllowUnexported(link{})); d != "" {
		t.Error(d)
	}
	if n := len(parseLinks(strings.Repeat("</a>,", 500))); n != maxLinks {
		t.Errorf("%d links", n)
	}
}

// A list in blocks is put together; a block out of order is not.
func TestBlocks(t *testing.T) {
	answer := func(block int, more bool, text string) []byte {
		v := block << 4
		if more {
			v |= 8
		}
		b := append([]byte{0x60 | byte(len(token)), 0x45, 0x48, 0x53}, token...)
		b = append(b, 0xc1, formatLink) // content format
		n := number(v)
		return append(append(append(b, 0xb0|byte(len(n))), n...), append([]byte{0xff}, text...)...)
	}
	record := func(item string, b []byte) probe.Record {
		return probe.Record{Event: "asked", Port: "udp/5683", Item: item, Recv: b, Number: 1}
	}
	facts := Parse([]probe.Record{record("GET "+core, answer(0, true, "</a>,<")), record("block", answer(2, true, "/zzz>,<")), record("block", answer(1, false, "/b>"))})
	var got []string
	for _, f := range facts.Named("coap.resource") {
		got = append(got, f.Subject)
	}
	if d := cmp.Diff([]string{"udp/5683 /a", "udp/5683 /b"}, got); d != "" {
		t.Error(d)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(get(core), "GET "+core, true)
	f.Add([]byte("\x62\x45\x48\x53Ho\xc1\x28\xff</time>;rt=\"t\",</x>"), "GET "+core, false)
	f.Add([]byte("\x60\x00\x48\x53"), "PUT /x", true)
	f.Fuzz(func(t *testing.T, b []byte, item string, more bool) {
		match(b)
		next(b)
		rs := []probe.Record{{Event: "asked", Port: "udp/5683", Item: item, Recv: b, Number: 2}, {Event: "asked", Port: "udp/5683", Item: "block", Recv: b}}
		if more {
			rs[1].Event, rs[1].Item = "more", item
		}
		for _, x := range Parse(rs) {
			if !fact.Known(x.Name) {
				t.Errorf("%s is not in the vocabulary", x.Name)
			}
		}
	})
}
