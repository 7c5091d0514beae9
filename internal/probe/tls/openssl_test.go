package tls

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// serve starts a real TLS server on a free loopback port.
func serve(t *testing.T, args ...string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	var out strings.Builder
	cmd := exec.Command("openssl", append([]string{"s_server", "-quiet", "-naccept", "5000", "-accept", fmt.Sprintf("127.0.0.1:%d", port)}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal("openssl is needed:", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = c.Close()
			return port
		}
		if !probe.Wait(t.Context(), 10*time.Millisecond) {
			break
		}
	}
	t.Fatalf("openssl does not listen: %s", out.String())
	return 0
}

// facts asks the ports and says how many records that took.
func facts(t *testing.T, pace probe.Pace, ports ...int) fact.Set {
	t.Helper()
	addr := netip.MustParseAddr("127.0.0.1")
	rec := probe.NewRecorder(time.Now, nil)
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: pace, Rand: rand.Reader}
	for _, p := range ports {
		target.Facts = append(target.Facts, probe.Observed("service.protocol", probe.TCP(p), map[string]any{"protocol": "http", "tls": true, "software": ""}))
	}
	start := time.Now()
	if err := run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d ports, %d records, %v", len(ports), len(rec.Records(name)), time.Since(start))
	return parse(rec.Records(name))
}

type is = map[string]any

func value(t *testing.T, s fact.Set, name string, port int) is {
	t.Helper()
	f, ok := s.Get(name, probe.TCP(port))
	if !ok {
		t.Fatalf("no %s for %d", name, port)
	}
	return f.Value.(is)
}

func some(ss ...string) []any {
	out := []any{}
	for _, s := range ss {
		out = append(out, s)
	}
	return out
}

