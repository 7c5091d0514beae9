package tls

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/probe"
	"hoshi/internal/testkit/daemon"
)

// A real server of SSL 3.0, alone and beside TLS 1.0. (SSL 2.0 and 3.0 of OpenSSL
// 1.0.1e were seen by hand: no package has a server of SSL 2.0 any more.)
func TestNSS(t *testing.T) {
	rsa := some("TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
		"TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_RC4_128_MD5", "TLS_RSA_WITH_RC4_128_SHA")
	both := slices.Insert(slices.Clone(rsa), 3, any("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"), any("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"))
	all := some("SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")
	alone, beside := daemon.NSS(t, "ssl3:ssl3"), daemon.NSS(t, "ssl3:tls1.0")
	for _, pace := range []probe.Pace{probe.Careful(), probe.Practice()} {
		s := facts(t, pace, alone, beside)
		for port, want := range map[int]struct{ versions, suites, groups []any }{
			alone:  {some("SSL 3.0"), rsa, some()},
			beside: {some("SSL 3.0", "TLS 1.0"), both, some("secp256r1", "secp384r1", "secp521r1", "x25519")},
		} {
			v, x, g, c := value(t, s, "tls.version", port), value(t, s, "tls.suite", port), value(t, s, "tls.group", port), value(t, s, "tls.certificate", port)
			if d := cmp.Diff(is{"versions": want.versions, "asked": all, "complete": true}, v) + cmp.Diff(want.suites, x["suites"]) + cmp.Diff(is{"groups": want.groups, "dhBits": int64(2048), "complete": true}, g); d != "" || x["complete"] != true {
				t.Errorf("%s: -want +got:\n%s", pace.Name, d)
			}
			if cs := c["certificates"].([]any); len(cs) != 1 || cs[0].(is)["name"] != "CN=box" || cs[0].(is)["bits"] != int64(2048) || c["complete"] != true {
				t.Errorf("%s: %v", pace.Name, c)
			}
		}
	}
}
