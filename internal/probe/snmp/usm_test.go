package snmp

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/udpd"
)

// The keys of the examples of RFC 3414, A.3.
func TestKeysOfTheStandard(t *testing.T) {
	engine := append(make([]byte, 11), 2)
	for name, want := range map[string]string{
		"md5":  "526f5eed9fcce26f8964c2930787d82b",
		"sha1": "6695febc9288e36282235fc7151f128497b38f3f",
	} {
		if got := hex.EncodeToString(digests[name].key("maplesyrup", engine)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// as makes one attempt and returns what it met and what was kept of it.
func as(t *testing.T, port int, user, pass string, how probe.SNMPUser) (probe.Outcome, probe.Record) {
	t.Helper()
	target := udpd.Target(udpd.Loopback, nil)
	target.Pace.UDPWait = 2 * time.Second // a test machine may be busy
	target.Rand = rand.Reader
	if how.Auth != "" {
		target.Accounts = []probe.Account{{User: user, Port: probe.UDP(port), Secret: pass, SNMP: how}}
	}
	sent, recv, err := attemptUser(t.Context(), target, probe.Door{Port: probe.UDP(port)}, user, pass)
	r := probe.Record{Sent: sent, Recv: recv}
	if len(recv) == 0 {
		r.Error = probe.Word(err)
	}
	return classifyUser(probe.Record{}, r), r
}

// The real agent and users of all kinds: the right value signs in, and a wrong value,
// an unknown name and a user without a value are told apart. Nothing from which a
// value could be guessed is kept.
func TestNetSNMPUsers(t *testing.T) {
	t.Parallel()
	const pass, other = "of-this-unit-7", "privacy-of-this-unit"
	port := agent(t, "sysDescr box 7\n"+
		"createUser a-md5 MD5 "+pass+"\nrouser a-md5 auth\n"+
		"createUser a-sha SHA "+pass+"\nrouser a-sha auth\n"+
		"createUser a-224 SHA-224 "+pass+"\nrouser a-224 auth\n"+
		"createUser a-256 SHA-256 "+pass+"\nrouser a-256 auth\n"+
		"createUser a-384 SHA-384 "+pass+"\nrouser a-384 auth\n"+
		"createUser a-512 SHA-512 "+pass+"\nrouser a-512 auth\n"+
		"createUser p-des MD5 "+pass+" DES\nrouser p-des priv\n"+
		"createUser p-aes SHA "+pass+" AES\nrouser p-aes priv\n"+
		"createUser p-two SHA-256 "+pass+" AES "+other+"\nrouser p-two priv\n"+
		"createUser open\nrouser open noauth\n"+
		"createUser nothing SHA "+pass+"\n")
	how := func(auth, privacy, secret string) probe.SNMPUser {
		return probe.SNMPUser{Auth: auth, Privacy: privacy, PrivacySecret: secret}
	}
	cases := []struct {
		user, pass string
		how        probe.SNMPUser
		want       probe.Outcome
	}{
		{"a-md5", pass, how("md5", "", ""), probe.Accepted},
		{"a-sha", pass, how("sha1", "", ""), probe.Accepted},
		{"a-224", pass, how("sha224", "", ""), probe.Accepted},
		{"a-256", pass, how("sha256", "", ""), probe.Accepted},
		{"a-384", pass, how("sha384", "", ""), probe.Accepted},
		{"a-512", pass, how("sha512", "", ""), probe.Accepted},
		{"p-des", pass, how("md5", "des", ""), probe.Accepted},
		{"p-aes", pass, how("sha1", "aes", ""), probe.Accepted},
		{"p-two", pass, how("sha256", "aes", other), probe.Accepted},
		{"p-aes", pass, how("sha1", "", ""), probe.Accepted}, // the value is right, though more is asked for
		{"nothing", pass, how("sha1", "", ""), probe.Accepted},
		{"a-sha", "surely-wrong", how("sha1", "", ""), probe.Refused},
		{"a-sha", "short", how("sha1", "", ""), probe.Refused},
		{"a-512", "surely-wrong", how("sha512", "", ""), probe.Refused},
		{"p-aes", "surely-wrong", how("sha1", "aes", ""), probe.Refused},
		{"p-des", "surely-wrong", how("md5", "des", ""), probe.Refused},
		{"a-sha", pass, how("md5", "", ""), probe.Refused},
		{"nobody", pass, how("sha1", "aes", ""), probe.Unknown},
		{"nobody", "", probe.SNMPUser{}, probe.Unknown},
		{"open", "surely-wrong", probe.SNMPUser{}, probe.Unknown}, // it has no value
		{"open", "", probe.SNMPUser{}, probe.Accepted},
		{"a-sha", "", probe.SNMPUser{}, probe.Refused},
		// Without a declaration all digests are tried in turn.
		{"a-sha", pass, probe.SNMPUser{}, probe.Accepted},
		{"a-md5", pass, probe.SNMPUser{}, probe.Accepted},
		{"a-224", pass, probe.SNMPUser{}, probe.Accepted},
		{"a-256", pass, probe.SNMPUser{}, probe.Accepted},
		{"a-384", pass, probe.SNMPUser{}, probe.Accepted},
		{"a-512", pass, probe.SNMPUser{}, probe.Accepted},
		{"p-des", pass, probe.SNMPUser{}, probe.Accepted},
		{"a-sha", "surely-wrong", probe.SNMPUser{}, probe.Refused},
	}
	for _, c := range cases {
		got, r := as(t, port, c.user, c.pass, c.how)
		if got != c.want {
			t.Errorf("%s with %q and %+v: %s, want %s (%s %x)", c.user, c.pass, c.how, got, c.want, r.Error, r.Recv)
		}
		for _, b := range [][]byte{r.Sent, r.Recv} {
			m, ok := parse3(b)
			if !ok || len(bytes.Trim(m.mac, "\x00")) > 0 || m.sealed != nil || bytes.Contains(b, []byte(c.user)) {
				t.Errorf("%s: kept %x", c.user, b)
			}
		}
	}
	// An encryption that the agent cannot undo says nothing of the value.
	if got, _ := as(t, port, "p-two", pass, how("sha256", "aes", "another-privacy")); got != probe.Unclear && got != probe.Missed {
		t.Errorf("a wrong value of the encryption: %s", got)
	}
}

// What stands in a foreign answer, read and made fit to be kept, whatever the question was.
func FuzzAnswerOfAnEngine(f *testing.F) {
	engine := Engine{ID: []byte("\x80\x00\x1f\x88\x04seven"), Boots: 3, Time: 77}
	for _, privacy := range []string{"", "des", "aes"} {
		q := question3{user: "admin", engine: engine, object: SysUpTime, digest: digests["sha1"], privacy: privacy, salt: 7}
		q.key = q.digest.key("of-this-unit-7", engine.ID)
		q.cipher = q.key
		sent, kept := q.bytes()
		f.Add(sent, kept)
	}
	f.Add(Discovery(), Discovery())
	q := question3{digest: digests["sha1"], privacy: "aes", cipher: make([]byte, 20)}
	f.Fuzz(func(t *testing.T, b, sent []byte) {
		for _, privacy := range []string{"", "des", "aes"} {
			q.privacy = privacy
			kept := q.heardAs(b)
			if len(kept) > len(b)+64 {
				t.Errorf("%d bytes became %d", len(b), len(kept))
			}
			if m, ok := parse3(kept); ok && len(bytes.Trim(m.mac, "\x00")) > 0 {
				t.Errorf("a signature was kept: %x", kept)
			}
			classifyUser(probe.Record{}, probe.Record{Sent: sent, Recv: kept})
		}
	})
}
