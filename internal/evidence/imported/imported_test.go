package imported

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Files as the tools wrote them (nmap 7.93 and testssl.sh against a server on
// loopback) and one in the shape of sslyze 6; see testdata/README.md.
func TestParse(t *testing.T) {
	for name, want := range map[string]struct {
		file  File
		facts map[string]any
	}{
		"nmap.xml": {File{Tool: "nmap", Version: "7.93", Made: "2026-11-25", Target: "127.0.0.1"}, map[string]any{
			"tcp.open[tcp/44330]": true,
			"tcp.coverage":        map[string]any{"asked": int64(3), "open": int64(1), "closed": int64(2), "filtered": int64(0), "undecided": int64(0)},
		}},
		"testssl.json": {File{Tool: "testssl.sh", Target: "127.0.0.1"}, map[string]any{
			"tls.version[tcp/44330]": map[string]any{"versions": []any{"TLS 1.0", "TLS 1.1", "TLS 1.2"}, "asked": []any{"SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"}, "complete": true},
			"tls.suite[tcp/44330]":   map[string]any{"suites": []any{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA"}, "asked": int64(0), "complete": true},
		}},
		"testssl-pretty.json": {File{Tool: "testssl.sh", Version: "3.0.8", Made: "2026-11-25", Target: "127.0.0.1"}, map[string]any{
			"tls.version[tcp/44330]": map[string]any{"versions": []any{"TLS 1.2"}, "asked": []any{"SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"}, "complete": true},
			"tls.suite[tcp/44330]":   map[string]any{"suites": []any{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA"}, "asked": int64(0), "complete": true},
		}},
		"sslyze.json": {File{Tool: "sslyze", Version: "6.3.1", Made: "2026-11-25", Target: "127.0.0.1"}, map[string]any{
			"tls.version[tcp/44330]": map[string]any{"versions": []any{"TLS 1.0", "TLS 1.1", "TLS 1.2"}, "asked": []any{"SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"}, "complete": true},
			"tls.suite[tcp/44330]":   map[string]any{"suites": []any{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA"}, "asked": int64(0), "complete": true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse(name, read(t, name))
			if err != nil {
				t.Fatal(err)
			}
			facts := f.Facts
			f.Facts = nil
			if d := cmp.Diff(want.file, f); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			got := map[string]any{}
			for _, x := range facts {
				if x.Origin != fact.Imported || !cmp.Equal(x.Source, []string{name}) || !fact.Known(x.Name) {
					t.Errorf("%+v", x)
				}
				got[x.ID()] = x.Value
			}
			for id, v := range want.facts {
				if d := cmp.Diff(v, got[id]); d != "" {
					t.Errorf("%s (-want +got):\n%s", id, d)
				}
			}
			if f.Tool != "nmap" {
				v, _ := got["tls.certificate[tcp/44330]"].(map[string]any)
				cs, _ := v["certificates"].([]any)
				if len(cs) != 1 || cs[0].(map[string]any)["bits"] != int64(2048) || cs[0].(map[string]any)["name"] != "CN=box.invalid" {
					t.Errorf("certificates %v", cs)
				}
			}
			if _, ok := facts.Get("import.file", name); !ok {
				t.Error("the file itself is not a fact")
			}
		})
	}
}

// What a real file says of commands that broke off or were not asked for is not
// taken for a refusal, and a port that could not be reached is left out.
func TestPartOfSSLyze(t *testing.T) {
	whole := read(t, "sslyze-openssl.json")
	version := func(b []byte) map[string]any {
		t.Helper()
		f, err := Parse("x", b)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := f.Facts.Get("tls.version", "tcp/44304")
		if n := len(f.Facts.Named("tls.version")); n != 1 {
			t.Errorf("%d ports", n)
		}
		return v.Value.(map[string]any)
	}
	all := []any{"SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"}
	if d := cmp.Diff(map[string]any{"versions": []any{"TLS 1.2"}, "asked": all, "complete": true}, version(whole)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, part := range []string{`{"status":"NOT_SCHEDULED","error_reason":null,"error_trace":null,"result":null}`, `{"status":"ERROR","error_reason":"CONNECTIVITY_ISSUE","error_trace":"","result":null}`, `null`} {
		var run, server, result map[string]json.RawMessage
		var servers []json.RawMessage
		decode := func(b []byte, into any) {
			if err := json.Unmarshal(b, into); err != nil {
				t.Fatal(err)
			}
		}
		encode := func(v any) []byte {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		decode(whole, &run)
		decode(run["server_scan_results"], &servers)
		decode(servers[1], &server)
		decode(server["scan_result"], &result)
		result["ssl_3_0_cipher_suites"] = json.RawMessage(part)
		server["scan_result"] = encode(result)
		servers[1] = encode(server)
		run["server_scan_results"] = encode(servers)
		if d := cmp.Diff(map[string]any{"versions": []any{"TLS 1.2"}, "asked": slices.Delete(slices.Clone(all), 1, 2), "complete": false}, version(encode(run))); d != "" {
			t.Errorf("%s (-want +got):\n%s", part, d)
		}
	}
}

// A testssl.sh that was stopped writes a whole file all the same: its list of suites is
// not taken for all of them.
func TestStoppedTestssl(t *testing.T) {
	for name, c := range map[string]struct{ file, old, new string }{
		"list":   {"testssl.json", `"finding"      : "40"`, `"finding"      : "Scan interrupted"`},
		"pretty": {"testssl-pretty.json", `"scanTime"  : 37`, `"scanTime"  : "Scan interrupted"`},
	} {
		b := read(t, c.file)
		for complete, b := range map[bool][]byte{true: b, false: bytes.Replace(b, []byte(c.old), []byte(c.new), 1)} {
			f, err := Parse("x", b)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := f.Facts.Get("tls.suite", "tcp/44330")
			if got := v.Value.(map[string]any)["complete"]; got != complete {
				t.Errorf("%s: complete is %v, want %v", name, got, complete)
			}
		}
	}
}

// Foreign files and files about several devices are refused.
func TestRefuses(t *testing.T) {
	two := bytes.Replace(read(t, "testssl.json"), []byte("127.0.0.1/127.0.0.1"), []byte("127.0.0.2/127.0.0.2"), 3)
	servers := []byte(`{"sslyze_version":"6.1.0","server_scan_results":[{"server_location":{"ip_address":"192.0.2.1","port":443},"scan_result":{}},{"server_location":{"ip_address":"192.0.2.2","port":443},"scan_result":{}}]}`)
	whole := bytes.TrimSpace(read(t, "nmap.xml"))
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"empty": {nil, ErrForeign}, "text": {[]byte("open ports: 80"), ErrForeign}, "other XML": {[]byte("<a/>"), ErrForeign},
		"other JSON": {[]byte(`{"a":1}`), ErrForeign}, "other list": {[]byte(`[{"id":"x"}]`), ErrForeign}, "two devices": {two, ErrMany},
		"two devices of sslyze": {servers, ErrMany},
		"cut short":             {whole[:len(whole)-20], ErrForeign},
		"two files in one":      {append(slices.Clone(whole), whole...), ErrForeign},
		"an entity":             {bytes.Replace(whole, []byte("<nmaprun"), []byte(`<!DOCTYPE nmaprun [<!ENTITY x SYSTEM "file:///etc/passwd">]><nmaprun x="&x;"`), 1), ErrForeign},
		"ports of nobody":       {[]byte(`<nmaprun scanner="nmap"><host><ports><port protocol="tcp" portid="23"><state state="open"/></port></ports></host><host><address addr="192.0.2.1" addrtype="ipv4"/></host></nmaprun>`), ErrForeign},
		"large":                 {make([]byte, MaxFile+1), ErrLarge},
		"more than is taken in": {ports(MaxFacts + 1), ErrFacts},
	} {
		if _, err := Parse("x", c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ports is a scan of nmap that found so many ports open.
func ports(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`<nmaprun scanner="nmap"><host><address addr="192.0.2.1" addrtype="ipv4"/><ports>`)
	for p := range n {
		fmt.Fprintf(&b, `<port protocol="tcp" portid="%d"><state state="open"/></port>`, p+1)
	}
	b.WriteString(`</ports></host></nmaprun>`)
	return b.Bytes()
}

func FuzzParse(f *testing.F) {
	for _, n := range []string{"nmap.xml", "testssl.json", "testssl-pretty.json", "sslyze.json", "sslyze-ssl3.json"} {
		f.Add(read(f, n))
	}
	f.Add([]byte(`<nmaprun scanner="nmap"><scaninfo protocol="tcp" numservices="65535"/><host><address addr="::1" addrtype="ipv6"/><ports><extraports state="closed" count="9"/></ports></host></nmaprun>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := Parse("x", b)
		if err != nil {
			return
		}
		for _, y := range x.Facts {
			if y.Origin != fact.Imported || !fact.Known(y.Name) {
				t.Errorf("%+v", y)
			}
		}
	})
}
