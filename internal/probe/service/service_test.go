package service

import (
	"strings"
	"testing"

	"hoshi/internal/probe"
)

func TestBanner(t *testing.T) {
	cases := map[string]string{
		"SSH-2.0-dropbear_2022.83\r\n":       "ssh",
		"\xff\xfd\x01\xff\xfb\x03box login:": "telnet",
		"Welcome\r\nlogin: ":                 "telnet",
		"220 (vsFTPd 3.0.3)\r\n":             "ftp",
		"220 mail ESMTP Postfix\r\n":         "other",
		"READY\r\n":                          "other",
		"\x00\x01\x02":                       "other",
	}
	for in, want := range cases {
		if got, _ := banner([]byte(in)); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

// A port whose connection fails on the way is left undecided, not called silent.
func TestBrokenOff(t *testing.T) {
	rs := []probe.Record{{Event: "banner", Port: "tcp/80", Error: "timeout"}, {Event: "tls", Port: "tcp/80", Error: "no-connection"}, {Event: "http", Port: "tcp/80", Error: "no-connection"}}
	if s := Parse(rs); len(s) != 0 {
		t.Errorf("%v", s)
	}
	rs[1].Error, rs[2].Error = "timeout", "timeout"
	if s := Parse(rs); len(s) != 1 || probe.Str(s[0].Value, "protocol") != "silent" {
		t.Errorf("%v", s)
	}
}

// A service that greets later than the probe waits is recognised all the same.
func TestLateGreeting(t *testing.T) {
	rs := []probe.Record{{Event: "banner", Port: "tcp/22", Error: "timeout"}, {Event: "tls", Port: "tcp/22", Recv: []byte("SSH-2.0-slow\r\n")},
		{Event: "http", Port: "tcp/22", Recv: []byte("SSH-2.0-slow\r\n")}}
	if s := Parse(rs); len(s) != 1 || probe.Str(s[0].Value, "protocol") != "ssh" || probe.Str(s[0].Value, "software") != "slow" {
		t.Errorf("%v", s)
	}
}

func FuzzBanner(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\n"))
	f.Add([]byte("\xff\xfb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		if p, s := banner(b); p == "" || len(s) > 120 || strings.ContainsAny(s, "\r\n\x00") {
			t.Errorf("%q: %q %q", b, p, s)
		}
	})
}
