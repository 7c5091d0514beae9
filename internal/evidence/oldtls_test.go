package evidence

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/criteria"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
	"hoshi/internal/testkit/daemon"
)

// A server that still speaks SSL 3.0 is told alike by Hoshi, by testssl.sh and sslyze
// (whose files were written against the same server) and by sslscan, and does not conform.
func TestOldTLS(t *testing.T) {
	for versions, want := range map[string]struct {
		files   []string
		sslscan []string
	}{
		"ssl3:ssl3":   {[]string{"testssl-ssl3.json", "sslyze-ssl3.json"}, []string{"SSLv3"}},
		"ssl3:tls1.0": {[]string{"testssl-ssl3-tls10.json", "sslyze-ssl3-tls10.json"}, []string{"SSLv3", "TLSv1.0"}},
	} {
		t.Run(versions, func(t *testing.T) {
			port := daemon.NSS(t, versions)
			r := sample(t)
			target := daemon.Target(probe.Observed("tcp.open", probe.TCP(port), true))
			for _, name := range []string{"service", "tls"} {
				i := slices.IndexFunc(registry.Probes, func(p probe.Probe) bool { return p.Name == name })
				rs, facts := daemon.Ask(t, registry.Probes[i], target)
				target.Facts = append(target.Facts, facts...)
				for i := range rs {
					rs[i].Port = "tcp/443" // as the product declares it
					if rs[i].Error == "handshake" {
						t.Errorf("a handshake was tried in a version that is not spoken: %+v", rs[i])
					}
				}
				r.Transcripts[name] = rs
			}
			var err error
			if r.Facts, r.Verdicts, err = r.Conclude(); err != nil {
				t.Fatal(err)
			}
			for _, f := range want.files {
				b, err := os.ReadFile(filepath.Join("imported", "testdata", f))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Import(regexp.MustCompile(`("port" *: *"?)4430[12]`).ReplaceAll(b, []byte(`${1}443`))); err != nil {
					t.Fatal(err)
				}
			}
			same := 0
			for _, x := range SideBySide(r.Facts) {
				if !strings.HasPrefix(x.ID, "tls.certificate") && !x.Same { // each start has a certificate of its own
					t.Errorf("%+v", x)
				} else if x.Same {
					same++
				}
			}
			if same != 4 { // versions and suites of two tools
				t.Errorf("%d statements agree", same)
			}
			i := slices.IndexFunc(r.Verdicts, func(v criteria.Verdict) bool { return v.Criterion == "S1.1-12" })
			if v := r.Verdicts[i]; v.Outcome != criteria.DoesNotConform || v.Rule != "R-12-2" {
				t.Errorf("%s by %s: %s", v.Outcome, v.Rule, v.Seen.EN)
			}
			out, err := exec.Command("sslscan", "--no-colour", "--no-ciphersuites", "--no-heartbleed", "--no-fallback", "--no-renegotiation", "--no-compression", "--no-groups", fmt.Sprintf("127.0.0.1:%d", port)).Output()
			if err != nil {
				t.Fatal("sslscan is needed:", err)
			}
			var theirs []string
			for l := range bytes.Lines(out) {
				if f := strings.Fields(string(l)); len(f) == 2 && f[1] == "enabled" {
					theirs = append(theirs, f[0])
				}
			}
			if d := cmp.Diff(want.sslscan, theirs); d != "" {
				t.Errorf("sslscan (-want +got):\n%s", d)
			}
		})
	}
}