// Whatever a real server is configured for, odd things too, is what is found.
func TestOpenSSL(t *testing.T) {
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	cert := func(n, alg, hash, name string) []string {
		openssl(t, "req", "-x509", "-newkey", alg, "-nodes", "-days", "30", "-subj", "/CN="+name, "-addext", "subjectAltName=DNS:"+name, "-"+hash, "-keyout", at(n+".key"), "-out", at(n+".crt"))
		return []string{"-cert", at(n + ".crt"), "-key", at(n + ".key")}
	}
	old := cert("old", "rsa:1024", "sha1", "old.invalid")
	rsa := cert("rsa", "rsa:2048", "sha256", "rsa.invalid")
	openssl(t, "ecparam", "-name", "secp384r1", "-out", at("p384"))
	ec := cert("ec", "ec:"+at("p384"), "sha384", "ec.invalid")
	openssl(t, "dhparam", "-dsaparam", "-out", at("dh"), "1024")
	// An authority and a certificate below it that ended long ago.
	openssl(t, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ended.invalid", "-keyout", at("ended.key"), "-out", at("ended.csr"))
	openssl(t, "x509", "-req", "-in", at("ended.csr"), "-CA", at("ec.crt"), "-CAkey", at("ec.key"), "-CAcreateserial", "-days", "-1", "-sha256", "-out", at("ended.crt"))
	ended := []string{"-cert", at("ended.crt"), "-key", at("ended.key"), "-cert_chain", at("ec.crt")}

	weak := serve(t, append(old, "-cipher", "DHE-RSA-AES128-SHA:AES256-SHA:@SECLEVEL=0", "-dhparam", at("dh"), "-tls1")...)
	curves := serve(t, append(rsa, "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-groups", "P-256:P-521:X25519", "-tls1_2")...)
	two := serve(t, append(rsa, "-dcert", at("ec.crt"), "-dkey", at("ec.key"), "-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384")...)
	modern := serve(t, append(ec, "-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_SHA256", "-groups", "P-384:X448")...)
	late := serve(t, append(ended, "-tls1_2")...)

	s := facts(t, probe.Practice(), weak, curves, two, modern, late)
	for port, want := range map[int]struct{ versions, suites, groups []any }{
		weak:   {some("TLS 1.0"), some("TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"), some()},
		curves: {some("TLS 1.2"), some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), some("secp256r1", "secp521r1", "x25519")},
		two:    {some("TLS 1.2"), some("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), nil},
		modern: {some("TLS 1.3"), some("TLS_AES_128_CCM_SHA256", "TLS_AES_256_GCM_SHA384"), some("secp384r1", "x448")},
	} {
		v, x, g := value(t, s, "tls.version", port), value(t, s, "tls.suite", port), value(t, s, "tls.group", port)
		if d := cmp.Diff(want.versions, v["versions"]) + cmp.Diff(want.suites, x["suites"]); d != "" || v["complete"] != true || x["complete"] != true || g["complete"] != true {
			t.Errorf("complete %v %v %v (-want +got):\n%s", v["complete"], x["complete"], g["complete"], d)
		}
		if d := cmp.Diff(want.groups, g["groups"]); d != "" && want.groups != nil {
			t.Errorf("groups (-want +got):\n%s", d)
		}
	}
	if n := value(t, s, "tls.group", weak)["dhBits"]; n != int64(1024) {
		t.Errorf("DH prime of %v bits", n)
	}
	type c struct {
		name, key, hash string
		bits            int64
		own, inTime     bool
	}
	for port, want := range map[int][]c{
		weak:   {{"CN=old.invalid", "rsa", "sha1", 1024, true, true}},
		curves: {{"CN=rsa.invalid", "rsa", "sha256", 2048, true, true}},
		two:    {{"CN=ec.invalid", "ecdsa", "sha384", 384, true, true}, {"CN=rsa.invalid", "rsa", "sha256", 2048, true, true}},
		modern: {{"CN=ec.invalid", "ecdsa", "sha384", 384, true, true}},
		late:   {{"CN=ended.invalid", "rsa", "sha256", 2048, false, false}, {"CN=ec.invalid", "ecdsa", "sha384", 384, true, true}},
	} {
		v := value(t, s, "tls.certificate", port)
		var got []c
		for _, x := range v["certificates"].([]any) {
			m := x.(is)
			got = append(got, c{m["name"].(string), m["key"].(string), m["hash"].(string), m["bits"].(int64), m["selfSigned"].(bool), m["inTime"].(bool)})
		}
		slices.SortStableFunc(got, func(a, b c) int {
			if port == late {
				return 0 // in the order as sent
			}
			return strings.Compare(a.name, b.name)
		})
		if d := cmp.Diff(want, got, cmp.AllowUnexported(c{})); d != "" || v["complete"] != true {
			t.Errorf("complete %v (-want +got):\n%s", v["complete"], d)
		}
	}
}

// sslscan finds the same versions and suites.
func TestSameAsSSLScan(t *testing.T) {
	dir := t.TempDir()
	key, crt := filepath.Join(dir, "key"), filepath.Join(dir, "crt")
	openssl(t, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=box", "-keyout", key, "-out", crt)
	port := serve(t, "-cert", crt, "-key", key, "-cipher", "ALL:@SECLEVEL=0")
	out, err := exec.Command("sslscan", "--no-colour", "--no-heartbleed", "--no-fallback", "--no-renegotiation", "--no-compression", "--show-cipher-ids", fmt.Sprintf("127.0.0.1:%d", port)).Output()
	if err != nil {
		t.Fatal("sslscan is needed:", err)
	}
	theirs := map[string]bool{}
	for _, l := range strings.Split(string(out), "\n") {
		if f := strings.Fields(l); len(f) >= 5 && (f[0] == "Accepted" || f[0] == "Preferred") {
			id, err := strconv.ParseUint(f[4], 0, 16)
			if err != nil {
				t.Fatalf("%q: %v", l, err)
			}
			theirs[Suite(uint16(id))] = true
		}
	}
	ours := map[string]bool{}
	for _, x := range value(t, facts(t, probe.Careful(), port), "tls.suite", port)["suites"].([]any) {
		ours[x.(string)] = true
	}
	if d := cmp.Diff(theirs, ours); d != "" || len(ours) < 20 {
		t.Errorf("%d suites (-sslscan +hoshi):\n%s", len(ours), d)
	}
}

// The old hello of SSL 2.0, and what such a server answers: version, kinds.
func TestSSL2(t *testing.T) {
	v, suites, err := offered(Hello(SSL20, oldest, make([]byte, 96)))
	if err != nil || v != SSL20 || !slices.Equal(suites, oldest) {
		t.Fatalf("%v %v %v", v, suites, err)
	}
	// SERVER-HELLO: no session, X.509, version 2, certificate of 2 bytes, two kinds, connection id of 1.
	body := []byte{4, 0, 1, 0, 2, 0, 2, 0, 6, 0, 1, 0xaa, 0xbb, 1, 0, 0x80, 7, 0, 0xc0, 9}
	a := ParseAnswer(append([]byte{0x80, byte(len(body))}, body...))
	if !a.Hello || a.Version != SSL20 || !slices.Equal(a.Suites, []uint16{0x0180, 0x07c0}) {
		t.Errorf("%+v", a)
	}
}

func FuzzFlight(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 46, 2, 0, 0, 38, 3, 3, 0xc0, 0x2f}, []byte{0, 0, 4, 0, 0, 1, 9})
	f.Add([]byte{0x80, 3, 4, 0, 1}, list([][]byte{{1}, {2, 3}}))
	f.Fuzz(func(t *testing.T, b, certs []byte) {
		_ = flown(b)
		_ = firstRecord(b)
		if x := parseFlight(b); x.dhBits < 0 || len(x.chain) > 16 {
			t.Error("a flight out of bounds")
		}
		for i, c := range certificates(certs) {
			Certificate(c, i, 20000)
		}
	})
}
