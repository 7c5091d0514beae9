package datagram

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// service answers datagrams on an address of loopback with reply.
func service(t *testing.T, reply func(c *net.UDPConn, from *net.UDPAddr, b []byte)) int {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFromUDP(b)
			if err != nil {
				return
			}
			reply(c, from, b[:n])
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func target() (*probe.Target, *probe.Recorder) {
	a := netip.MustParseAddr("127.0.0.1")
	pace := probe.Fast()
	pace.UDPWait = 300 * time.Millisecond
	return &probe.Target{Addr: a, Net: probe.NewNet(a, nil), Pace: pace}, probe.NewRecorder(time.Now, nil)
}

// A device that answers without end is heard up to the bounds, and no longer.
func TestFlood(t *testing.T) {
	port := service(t, func(c *net.UDPConn, from *net.UDPAddr, _ []byte) {
		for range 400 {
			_, _ = c.WriteToUDP(make([]byte, 1400), from)
		}
	})
	tt, rec := target()
	a := Ask(t.Context(), tt, rec, "x", Question{Port: port, Item: "q", Send: []byte("0123456789"), Many: true})
	if a.Number > maxDatagrams || a.Size > maxDatagrams*1400 || a.Size != a.Number*1400 || a.Asked != 10 || a.Complete {
		t.Errorf("%d datagrams, %d bytes, asked %d, complete %v", a.Number, a.Size, a.Asked, a.Complete)
	}
	kept := 0
	for _, r := range rec.Records("x") {
		kept += len(r.Recv)
	}
	if kept > 2*probe.MaxBytes {
		t.Errorf("%d bytes were kept", kept)
	}
	f, ok := Amplification("x", Answers(rec.Records("x"))).Get("amplification", probe.UDP(port)+" x")
	if !ok || probe.Int(f.Value, "percent") != int64(a.Size)*10 {
		t.Errorf("%v", f.Value)
	}
}

// What another address sends is not heard; what the device sends from another port is.
func TestRoaming(t *testing.T) {
	send := func(ip net.IP, to *net.UDPAddr, text string) {
		if c, err := net.DialUDP("udp4", &net.UDPAddr{IP: ip}, to); err == nil {
			_, _ = c.Write([]byte(text))
			_ = c.Close()
		}
	}
	port := service(t, func(_ *net.UDPConn, from *net.UDPAddr, _ []byte) {
		send(net.IPv4(127, 0, 0, 2), from, "stranger")
		send(net.IPv4(127, 0, 0, 1), from, "device")
	})
	tt, rec := target()
	a := Ask(t.Context(), tt, rec, "x", Question{Port: port, Item: "q", Send: []byte("?"), Roams: true})
	if string(a.Record.Recv) != "device" || a.Number != 1 {
		t.Errorf("%q", a.Record.Recv)
	}
}

// Sizes are those of the wire, whatever is masked; nothing of a secret is kept.
func TestMasked(t *testing.T) {
	port := service(t, func(c *net.UDPConn, from *net.UDPAddr, b []byte) { _, _ = c.WriteToUDP(append(b, b...), from) })
	tt, rec := target()
	a := Ask(t.Context(), tt, rec, "x", Question{Port: port, Item: "q", Send: []byte("open sesame"), Mask: []string{"sesame"}})
	if a.Asked != 11 || a.Size != 22 || bytes.Contains(a.Record.Recv, []byte("sesame")) || bytes.Contains(a.Sent, []byte("sesame")) {
		t.Errorf("%+v", a)
	}
}

// Answers to questions that were put side by side are told apart by their items.
func TestSideBySide(t *testing.T) {
	port := service(t, func(c *net.UDPConn, from *net.UDPAddr, b []byte) {
		for range 3 {
			_, _ = c.WriteToUDP(b, from)
		}
	})
	tt, rec := target()
	AskAll(t.Context(), tt, rec, "x", Question{Port: port, Item: "a", Send: []byte("a"), Many: true}, Question{Port: port, Item: "b", Send: []byte("b"), Many: true})
	for _, a := range Answers(rec.Records("x")) {
		if !a.Complete || len(a.Recv) != 3 || string(bytes.Join(a.Recv, nil)) != a.Item+a.Item+a.Item {
			t.Errorf("%s: %q", a.Item, a.Recv)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add("asked", "udp/1", "q", "3 9", []byte("x"), 1)
	f.Add("asked", "udp/1", "q", "1 9000000000000000000", []byte("x"), 1)
	f.Add("more", "udp/1", "q", "-1 99999999999999999999", []byte("x"), -5)
	f.Fuzz(func(t *testing.T, event, port, item, detail string, recv []byte, number int) {
		r := probe.Record{Event: event, Port: port, Item: item, Detail: detail, Recv: recv, Number: number}
		for _, x := range Amplification("x", Answers([]probe.Record{{Event: asked, Port: port, Item: item}, r, r})) {
			if !fact.Known(x.Name) || probe.Int(x.Value, "percent") < 0 || probe.Int(x.Value, "received") < 0 {
				t.Errorf("%v", x)
			}
		}
	})
}
