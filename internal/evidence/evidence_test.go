package evidence

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
	probetls "hoshi/internal/probe/tls"
)

//go:embed testdata/product.yaml
var product []byte

func testKey(t *testing.T, seed byte) ed25519.PrivateKey {
	t.Helper()
	key, _, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sample is a whole run of a well-made device with one sign-in form.
func sample(t *testing.T) Run {
	t.Helper()
	e, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	form := []byte("HTTP/1.1 200 OK\r\n\r\n<form method=post action=/in><input name=u type=text><input name=p type=password></form>")
	wrong := []byte("HTTP/1.1 401 Unauthorized\r\n\r\n<form method=post action=/in><input name=p type=password></form>")
	late := []byte("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 600\r\n\r\nlater")
	trs := map[string][]probe.Record{
		"host":    {{Event: "network", Detail: probe.ModeRemote}},
		"tcp":     {{Event: "plan", Ports: "1-65535"}, {Event: "open", Port: "tcp/443"}, {Event: "closed", Ports: "1-442,444-65535"}},
		"udp":     {{Event: "plan", Ports: "53"}, {Event: "asked", Port: "udp/53", Item: "dns", Error: "refused"}},
		"service": {{Event: "banner", Port: "tcp/443", Error: "timeout"}, {Event: "tls", Port: "tcp/443", Recv: []byte{21, 3, 3, 0, 2, 2, 40}}, {Event: "ask", Item: "http", Detail: "tls", Port: "tcp/443", Recv: form}, {Event: "end", Port: "tcp/443"}},
		"http": {{Event: "plan", Number: 1}, {Event: "page", Port: "tcp/443", Item: "/login", Detail: "tls", Recv: form},
			{Event: "read", Port: "tcp/443", Item: "settings", Detail: "tls", Sent: []byte("GET /settings HTTP/1.1\r\n"), Recv: wrong}},
		"signin": {{Event: "interfaces", Number: 1}, {Event: "attempt", Item: "tcp/443 form /login", Detail: "baseline", User: "x", Recv: wrong, Took: 5},
			{At: 10, Event: "attempt", Item: "tcp/443 form /login", Detail: "common-1", User: "admin", Recv: wrong, Took: 5}, {Event: "defaults-done", Item: "tcp/443 form /login"},
			{At: 20, Event: "attempt", Item: "tcp/443 form /login", Detail: "wrong", User: "admin", Recv: wrong, Took: 5},
			{At: 30, Event: "attempt", Item: "tcp/443 form /login", Detail: "wrong", User: "admin", Recv: late, Took: 5}, {Event: "limit-done", Item: "tcp/443 form /login"}},
	}
	hello := probetls.Hello(probetls.TLS12, []uint16{0xc02f}, make([]byte, 96))
	answer := append(append([]byte{22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}, make([]byte, 33)...), 0xc0, 0x2f, 0)
	trs["tls"] = []probe.Record{{Event: "hello", Port: "tcp/443", Sent: hello, Recv: answer}}
	for _, v := range probetls.Versions {
		trs["tls"] = append(trs["tls"], probe.Record{Event: "settled", Port: "tcp/443", Item: v.String()})
	}
	trs["tls"] = append(trs["tls"], probe.Record{Event: "certificate", Port: "tcp/443", Recv: certificate(t, 9), Number: 20000},
		probe.Record{Event: "settled", Port: "tcp/443", Item: "certificate"}, probe.Record{Event: "settled", Port: "tcp/443", Item: "group"})
	for name, rs := range trs {
		for i := range rs {
			rs[i].Probe, rs[i].Line = name, i+1
		}
	}
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	r := Run{Product: product, Edition: e.Source(), Transcripts: trs, Info: Info{Format: RunFormat, Tool: "hoshi test", Target: "192.0.2.7",
		Network: probe.ModeRemote, Parameters: map[string]any{"pace": "fast"}, Started: at, Finished: at.Add(time.Minute),
		EditionID: e.ID, EditionDigest: Digest(e.Source()), ProductDigest: Digest(product), Models: []string{"TH-1", "TH-1W"}}}
	r.Facts, r.Verdicts, err = r.Conclude()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// certificate is a certificate list as sent in TLS, the same one for the same seed.
func certificate(t *testing.T, seed byte) []byte {
	t.Helper()
	key := testKey(t, seed)
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "th-1.invalid"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(nil, tpl, tpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{0, byte((len(der) + 3) >> 8), byte(len(der) + 3), 0, byte(len(der) >> 8), byte(len(der))}, der...)
}

func sealed(t *testing.T, r Run, key crypto.Signer) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Seal(&b, r, key); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func opened(t *testing.T, b []byte) *Bundle {
	t.Helper()
	x, err := Open(bytes.NewReader(b), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func key(err error) string {
	if e, ok := err.(*fault.Error); ok {
		return e.Key
	}
	return ""
}

func TestSealOpenVerify(t *testing.T) {
	k := testKey(t, 1)
	b := sealed(t, sample(t), k)
	if !bytes.Equal(b, sealed(t, sample(t), k)) {
		t.Error("the same run and key gave different bytes")
	}
	x := opened(t, b)
	if d := cmp.Diff(sample(t), x.Run); d != "" {
		t.Errorf("-sealed +opened:\n%s", d)
	}
	pub := k.Public().(ed25519.PublicKey)
	if err := x.Verify(pub); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{KeyID(pub)}, x.SignedBy()); d != "" {
		t.Error(d)
	}
	if err := x.Verify(testKey(t, 2).Public().(ed25519.PublicKey)); key(err) != "evidence.stranger" {
		t.Errorf("a stranger's key: %v", err)
	}
}

func TestUnsigned(t *testing.T) {
	b := sealed(t, sample(t), nil)
	if _, err := Open(bytes.NewReader(b), DefaultLimits()); key(err) != "evidence.unsigned" {
		t.Errorf("unsigned bundle: %v", err)
	}
	l := DefaultLimits()
	l.AllowUnsigned = true
	x, err := Open(bytes.NewReader(b), l)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Verify(testKey(t, 1).Public().(ed25519.PublicKey)); key(err) != "evidence.unsigned" {
		t.Errorf("unsigned bundle verified: %v", err)
	}
}

// One byte changed is refused wherever it is: in the header, at the end, and at
// every 997th place between.
func TestAlteredByOneByte(t *testing.T) {
	b := sealed(t, sample(t), testKey(t, 1))
	at := map[int]bool{}
	for i := range 64 {
		at[i], at[len(b)-1-i] = true, true
	}
	for i := 0; i < len(b); i += 997 {
		at[i] = true
	}
	for _, i := range slices.Sorted(maps.Keys(at)) {
		c := bytes.Clone(b)
		c[i] ^= 0x10
		if _, err := Open(bytes.NewReader(c), DefaultLimits()); key(err) != "evidence.altered" {
			t.Errorf("byte %d of %d altered: %v", i, len(b), err)
		}
	}
}

func TestCutShort(t *testing.T) {
	b := sealed(t, sample(t), testKey(t, 1))
	for n := 17; n < len(b); n += 211 {
		if _, err := Open(bytes.NewReader(b[:n]), DefaultLimits()); key(err) != "evidence.cut" {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := Open(bytes.NewReader(b[:len(b)-1]), DefaultLimits()); key(err) != "evidence.cut" {
		t.Errorf("the last byte is missing: %v", err)
	}
}

func TestForeign(t *testing.T) {
	stray := map[string][]byte{RunFile: []byte("{}"), "../evil": []byte("x")}
	b, err := pack(stray)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][]byte{"empty": nil, "text": []byte("not a bundle, but long enough to look at"), "stray file": b} {
		if _, err := Open(bytes.NewReader(c), DefaultLimits()); key(err) != "evidence.foreign" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	b := sealed(t, sample(t), testKey(t, 1))
	for name, l := range map[string]Limits{
		"compressed":   {Compressed: int64(len(b)) - 1, Uncompressed: 1 << 30, Files: 64},
		"uncompressed": {Compressed: 1 << 20, Uncompressed: 10000, Files: 64},
		"files":        {Compressed: 1 << 20, Uncompressed: 1 << 30, Files: 3},
	} {
		if _, err := Open(bytes.NewReader(b), l); !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A bundle whose facts and verdicts were taken out rebuilds them byte for byte;
// it can be replayed but no longer passes as what was signed.
func TestFactsDeleted(t *testing.T) {
	k := testKey(t, 1)
	whole := opened(t, sealed(t, sample(t), k))
	files := maps.Clone(whole.files)
	delete(files, FactsFile)
	delete(files, VerdictsFile)
	b, err := pack(files)
	if err != nil {
		t.Fatal(err)
	}
	x := opened(t, b)
	if x.Facts != nil || x.Verdicts != nil {
		t.Fatal("facts were not deleted")
	}
	for _, zone := range []string{"UTC", "Asia/Tokyo", "America/St_Johns"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		was := time.Local
		time.Local = loc
		facts, verdicts, err := Replay(x)
		time.Local = was
		if err != nil {
			t.Fatal(err)
		}
		f, _ := MarshalFacts(facts)
		v, _ := MarshalVerdicts(verdicts)
		if !bytes.Equal(f, whole.files[FactsFile]) || !bytes.Equal(v, whole.files[VerdictsFile]) {
			t.Errorf("%s: replay differs", zone)
		}
	}
	if err := x.Verify(k.Public().(ed25519.PublicKey)); key(err) != "evidence.altered" {
		t.Errorf("verified although files are missing: %v", err)
	}
}

// What somebody wrote into a bundle in place of what follows from its records is
// noticed, verdict or fact, signed or not.
func TestTold(t *testing.T) {
	whole := opened(t, sealed(t, sample(t), testKey(t, 1)))
	for name, c := range map[string]struct {
		file, old, new string
		want           string
	}{
		"nothing":             {"", "", "", Identical},
		"a better verdict":    {VerdictsFile, `"outcome":"person-decides"`, `"outcome":"conforms"`, Different},
		"another fact":        {FactsFile, `"guessesPerDay":`, `"guessesPerDay":1`, Different},
		"no facts":            {FactsFile, "", "", Rebuilt},
		"no verdicts":         {VerdictsFile, "", "", Identical},
		"a verdict, no facts": {VerdictsFile, `"outcome":"person-decides"`, `"outcome":"conforms"`, Different},
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(whole.files)
			if c.file != "" {
				altered := bytes.Replace(files[c.file], []byte(c.old), []byte(c.new), 1)
				if c.old != "" && bytes.Equal(altered, files[c.file]) {
					t.Fatalf("%q is not in %s", c.old, c.file)
				}
				files[c.file] = altered
				if c.old == "" {
					delete(files, c.file)
				}
			}
			if name == "a verdict, no facts" {
				delete(files, FactsFile)
			}
			b, err := pack(files)
			if err != nil {
				t.Fatal(err)
			}
			x := opened(t, b)
			facts, verdicts, err := Replay(x)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.Told(facts, verdicts); got != c.want || err != nil {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// Without the transcript of any one probe, no criterion conforms that reads
// facts of that probe.
func TestWithheldTranscript(t *testing.T) {
	full := sample(t)
	conforming := 0
	for name := range full.Transcripts {
		part := full
		part.Transcripts = maps.Clone(full.Transcripts)
		delete(part.Transcripts, name)
		facts, verdicts, err := part.Conclude()
		if err != nil {
			t.Fatal(err)
		}
		left := map[string]bool{}
		for _, f := range facts {
			left[f.ID()] = true
		}
		for i, v := range full.Verdicts {
			if v.Outcome != criteria.Conforms {
				continue
			}
			conforming++
			lost := slices.ContainsFunc(v.Facts, func(id string) bool { return !left[id] })
			if now := verdicts[i]; lost && now.Outcome == criteria.Conforms {
				t.Errorf("without %s.jsonl %s still conforms", name, v.Criterion)
			}
		}
	}
	if conforming == 0 {
		t.Error("nothing conforms in the sample: the test proves nothing")
	}
}

func TestFor(t *testing.T) {
	x := opened(t, sealed(t, sample(t), testKey(t, 1)))
	ok := Want{Models: []string{"TH-1"}, EditionID: x.Info.EditionID, EditionDigest: x.Info.EditionDigest}
	if err := x.For(ok); err != nil {
		t.Error(err)
	}
	other := ok
	other.Models = []string{"ZZ-9"}
	if err := x.For(other); key(err) != "evidence.other-product" {
		t.Errorf("other product: %v", err)
	}
	other = ok
	other.EditionID = "star1-2030"
	if err := x.For(other); key(err) != "evidence.other-edition" {
		t.Errorf("other edition: %v", err)
	}
	other = ok
	other.EditionDigest = "sha256:00"
	if err := x.For(other); key(err) != "evidence.other-edition" {
		t.Errorf("other text of the edition: %v", err)
	}
}

func TestKeys(t *testing.T) {
	k, private, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseKey(private)
	if err != nil || !back.Equal(k) {
		t.Errorf("private key: %v", err)
	}
	pem, err := PublicPEM(k.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePublic(pem)
	if err != nil || !pub.Equal(k.Public()) {
		t.Errorf("public key: %v", err)
	}
	if _, err := ParseKey(pem); key(err) != "evidence.key" {
		t.Errorf("a public key passed as private: %v", err)
	}
	if _, err := ParsePublic(private); key(err) != "evidence.key-public" {
		t.Errorf("a private key passed as public: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	files := map[string][]byte{RunFile: []byte(`{"format":"hoshi-run/1"}`), ProductFile: product, EditionFile: []byte("id: x"),
		transcripts + "tcp.jsonl": []byte(`{"at":1,"probe":"tcp","event":"open","port":"tcp/1"}` + "\n")}
	b, err := pack(files)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:100])
	l := Limits{Compressed: 1 << 20, Uncompressed: 1 << 20, Files: 20, AllowUnsigned: true}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := Open(bytes.NewReader(b), l)
		if err == nil && x.files[RunFile] == nil {
			t.Error("opened without run.json")
		}
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("a stranger's bytes are no defect of ours: %v", err)
		}
	})
}
