package daemon

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// CUPS starts a print server with one printer that prints nowhere; with settings
// of its access policy, such as "AuthType Basic\nRequire valid-user".
func CUPS(t testing.TB, policy string) int {
	t.Helper()
	return Start(t, func(dir string, port int) []string {
		who := "lp" // the server refuses to work as root
		if u, err := user.Current(); err == nil && u.Uid != "0" {
			who = u.Username
		}
		for _, d := range []string{"spool", "tmp", "cache", "state"} {
			if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, d), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		Write(t, dir, "printers.conf", "<DefaultPrinter box>\nInfo Box printer\nMakeModel Boxmaker Printer 9\nDeviceURI file:/dev/null\nState Idle\nAccepting Yes\nShared Yes\n</DefaultPrinter>\n", 0o644)
		files := Write(t, dir, "files.conf", strings.ReplaceAll("ServerRoot DIR\nRequestRoot DIR/spool\nTempDir DIR/tmp\nCacheDir DIR/cache\nStateDir DIR/state\nDataDir /usr/share/cups\nServerBin /usr/lib/cups\n"+
			"AccessLog DIR/access\nErrorLog DIR/error\nPageLog DIR/page\nFileDevice Yes\nUser "+who+"\nGroup lp\nSystemGroup root\n", "DIR", dir), 0o644)
		conf := Write(t, dir, "cupsd.conf", fmt.Sprintf("Listen %s:%d\nBrowsing No\nDefaultAuthType Basic\nWebInterface No\n<Location />\nOrder allow,deny\n</Location>\n<Policy default>\n<Limit All>\nOrder deny,allow\n%s\n</Limit>\n</Policy>\n", Addr, port, policy), 0o644)
		return []string{"/usr/sbin/cupsd", "-f", "-c", conf, "-s", files}
	})
}
