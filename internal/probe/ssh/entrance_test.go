package ssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// signInServer serves SSH with a way of signing in.
func signInServer(t *testing.T, conf *ssh.ServerConfig) probe.Door {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	conf.AddHostKey(signer)
	port := listen(t, func(c net.Conn) {
		if _, _, reqs, err := ssh.NewServerConn(c, conf); err == nil {
			ssh.DiscardRequests(reqs)
		}
	})
	return probe.Door{Port: probe.TCP(port), Kind: "ssh"}
}

var errWrong = errors.New("wrong")

// A right value signs in whichever of the two ways a server takes it, once for each
// attempt; a server that then wants a new one is seen.
func TestAttempt(t *testing.T) {
	asked := 0
	check := func(pass string) error {
		asked++
		if pass != "right" {
			return errWrong
		}
		return nil
	}
	password := func(_ ssh.ConnMetadata, pass []byte) (*ssh.Permissions, error) { return nil, check(string(pass)) }
	questions := func(more string) func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		return func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			got, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(got) != 1 {
				return nil, errWrong
			}
			if err := check(got[0]); err != nil || more == "" {
				return nil, err
			}
			_, err = ask("", "You must change your password now.", []string{more}, []bool{false})
			return nil, err
		}
	}
	cases := map[string]struct {
		conf  *ssh.ServerConfig
		right probe.Outcome
		wrong probe.Outcome
	}{
		"password":      {&ssh.ServerConfig{PasswordCallback: password}, probe.Accepted, probe.Refused},
		"questions":     {&ssh.ServerConfig{KeyboardInteractiveCallback: questions("")}, probe.Accepted, probe.Refused},
		"both":          {&ssh.ServerConfig{PasswordCallback: password, KeyboardInteractiveCallback: questions("")}, probe.Accepted, probe.Refused},
		"forced change": {&ssh.ServerConfig{KeyboardInteractiveCallback: questions("New password: ")}, probe.Forced, probe.Refused},
		"keys only": {&ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errWrong }},
			probe.Closed, probe.Closed},
		"nothing asked": {&ssh.ServerConfig{NoClientAuth: true}, probe.Accepted, probe.Accepted},
	}
	addr := netip.MustParseAddr("127.0.0.1")
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: probe.Fast()}
	for name, c := range cases {
		d := signInServer(t, c.conf)
		for pass, want := range map[string]probe.Outcome{"right": c.right, "guess": c.wrong} {
			before := asked
			sent, recv, err := attempt(t.Context(), target, d, "admin", pass)
			r := probe.Record{Sent: sent, Recv: recv, Error: probe.Word(err)}
			if got := classify(r, r); got != want {
				t.Errorf("%s with the value %q: %s (%q, %v), want %s", name, pass, got, recv, err, want)
			}
			if n := asked - before; n > 1 {
				t.Errorf("%s: one attempt was %d for the server", name, n)
			}
		}
	}
}

// A server that hangs up before anything is asked has looked at no value: without a
// word, after one as OpenSSH says to a source that it has had enough of, or behind its
// version. Its methods are not known then, and not none.
func TestTurnedAway(t *testing.T) {
	for _, says := range []string{"", "Not allowed at this time\r\n", "Exceeded MaxStartups\r\n", "SSH-2.0-OpenSSH_9.9\r\n"} {
		port := listen(t, func(c net.Conn) {
			_, _ = c.Write([]byte(says))
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		})
		addr := netip.MustParseAddr("127.0.0.1")
		target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: probe.Practice()}
		_, recv, err := attempt(t.Context(), target, probe.Door{Port: probe.TCP(port), Kind: "ssh"}, "admin", "guess")
		r := probe.Record{Recv: recv, Error: probe.Word(err)}
		if got := classify(r, r); got != probe.Missed {
			t.Errorf("%q: %s (%v), want %s", says, got, err, probe.Missed)
		}
		target.Facts = fact.Set{probe.Observed("service.protocol", probe.TCP(port), map[string]any{"protocol": "ssh"})}
		rec := probe.NewRecorder(time.Now, nil)
		if err := run(t.Context(), target, rec); err != nil {
			t.Fatal(err)
		}
		rs := rec.Records(name)
		if last := rs[len(rs)-1]; last.Event != "methods" || last.Error == "" {
			t.Errorf("%q: %+v", says, last)
		}
	}
}
