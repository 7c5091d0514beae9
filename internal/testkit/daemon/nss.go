package daemon

import (
	"fmt"
	"path/filepath"
	"testing"
)

// NSS starts Mozilla's server, the only one of Debian that still speaks SSL 3.0,
// for versions such as "ssl3:tls1.0". It knows no address: it listens on all.
func NSS(t testing.TB, versions string) int {
	t.Helper()
	return Start(t, func(dir string, port int) []string {
		cert, key := Certificate(t, dir)
		store, both := "sql:"+dir, filepath.Join(dir, "both")
		Command(t, "openssl", "pkcs12", "-export", "-in", cert, "-inkey", key, "-name", "box", "-passout", "pass:", "-out", both)
		Command(t, "certutil", "-N", "-d", store, "--empty-password")
		Command(t, "pk12util", "-i", both, "-d", store, "-W", "")
		return []string{"selfserv", "-d", store, "-n", "box", "-p", fmt.Sprint(port), "-V", versions, "-H", "1"}
	})
}
