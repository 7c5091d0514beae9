package registry_test

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
	"hoshi/internal/testkit/daemon"
)

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	return daemon.Write(t, filepath.Dir(path), filepath.Base(path), text, mode)
}

func vsftpd(t *testing.T) int {
	return daemon.Start(t, func(dir string, port int) []string {
		conf := fmt.Sprintf("listen=YES\nlisten_address=127.0.0.1\nlisten_port=%d\nbackground=NO\nanonymous_enable=YES\nno_anon_password=NO\nlocal_enable=NO\nseccomp_sandbox=NO\nsecure_chroot_dir=%s\nanon_root=%s\nxferlog_enable=NO\n", port, dir, dir)
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		return []string{"/usr/sbin/vsftpd", write(t, filepath.Join(t.TempDir(), "vsftpd.conf"), conf, 0o600)}
	})
}

func telnetd(t *testing.T) int {
	return daemon.Start(t, func(dir string, port int) []string {
		login := write(t, filepath.Join(dir, "login"), "#!/bin/sh\nprintf 'box login: '\nread user\nprintf 'Password: '\nread pass\n"+
			"if [ \"$user/$pass\" = root/1234 ]; then printf 'welcome\\n# '; read x; else echo 'Login incorrect'; fi\n", 0o755)
		return []string{"busybox", "telnetd", "-F", "-b", "127.0.0.1", "-p", fmt.Sprint(port), "-l", login}
	})
}

func lighttpd(t *testing.T, secure bool) int {
	return daemon.Start(t, func(dir string, port int) []string {
		write(t, filepath.Join(dir, "index.html"), "<html>status page", 0o644)
		if err := os.Mkdir(filepath.Join(dir, "admin"), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "index.html"), `<a href="/admin/">admin</a>`, 0o644)
		write(t, filepath.Join(dir, "admin", "index.html"), "<html>settings", 0o644)
		protect := "/admin"
		if secure { // one server with sign-ins is enough: it takes a second for each
			protect = "/elsewhere"
		}
		users := write(t, filepath.Join(dir, "users"), "admin:a-long-value-for-this-unit\n", 0o644)
		conf := fmt.Sprintf("server.bind=\"127.0.0.1\"\nserver.port=%d\nserver.document-root=\"%s\"\nindex-file.names=(\"index.html\")\nserver.modules=(\"mod_auth\",\"mod_authn_file\",\"mod_openssl\")\n"+
			"mimetype.assign=(\".html\"=>\"text/html\")\nauth.backend=\"plain\"\nauth.backend.plain.userfile=\"%s\"\nauth.require=(\"%s\"=>(\"method\"=>\"basic\",\"realm\"=>\"box\",\"require\"=>\"valid-user\"))\n", port, dir, users, protect)
		if secure {
			pem := filepath.Join(dir, "pem")
			daemon.Command(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=box", "-keyout", pem, "-out", pem+".crt")
			conf += fmt.Sprintf("ssl.engine=\"enable\"\nssl.privkey=\"%s\"\nssl.pemfile=\"%s.crt\"\nssl.openssl.ssl-conf-cmd=(\"MinProtocol\"=>\"TLSv1\",\"MaxProtocol\"=>\"TLSv1.2\",\"CipherString\"=>\"AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0\")\n", pem, pem)
		}
		return []string{"/usr/sbin/lighttpd", "-D", "-f", write(t, filepath.Join(dir, "lighttpd.conf"), conf, 0o600)}
	})
}

