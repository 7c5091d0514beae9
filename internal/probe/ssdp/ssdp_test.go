package ssdp

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/udpd"
)

// A real gateway: its descriptions are read, its actions listed, reading proven,
// and nothing is changed.
func TestMiniUPnPd(t *testing.T) {
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		udpd.Gateway(t, b)
		if !udpd.Answers(t, b.Addr, 1900, Protocol.UDP) {
			t.Fatal("miniupnpd does not answer")
		}
		facts, records := udpd.Run(t, Probe, udpd.Target(b.Addr, map[int]string{1900: "ssdp"}))
		for key, want := range map[string]string{"friendlyName": "box seven", "serialNumber": "42", "modelNumber": "7"} {
			if v := udpd.Get(t, facts, "service.detail", "tcp/5000 upnp "+key); probe.Str(v, "value") != want {
				t.Errorf("%s: %v", key, v)
			}
		}
		var changes, answered []any
		for _, f := range facts.Named("upnp.service") {
			v := f.Value.(map[string]any)
			if v["complete"] != true {
				t.Errorf("%v", v)
			}
			changes, answered = append(changes, v["changes"].([]any)...), append(answered, v["answered"].([]any)...)
		}
		for _, name := range []any{"AddPortMapping", "DeletePortMapping"} {
			if !slices.Contains(changes, name) {
				t.Errorf("%v is not listed: %v", name, changes)
			}
		}
		if !slices.Contains(answered, any("GetExternalIPAddress")) {
			t.Errorf("no reading was proven: %v", answered)
		}
		if v := udpd.Get(t, facts, "access.open", "tcp/5000 upnp"); !probe.Bool(v, "read") || probe.Bool(v, "write") || probe.Bool(v, "writeAsked") {
			t.Errorf("%v", v)
		}
		if v := udpd.Get(t, facts, "device.uptime", "udp/1900 ssdp"); probe.Int(v, "boots") < 1 {
			t.Errorf("%v", v)
		}
		if v := udpd.Get(t, facts, "amplification", "udp/1900 ssdp"); probe.Int(v, "percent") < 1000 || probe.Int(v, "datagrams") < 5 {
			t.Errorf("%v", v)
		}
		for _, r := range records {
			if _, action, ok := strings.Cut(r.Item, " "); ok && (r.Event == "map" || r.Event == "call" && !strings.HasPrefix(action, "Get")) {
				t.Errorf("%s was called", r.Item)
			}
		}
		// With consent it is asked for a way in, which is taken back.
		facts, records = udpd.Run(t, Probe, udpd.Target(b.Addr, map[int]string{1900: "ssdp"}, probe.ConsentWrite))
		v := udpd.Get(t, facts, "access.open", "tcp/5000 upnp")
		opened := slices.ContainsFunc(records, func(r probe.Record) bool { return r.Event == "map" && done(r, addMapping) })
		closed := slices.ContainsFunc(records, func(r probe.Record) bool { return r.Event == "unmap" && done(r, deleteMapping) })
		if !probe.Bool(v, "writeAsked") || probe.Bool(v, "write") != opened || opened != closed {
			t.Errorf("opened %v, closed %v: %v", opened, closed, v)
		}
		if strays := b.Strays(nil); len(strays) > 0 {
			t.Errorf("packets went elsewhere: %v", strays)
		}
	})
}

// A description that lies elsewhere, as a device may claim, is not fetched, and
// neither are lists and controls that lie elsewhere.
func TestElsewhere(t *testing.T) {
	for ref, want := range map[string]place{
		"http://192.0.2.9:80/x":   {"192.0.2.9", 80, "/x"},
		"/ctl?a=b":                {"127.0.0.1", 5000, "/ctl?a=b"},
		"ctl":                     {"127.0.0.1", 5000, "/dir/ctl"},
		"//192.0.2.9/x":           {"192.0.2.9", 80, "/x"},
		"http://[2001:db8::1]/x":  {"2001:db8::1", 80, "/x"},
		"https://127.0.0.1/x":     {},
		"http://u:p@127.0.0.1/x":  {},
		"ftp:x":                   {},
		"http://127.0.0.1:99999/": {},
		"":                        {},
	} {
		got, ok := locate(place{"127.0.0.1", 5000, "/dir/root.xml"}, ref)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(place{})); d != "" || ok != (want != place{}) {
			t.Errorf("%s: %v %s", ref, ok, d)
		}
	}
	answer := []byte("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://192.0.2.9:80/x\r\n\r\n")
	target := udpd.Target(udpd.Loopback, nil)
	rec := probe.NewRecorder(time.Now, nil)
	describe(t.Context(), target, rec, locations(datagram.Answer{Recv: [][]byte{answer}})[0])
	rs := rec.Records(name)
	if len(rs) != 1 || rs[0].Detail != "elsewhere" || len(rs[0].Sent) != 0 {
		t.Errorf("%+v", rs)
	}
}

// What a device calls its actions cannot break out of a request.
func TestWords(t *testing.T) {
	list, ok := parseActions([]byte(`<scpd><actionList><action><name>GetX</name><argumentList><argument><name>a</name><direction>in</direction></argument></argumentList></action>
		<action><name>Get"&gt;&#13;&#10;Host: x</name></action><action><name>SetY</name></action></actionList>`))
	if d := cmp.Diff([]action{{"GetX", 1}, {"SetY", 0}}, list, cmp.AllowUnexported(action{})); d != "" || !ok {
		t.Error(d)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nST: a\r\nSERVER: b\r\nBOOTID.UPNP.ORG: 7\r\nLOCATION: http://127.0.0.1:5000/d.xml\r\n\r\n"),
		[]byte("HTTP/1.0 200 OK\r\n\r\n<root><device><friendlyName>x</friendlyName><serviceList><service><serviceType>t</serviceType><SCPDURL>/s</SCPDURL><controlURL>/c</controlURL></service></serviceList></device></root>"),
		[]byte("HTTP/1.0 200 OK\r\n\r\n<scpd><actionList><action><name>GetX</name></action></actionList></scpd>"))
	f.Fuzz(func(t *testing.T, search, description, actions []byte) {
		Match(search)
		for _, x := range Parse([]probe.Record{
			{Event: "asked", Port: "udp/1900", Item: "search", Recv: search, Number: 1},
			{Event: "description", Port: "tcp/5000", Item: "/d.xml", Recv: description},
			{Event: "actions", Port: "tcp/5000", Item: "/s", Recv: actions},
			{Event: "call", Port: "tcp/5000", Item: "/c GetX", Recv: actions}, {Event: "map", Port: "tcp/5000", Item: "/c GetX", Recv: actions}}) {
			if !fact.Known(x.Name) {
				t.Errorf("%s is not in the vocabulary", x.Name)
			}
		}
	})
}
