package tftp

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/udpd"
)

// server starts Debian's tftpd-hpa on a folder.
func server(t *testing.T, folder string, options ...string) int {
	return udpd.Start(t, Protocol.UDP, func(_ string, port int) []string {
		return append(append([]string{"/usr/sbin/in.tftpd", "-L", "-4", "-u", "root", "-s", "-a", fmt.Sprintf("127.0.0.1:%d", port)}, options...), folder)
	})
}

// The real server: nothing, a file under a common name, and writing.
func TestTFTPD(t *testing.T) {
	write := []probe.Consent{probe.ConsentWrite}
	cases := map[string]struct {
		files       []string
		options     []string
		consents    []probe.Consent
		read, wrote bool
		what        string
	}{
		"empty":              {nil, nil, write, false, false, ""},
		"settings":           {[]string{"config.bin"}, nil, write, true, false, "read config.bin"},
		"writable":           {nil, []string{"-c"}, write, false, true, "write " + written},
		"writable, unasked":  {nil, []string{"-c"}, nil, false, false, ""},
		"settings, writable": {[]string{"fw.bin"}, []string{"-c"}, write, true, true, "read fw.bin, write " + written},
		"under another name": {[]string{"of-this-unit.bin"}, nil, write, false, false, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for _, f := range c.files {
				if err := os.WriteFile(filepath.Join(folder, f), make([]byte, 2000), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			port := server(t, folder, c.options...)
			facts, _ := udpd.Run(t, Probe, udpd.Target(udpd.Loopback, map[int]string{port: "tftp"}, c.consents...))
			v := udpd.Get(t, facts, "access.open", probe.UDP(port)+" tftp")
			if probe.Bool(v, "read") != c.read || probe.Bool(v, "write") != c.wrote || probe.Bool(v, "writeAsked") != (c.consents != nil) || probe.Str(v, "what") != c.what {
				t.Errorf("%v", v)
			}
			text, err := os.ReadFile(filepath.Join(folder, written))
			if (err == nil) != c.wrote || c.wrote && len(text) == 0 {
				t.Errorf("the written file: %q, %v", text, err)
			}
			a := udpd.Get(t, facts, "amplification", probe.UDP(port)+" tftp")
			if big := probe.Int(a, "received") == 516; big != c.read {
				t.Errorf("amplification: %v", a)
			}
		})
	}
}

// A service that sends everything back, and one that answers in another way, are none.
func TestNotTFTP(t *testing.T) {
	for _, b := range [][]byte{Protocol.UDP.Ask("box", nil), {0, 5, 0, 1}, {0, 5, 0, 99, 'x', 0}, []byte("\x00\x05\x00\x01x\x00y\x00"), {0, 3, 0, 2, 1}, {0, 4, 0, 0}, {}} {
		if _, ok := match(b); ok {
			t.Errorf("%q was taken for an answer", b)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x00\x05\x00\x01File not found\x00"), []byte("\x00\x03\x00\x01abc"), "read config.bin")
	f.Add([]byte("\x00\x04\x00\x00"), []byte("\x00\x04\x00\x01"), "write "+written)
	f.Fuzz(func(t *testing.T, one, two []byte, item string) {
		match(one)
		for _, x := range parse([]probe.Record{{Event: "asked", Port: "udp/69", Item: item, Recv: one, Number: 2}, {Event: "more", Port: "udp/69", Item: item, Recv: two}}) {
			if !fact.Known(x.Name) {
				t.Errorf("%s is not in the vocabulary", x.Name)
			}
		}
	})
}
