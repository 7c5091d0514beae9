package modbus

import (
	"fmt"
	"testing"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// server is a real one: Debian's python3-pymodbus.
const server = `
import sys
from pymodbus.server import StartTcpServer
from pymodbus.device import ModbusDeviceIdentification
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusSlaveContext, ModbusServerContext
s = ModbusSlaveContext(di=ModbusSequentialDataBlock(0, [1]*10), co=ModbusSequentialDataBlock(0, [1]*10), hr=ModbusSequentialDataBlock(0, [7]*10), ir=ModbusSequentialDataBlock(0, [9]*10))
i = ModbusDeviceIdentification()
i.VendorName, i.ProductCode, i.MajorMinorRevision = "Boxmaker", "Pump 3", "1.4"
StartTcpServer(context=ModbusServerContext(slaves=s, single=True), identity=i, address=("127.0.0.1", int(sys.argv[1])))
`

func TestRealServer(t *testing.T) {
	port := daemon.Start(t, func(dir string, port int) []string {
		return []string{"/usr/bin/python3", daemon.Write(t, dir, "server.py", server, 0o600), fmt.Sprint(port)}
	})
	if s, ok := daemon.Greets(t, Protocol.TCP, port); !ok || s != "Boxmaker Pump 3" {
		t.Errorf("recognised %v as %q", ok, s)
	}
	rs, facts := daemon.Ask(t, *Protocol.Probe, daemon.Target(daemon.Speaks(port, name, false)))
	f, ok := facts.Get("access.open", probe.TCP(port)+" modbus")
	if !ok || !probe.Bool(f.Value, "read") || probe.Bool(f.Value, "write") || probe.Str(f.Value, "what") != "holding registers" {
		t.Errorf("%v", f.Value)
	}
	for key, want := range map[string]string{"vendor": "Boxmaker", "product": "Pump 3", "version": "1.4"} {
		if d, _ := facts.Get("service.detail", probe.TCP(port)+" modbus "+key); probe.Str(d.Value, "value") != want {
			t.Errorf("%s: %v", key, d.Value)
		}
	}
	for _, r := range rs {
		if f := r.Sent[7]; f != identification && f > 4 {
			t.Errorf("a function that does more than read was sent: %d", f)
		}
	}
}

func TestMatch(t *testing.T) {
	cases := map[string]bool{
		"\x12\x34\x00\x00\x00\x03\x01\xab\x01":                              true,
		"\x12\x34\x00\x00\x00\x0b\x01\x2b\x0e\x01\x01\x00\x00\x01\x00\x01A": true,
		"\x12\x34\x00\x00\x00\x05\x01\x2b\x0e\x01\x00":                      false, // our own request, given back
		"\x12\x34\x00\x00\x00\x03\x01\xab\x00":                              false,
		"\x12\x34\x00\x01\x00\x03\x01\xab\x01":                              false,
		"\x12\x34\x00\x00\x00\x0b\x01\x2b\x0e\x01\x01\x00\x00\x01\x00\xffA": false,
		"": false,
	}
	for in, want := range cases {
		if _, ok := match([]byte(in)); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
}

// A server that refuses every read is not open; one that is silent is not judged.
func TestRefused(t *testing.T) {
	ask := request(1, 1, 3, 0, 0, 0, 1)
	s := parse([]probe.Record{{Event: "read", Port: "tcp/502", Sent: ask, Recv: []byte{0, 1, 0, 0, 0, 3, 1, 0x83, 2}}})
	if f, ok := s.Get("access.open", "tcp/502 modbus"); !ok || probe.Bool(f.Value, "read") {
		t.Errorf("%v", s)
	}
	if s := parse([]probe.Record{{Event: "read", Port: "tcp/502", Sent: ask, Error: "timeout"}}); len(s) != 0 {
		t.Errorf("%v", s)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x12\x34\x00\x00\x00\x0b\x01\x2b\x0e\x01\x01\x00\x00\x01\x00\x01A"))
	f.Add([]byte("\x00\x01\x00\x00\x00\x05\x01\x03\x02\x00\x07"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := match(b); ok && len(b) < 9 {
			t.Errorf("%q", b)
		}
		parse([]probe.Record{{Event: "identify", Port: "tcp/502", Recv: b, Sent: b}, {Event: "read", Port: "tcp/502", Recv: b, Sent: b}})
	})
}
