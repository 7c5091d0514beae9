// Package ssh finds out how an SSH server lets people sign in and which algorithms
// and keys it has. It speaks as far as the question "which methods do you offer?"
// and tries no password; that is package signin.
package ssh

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

const name = "ssh"

// Probe is the registry entry.
//
// Events: "offer" (port; recv = the server's version line and its plain-text offer of algorithms), "key" (port,
// item = host key algorithm; recv = the public key), "methods" (port; detail = the offered methods, comma-separated;
// recv = the server's version line).
var Probe = probe.Probe{Name: name, Stage: 5, Run: run, Parse: parse}

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, s := range t.Speakers("ssh") {
		o := initial(ctx, t, rec, s.Port)
		for _, k := range keyKinds(o.hostKey) {
			hostKey(ctx, t, rec, s.Port, k)
		}
		start := time.Now()
		var asked []string
		note := func(method string) { asked = append(asked, method) }
		r := probe.Record{Probe: name, Event: "methods", Port: probe.TCP(s.Port)}
		version, err := signIn(ctx, t.Net.Patiently, t, s.Port, "hoshi", []ssh.AuthMethod{
			ssh.PasswordCallback(func() (string, error) { note("password"); return "", errNoAnswer }),
			ssh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) {
				note("keyboard-interactive")
				return nil, errNoAnswer
			}),
			ssh.PublicKeysCallback(func() ([]ssh.Signer, error) { note("publickey"); return nil, nil }),
		})
		r.Recv, r.Took = []byte(version), time.Since(start).Milliseconds()
		switch {
		case err == nil:
			asked = append(asked, "none")
		case version == "" || probe.Word(err) != "failed" && len(asked) == 0:
			r.Error = probe.Word(err)
		}
		if r.Error == "" {
			slices.Sort(asked)
			r.Detail = strings.Join(slices.Compact(asked), ",")
		}
		rec.Add(r)
	}
	return nil
}

var errNoAnswer = errors.New("no answer given")

// connect connects and signs in with the methods; on success the connection is
// closed at once. It returns the server's version line as far as it was read.
func connect(ctx context.Context, t *probe.Target, port int, user string, methods []ssh.AuthMethod) (version string, err error) {
	return signIn(ctx, t.Net.TCP, t, port, user, methods)
}

func signIn(ctx context.Context, connect func(context.Context, int, time.Duration) (net.Conn, error), t *probe.Target, port int, user string, methods []ssh.AuthMethod) (version string, err error) {
	c, err := connect(ctx, port, t.Pace.Exchange)
	if err != nil {
		return "", err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.SetDeadline(time.Now().Add(t.Pace.Exchange)); err != nil {
		return "", err
	}
	w := &watch{Conn: c}
	conf := clientConfig(user, methods, t.Pace.Exchange)
	sc, chans, reqs, err := ssh.NewClientConn(w, c.RemoteAddr().String(), conf)
	if err == nil {
		_ = ssh.NewClient(sc, chans, reqs).Close()
	}
	line, _, _ := strings.Cut(string(w.first), "\n")
	return strings.TrimSpace(line), err
}

// clientConfig takes whatever a server has, the old algorithms too.
func clientConfig(user string, methods []ssh.AuthMethod, wait time.Duration) *ssh.ClientConfig {
	conf := &ssh.ClientConfig{User: user, Auth: methods, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: wait}
	good, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	conf.KeyExchanges = append(good.KeyExchanges, old.KeyExchanges...)
	conf.Ciphers = append(good.Ciphers, old.Ciphers...)
	conf.MACs = append(good.MACs, old.MACs...)
	// RSA last: some embedded servers without an RSA key break when it is preferred.
	conf.HostKeyAlgorithms = []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSA, ssh.InsecureKeyAlgoDSA}
	return conf
}

// watch keeps the first bytes that the server sends: its version line.
type watch struct {
	net.Conn
	first []byte
}

func (w *watch) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if len(w.first) < 255 {
		w.first = append(w.first, b[:min(n, 255-len(w.first))]...)
	}
	return n, err
}

// parse states signin.interface, ssh.algorithm and ssh.hostkey for each server that answered.
func parse(records []probe.Record) fact.Set {
	out := probe.Greeted(records, "methods", name, func(probe.Record) bool { return true })
	return append(out, algorithmFacts(records)...)
}