// Real services of a Linux system, each recognised and questioned in its own way.
func TestRealServices(t *testing.T) {
	ssh, ftp, telnet, plain, secure := daemon.Named(t, "dropbear"), vsftpd(t), telnetd(t), lighttpd(t, false), lighttpd(t, true)
	addr := netip.MustParseAddr("127.0.0.1")
	pace := probe.Practice()
	pace.SignIns, pace.SignIn, pace.Exchange, pace.Hold = 3, 20*time.Second, 6*time.Second, time.Second
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Network: probe.ModeShared, Consents: []probe.Consent{probe.ConsentSignIn}, Pace: pace, Rand: rand.Reader,
		Paths: []probe.Path{{ID: "settings", Port: plain, URL: "/admin/"}, {ID: "status", Port: secure, URL: "/", TLS: true}}}
	for _, p := range []int{ssh, ftp, telnet, plain, secure} {
		target.Facts = append(target.Facts, probe.Observed("tcp.open", probe.TCP(p), true))
	}
	rec := probe.NewRecorder(time.Now, nil)
	for _, p := range registry.Probes {
		if p.Name == "tcp" || p.Name == "udp" { // the other services of this host are not ours to ask
			continue
		}
		if err := p.Run(t.Context(), target, rec); err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		target.Facts = append(target.Facts, p.Parse(rec.Records(p.Name))...)
	}
	get := func(name, subject string) fact.Fact {
		t.Helper()
		f, ok := target.Facts.Get(name, subject)
		if !ok {
			t.Fatalf("no %s for %s", name, subject)
		}
		return f
	}
	for port, want := range map[int]string{ssh: "ssh", ftp: "ftp", telnet: "telnet", plain: "http", secure: "http"} {
		v := get("service.protocol", probe.TCP(port)).Value
		if probe.Str(v, "protocol") != want || probe.Bool(v, "tls") != (port == secure) {
			t.Errorf("%s: %v", want, v)
		}
	}
	if s := probe.Str(get("service.protocol", probe.TCP(ssh)).Value, "software"); !strings.HasPrefix(s, "dropbear") {
		t.Errorf("software of ssh: %q", s)
	}

	// TLS: exactly what the server was configured for.
	v := get("tls.version", probe.TCP(secure)).Value.(map[string]any)
	if d := cmp.Diff([]any{"TLS 1.0", "TLS 1.1", "TLS 1.2"}, v["versions"]); d != "" || v["complete"] != true {
		t.Errorf("versions, complete %v:\n%s", v["complete"], d)
	}
	s := get("tls.suite", probe.TCP(secure)).Value.(map[string]any)
	if d := cmp.Diff([]any{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA"}, s["suites"]); d != "" {
		t.Errorf("suites:\n%s", d)
	}

	// Reading without a sign-in.
	for id, want := range map[string]int64{"settings": 0, "status": 1} {
		if got := probe.Int(get("access.anonymous", id).Value, "granted"); got != want {
			t.Errorf("%s: granted %d", id, got)
		}
	}

	// Entrances and what default values met there.
	accepted := map[string][]any{
		probe.TCP(ssh) + " ssh":             {},
		probe.TCP(ftp) + " ftp":             {"anonymous (anonymous)"},
		probe.TCP(telnet) + " telnet":       {"root (common-3)"},
		probe.TCP(plain) + " basic /admin/": {},
	}
	for id, want := range accepted {
		get("signin.interface", id)
		d := get("signin.default", id).Value.(map[string]any)
		if diff := cmp.Diff(want, d["accepted"]); diff != "" || d["complete"] != true {
			t.Errorf("%s: complete %v, accepted (-want +got):\n%s", id, d["complete"], diff)
		}
		l := get("signin.limit", id).Value.(map[string]any)
		if l["complete"] != true || l["attempts"].(int64) < 3 {
			t.Errorf("%s: %v", id, l)
		}
	}
	if l := get("signin.limit", probe.TCP(telnet)+" telnet").Value; probe.Bool(l, "limited") || probe.Int(l, "guessesPerDay") < 50000 {
		t.Errorf("telnet has no limit, but: %v", l)
	}
	// lighttpd waits a second before it refuses.
	if l := get("signin.limit", probe.TCP(plain)+" basic /admin/").Value; probe.Str(l, "how") != "delay" || probe.Int(l, "guessesPerDay") > 170000 {
		t.Errorf("Basic is delayed, but: %v", l)
	}
	for _, rs := range rec.Transcripts() {
		for _, r := range rs {
			if strings.Contains(string(r.Sent), "Basic ") && !strings.Contains(string(r.Sent), "Basic "+probe.Mask) {
				t.Errorf("a credential was recorded: %q", r.Sent)
			}
		}
	}
}

// No transcript, however odd, makes a parser panic or state a fact outside the
// vocabulary.
func FuzzParse(f *testing.F) {
	f.Add("tls", "hello", "tcp/443", "TLS 1.2", "", []byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0}, []byte{22, 3, 3, 0, 4, 2, 0, 0, 0}, 1)
	f.Add("http", "page", "tcp/80", "/", "plain", []byte("GET / HTTP/1.1\r\n"), []byte("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<form><input type=password name=p>"), 1)
	f.Add("signin", "attempt", "tcp/80", "tcp/80 form /", "baseline", []byte("x"), []byte("HTTP/1.1 429 x\r\nRetry-After: 9\r\n\r\n"), 1)
	f.Add("signin", "attempt", "tcp/23", "tcp/23 telnet", "baseline", []byte("x"), []byte("Too many, try again in 9 minutes"), 1)
	f.Add("service", "banner", "tcp/21", "", "", []byte(nil), []byte("220 ftp\r\n"), 0)
	f.Add("udp", "asked", "udp/53", "dns", "", []byte("q"), []byte("a"), 0)
	f.Add("telnet", "greeting", "tcp/23", "", "", []byte(nil), []byte("\xff\xfdlogin: "), 0)
	f.Add("ssh", "methods", "tcp/22", "", "password", []byte(nil), []byte("SSH-2.0-x"), 0)
	f.Fuzz(func(t *testing.T, name, event, port, item, detail string, sent, recv []byte, number int) {
		one := probe.Record{Probe: name, Event: event, Port: port, Item: item, Detail: detail, Sent: sent, Recv: recv, Number: number, User: "admin", Line: 1}
		two := one
		two.Detail, two.At, two.Line = "wrong", 10, 2
		for _, x := range registry.Parse(map[string][]probe.Record{name: {one, two}}) {
			if !fact.Known(x.Name) {
				t.Errorf("fact %q is not in the vocabulary", x.Name)
			}
		}
	})
}
