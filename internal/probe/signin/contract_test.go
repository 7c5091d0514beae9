package signin_test

import (
	"bufio"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
	"hoshi/internal/probe/snmp"
	"hoshi/internal/testkit/udpd"
)

const (
	right = "of-this-unit-7"
	wrong = "guess-1"
)

// service starts a real server on a free loopback port and waits until it listens.
func service(t *testing.T, command func(dir string, port int) []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	args := command(t.TempDir(), port)
	var out strings.Builder
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed: %v", args[0], err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 500 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = c.Close()
			return probe.TCP(port)
		}
		if !probe.Wait(t.Context(), 20*time.Millisecond) {
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	t.Fatalf("%s does not listen: %s", args[0], out.String())
	return ""
}

func file(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil {
		t.Fatal(err)
	}
	return p
}

// attempts makes one attempt with each value, the first of them surely wrong, and
// returns what they met.
func attempts(t *testing.T, d probe.Door, user string, values ...string) []probe.Outcome {
	t.Helper()
	var e probe.Entrance
	for _, x := range registry.Entrances() {
		if x.Kind == d.Kind {
			e = x
		}
	}
	if e.Attempt == nil {
		t.Fatalf("no entrance of kind %s", d.Kind)
	}
	addr := netip.MustParseAddr("127.0.0.1")
	target := &probe.Target{Addr: addr, Net: probe.NewNet(addr, nil), Pace: probe.Fast(), Rand: rand.Reader,
		Paths: []probe.Path{{ID: "settings", Port: probe.PortNumber(d.Port), URL: "/settings.json"}}}
	target.Pace.Exchange = 8 * time.Second
	target.Pace.UDPWait = 2 * time.Second // a test machine may be busy
	rec := probe.NewRecorder(time.Now, nil)
	var base probe.Record
	var out []probe.Outcome
	for i, v := range values {
		sent, recv, err := e.Attempt(t.Context(), target, d, user, v)
		r := probe.Record{Probe: "signin", Sent: sent, Recv: recv}
		if len(recv) == 0 {
			r.Error = probe.Word(err)
		}
		if v != "" && strings.Contains(string(sent), v) {
			t.Errorf("%s: the value stands in %q", d.Kind, sent)
		}
		r = rec.Add(r, v)
		if i == 0 {
			base = r
		}
		out = append(out, e.Classify(base, r))
		if out[i] == probe.Unclear || out[i] == probe.Missed {
			t.Logf("%s with %q: %s %v %q", d.Kind, v, out[i], err, recv)
		}
	}
	return out
}

func want(t *testing.T, kind string, got []probe.Outcome, want ...probe.Outcome) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", kind, got, want)
	}
}

func lighttpd(t *testing.T, method, userfile, backend string) string {
	return service(t, func(dir string, port int) []string {
		if err := os.Mkdir(filepath.Join(dir, "www"), 0o755); err != nil {
			t.Fatal(err)
		}
		file(t, filepath.Join(dir, "www"), "index.html", "<html>settings", 0o644)
		users := file(t, dir, "users", userfile, 0o644)
		conf := fmt.Sprintf("server.bind=\"127.0.0.1\"\nserver.port=%d\nserver.document-root=\"%s/www\"\nindex-file.names=(\"index.html\")\nserver.modules=(\"mod_auth\",\"mod_authn_file\")\nmimetype.assign=(\".html\"=>\"text/html\")\n"+
			"auth.backend=\"%s\"\nauth.backend.%s.userfile=\"%s\"\nauth.require=(\"\"=>(\"method\"=>\"%s\",\"realm\"=>\"box\",\"require\"=>\"valid-user\"))\n", port, dir, backend, backend, users, method)
		return []string{"/usr/sbin/lighttpd", "-D", "-f", file(t, dir, "conf", conf, 0o600)}
	})
}

// Every kind of sign-in on a real service: wrong values are refused, the right one
// signs in.
func TestRealSignIns(t *testing.T) {
	digestHash := md5.Sum([]byte("admin:box:" + right))
	cases := map[string]struct {
		start func(t *testing.T) probe.Door
		user  string
		want  []probe.Outcome // with two wrong values and the right one
	}{
		"lighttpd basic": {func(t *testing.T) probe.Door {
			return probe.Door{Port: lighttpd(t, "basic", "admin:"+right+"\n", "plain"), Kind: "basic", Path: "/"}
		}, "admin", nil},
		"lighttpd digest": {func(t *testing.T) probe.Door {
			return probe.Door{Port: lighttpd(t, "digest", "admin:box:"+hex.EncodeToString(digestHash[:])+"\n", "htdigest"), Kind: "digest", Path: "/"}
		}, "admin", nil},
		"mosquitto": {func(t *testing.T) probe.Door {
			return probe.Door{Port: mosquitto(t), Kind: "mqtt"}
		}, "app", nil},
		"snmpd": {func(t *testing.T) probe.Door {
			port := udpd.Start(t, snmp.Third.UDP, func(dir string, port int) []string {
				conf := file(t, dir, "snmpd.conf", "rocommunity "+right+"\n", 0o600)
				return []string{"env", "SNMP_PERSISTENT_DIR=" + dir, "MIBS=", "/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", conf, "-I", "-smux", "-p", filepath.Join(dir, "pid"), fmt.Sprintf("udp:127.0.0.1:%d", port)}
			})
			return probe.Door{Port: probe.UDP(port), Kind: "snmp"}
		}, "", nil},
		"snmpd with a user": {func(t *testing.T) probe.Door {
			return probe.Door{Port: snmpUser(t), Kind: "snmpv3"}
		}, "admin", nil},
		"snmpd without that user": {func(t *testing.T) probe.Door {
			return probe.Door{Port: snmpUser(t), Kind: "snmpv3"}
		}, "root", []probe.Outcome{probe.Unknown, probe.Unknown, probe.Unknown}},
		"busybox telnetd": {func(t *testing.T) probe.Door {
			return probe.Door{Kind: "telnet", Port: service(t, func(dir string, port int) []string {
				login := file(t, dir, "login", "#!/bin/sh\nprintf 'box login: '\nread user\nprintf 'Password: '\nread pass\n"+
					"if [ \"$user/$pass\" = admin/"+right+" ]; then printf 'welcome\\n# '; read x; else echo 'Login incorrect'; fi\n", 0o755)
				return []string{"busybox", "telnetd", "-F", "-b", "127.0.0.1", "-p", fmt.Sprint(port), "-l", login}
			})}
		}, "admin", nil},
		"busybox telnetd that forces a change": {func(t *testing.T) probe.Door {
			return probe.Door{Kind: "telnet", Port: service(t, func(dir string, port int) []string {
				login := file(t, dir, "login", "#!/bin/sh\nprintf 'box login: '\nread user\nprintf 'Password: '\nread pass\n"+
					"if [ \"$user/$pass\" = admin/"+right+" ]; then printf 'You must change your password now.\\nNew password: '; read x; else echo 'Login incorrect'; fi\n", 0o755)
				return []string{"busybox", "telnetd", "-F", "-b", "127.0.0.1", "-p", fmt.Sprint(port), "-l", login}
			})}
		}, "admin", []probe.Outcome{probe.Refused, probe.Refused, probe.Forced}},
		"vsftpd": {func(t *testing.T) probe.Door {
			return probe.Door{Kind: "ftp", Port: service(t, func(dir string, port int) []string {
				root := filepath.Join(dir, "root")
				if err := os.Mkdir(root, 0o555); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(root, 0o555); err != nil {
					t.Fatal(err)
				}
				conf := fmt.Sprintf("listen=YES\nlisten_address=127.0.0.1\nlisten_port=%d\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\nseccomp_sandbox=NO\nsecure_chroot_dir=%s\nanon_root=%s\nxferlog_enable=NO\n", port, root, root)
				return []string{"/usr/sbin/vsftpd", file(t, dir, "conf", conf, 0o600)}
			})}
		}, "admin", []probe.Outcome{probe.Refused, probe.Refused, probe.Refused}},
		"dropbear": {func(t *testing.T) probe.Door {
			return probe.Door{Kind: "ssh", Port: dropbear(t)}
		}, "nobody-here", []probe.Outcome{probe.Refused, probe.Refused, probe.Refused}},
		"dropbear for keys only": {func(t *testing.T) probe.Door {
			return probe.Door{Kind: "ssh", Port: dropbear(t, "-s")}
		}, "admin", []probe.Outcome{probe.Closed, probe.Closed, probe.Closed}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := c.start(t)
			expect := c.want
			if expect == nil {
				expect = []probe.Outcome{probe.Refused, probe.Refused, probe.Accepted}
			}
			want(t, name, attempts(t, d, c.user, "surely-wrong", wrong, right), expect...)
		})
	}
}

// snmpUser starts an agent with one user of version 3, who is not declared.
func snmpUser(t *testing.T) string {
	return probe.UDP(udpd.Start(t, snmp.Third.UDP, func(dir string, port int) []string {
		conf := file(t, dir, "snmpd.conf", "createUser admin SHA "+right+" AES\nrouser admin priv\n", 0o600)
		return []string{"env", "SNMP_PERSISTENT_DIR=" + dir, "MIBS=", "/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", conf, "-I", "-smux", "-p", filepath.Join(dir, "pid"), fmt.Sprintf("udp:127.0.0.1:%d", port)}
	}))
}

func dropbear(t *testing.T, more ...string) string {
	return service(t, func(dir string, port int) []string {
		key := filepath.Join(dir, "key")
		if out, err := exec.Command("dropbearkey", "-t", "ed25519", "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("dropbearkey: %v\n%s", err, out)
		}
		return append([]string{"/usr/sbin/dropbear", "-F", "-E", "-m", "-r", key, "-p", fmt.Sprintf("127.0.0.1:%d", port), "-P", filepath.Join(dir, "pid")}, more...)
	})
}

func mosquitto(t *testing.T) string {
	return service(t, func(dir string, port int) []string {
		users := filepath.Join(dir, "users")
		if out, err := exec.Command("mosquitto_passwd", "-b", "-c", users, "app", right).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd is needed: %v\n%s", err, out)
		}
		if err := os.Chmod(users, 0o644); err != nil { // the broker gives up its rights
			t.Fatal(err)
		}
		for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		conf := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous false\npassword_file %s\n", port, users)
		return []string{"/usr/sbin/mosquitto", "-c", file(t, dir, "conf", conf, 0o644)}
	})
}

// rtspServer is a small video server whose DESCRIBE needs a sign-in.
func rtspServer(t *testing.T, challenge string, ok func(authorization, url string) bool) probe.Door {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					h, err := textproto.NewReader(in).ReadMIMEHeader()
					if err != nil {
						return
					}
					u := strings.Fields(line)[1]
					if ok(h.Get("Authorization"), u) {
						fmt.Fprintf(c, "RTSP/1.0 200 OK\r\nCSeq: %s\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n", h.Get("Cseq"))
						continue
					}
					fmt.Fprintf(c, "RTSP/1.0 401 Unauthorized\r\nCSeq: %s\r\nWWW-Authenticate: %s\r\n\r\n", h.Get("Cseq"), challenge)
				}
			}()
		}
	}()
	return probe.Door{Port: probe.TCP(l.Addr().(*net.TCPAddr).Port), Kind: "rtsp", Path: "/stream"}
}

func TestRTSP(t *testing.T) {
	basic := rtspServer(t, `Basic realm="box"`, func(a, _ string) bool {
		return a == "Basic YWRtaW46b2YtdGhpcy11bml0LTc=" // admin:of-this-unit-7
	})
	want(t, "basic", attempts(t, basic, "admin", "surely-wrong", wrong, right), probe.Refused, probe.Refused, probe.Accepted)
	response := regexp.MustCompile(`response="([0-9a-f]{32})"`)
	digest := rtspServer(t, `Digest realm="box", nonce="n1"`, func(a, u string) bool {
		h := func(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }
		m := response.FindStringSubmatch(a)
		return m != nil && m[1] == h(h("admin:box:"+right)+":n1:"+h("DESCRIBE:"+u))
	})
	want(t, "digest", attempts(t, digest, "admin", "surely-wrong", wrong, right), probe.Refused, probe.Refused, probe.Accepted)
}

// site is a web device with sessions; forced: nothing but the change of the value
// works after signing in.
func site(t *testing.T, kind string, forced bool) probe.Door {
	m := http.NewServeMux()
	in := func(r *http.Request) bool {
		c, err := r.Cookie("session")
		return err == nil && c.Value == "s1" || r.Header.Get("Authorization") == "Bearer token-of-a-session"
	}
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !in(r) && kind == "form":
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		case !in(r):
			w.WriteHeader(401)
		case forced && r.URL.Path == "/password":
			fmt.Fprint(w, `<form method=post><input type=password name=new1><input type=password name=new2></form>`)
		case forced && kind == "form":
			http.Redirect(w, r, "/password", http.StatusSeeOther)
		case forced:
			w.WriteHeader(403)
			fmt.Fprint(w, `{"error":"password_change_required"}`)
		default:
			fmt.Fprint(w, `{"wifi":"practice"} <a href="/password">change the password</a>`)
		}
	})
	m.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<form method=post action=/login><input name=user><input type=password name=pass></form>`)
	})
	m.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("user") != "admin" || r.FormValue("pass") != right {
			http.Redirect(w, r, "/login?error=1", http.StatusSeeOther)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", Path: "/"})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	m.HandleFunc("POST /api/login", func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 1000)
		n, _ := r.Body.Read(b)
		w.Header().Set("Content-Type", "application/json")
		switch body := string(b[:n]); {
		case !strings.Contains(body, `"login":`): // this API wants another name for the user
			w.WriteHeader(400)
			fmt.Fprint(w, `{"error":"missing field login"}`)
		case strings.Contains(body, `"`+right+`"`):
			fmt.Fprintf(w, `{"ok":true,"token":"token-of-a-session","mustChange":%v}`, forced)
		default:
			fmt.Fprint(w, `{"ok":false}`)
		}
	})
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	path := "/login"
	if kind == "json" {
		path = "/api/login"
	}
	return probe.Door{Port: "tcp/" + u.Port(), Kind: kind, Path: path}
}

func TestWebSignIns(t *testing.T) {
	for _, kind := range []string{"form", "json"} {
		want(t, kind, attempts(t, site(t, kind, false), "admin", "surely-wrong", wrong, right), probe.Refused, probe.Refused, probe.Accepted)
		want(t, kind+", forced", attempts(t, site(t, kind, true), "admin", "surely-wrong", wrong, right), probe.Refused, probe.Refused, probe.Forced)
	}
}

// No bytes of a device make a classifier panic, and nothing is never a sign-in.
func FuzzClassify(f *testing.F) {
	f.Add("form", []byte("HTTP/1.1 401 x\r\n\r\n<form>"), []byte("HTTP/1.1 303 x\r\nLocation: /home\r\n\r\n"), "")
	f.Add("digest", []byte("HTTP/1.1 401 x\r\nWWW-Authenticate: Digest nonce=\"\\\", realm=,x\r\n\r\n"), []byte("HTTP/1.1 200 x\r\n\r\n"), "")
	f.Add("json", []byte("HTTP/1.1 200 x\r\n\r\n{\"ok\":false}"), []byte("HTTP/1.1 200 x\r\n\r\n{\"token\":\"0123456789\"}"), "")
	f.Add("telnet", []byte("Login incorrect"), []byte("\r\n# "), "")
	f.Add("ftp", []byte("530 no\r\n"), []byte("230 yes\r\n"), "")
	f.Add("rtsp", []byte("RTSP/1.0 401 no\r\n\r\n"), []byte("RTSP/1.0 200 OK\r\nContent-Length: -9\r\n\r\n"), "")
	f.Add("mqtt", []byte{0x20, 2, 0, 5}, []byte{0x20, 2, 0, 0}, "")
	f.Add("snmp", []byte(nil), []byte{0x30, 0}, "timeout")
	f.Add("ssh", []byte("USERAUTH_FAILURE"), []byte("USERAUTH_SUCCESS"), "")
	f.Fuzz(func(t *testing.T, kind string, base, recv []byte, word string) {
		for _, e := range registry.Entrances() {
			if e.Kind != kind {
				continue
			}
			b := probe.Record{Recv: base, Error: word}
			if o := e.Classify(b, probe.Record{Error: word}); o == probe.Accepted || o == probe.Forced {
				t.Error("nothing was accepted")
			}
			_ = e.Classify(b, b)
			_ = e.Classify(b, probe.Record{Recv: recv})
		}
		if d := probe.StatedWait(recv); d < 0 {
			t.Errorf("a wait of %v", d)
		}
		_ = probe.SaysForever(recv)
	})
}

// Answers that turn people away are told from refusals.
func TestAnswers(t *testing.T) {
	refusal := map[string]string{"basic": "HTTP/1.1 401 x\r\n\r\n", "digest": "HTTP/1.1 401 x\r\nWWW-Authenticate: Digest nonce=\"1\"\r\n\r\n", "json": "HTTP/1.1 401 x\r\n\r\n{}",
		"form": "HTTP/1.1 200 x\r\n\r\n<form><input type=password name=p></form>", "rtsp": "RTSP/1.0 401 x\r\n\r\n", "mqtt": "\x20\x02\x00\x05", "ftp": "220 x\r\n530 no\r\n", "telnet": "Login incorrect\r\nlogin: "}
	cases := []struct {
		kind, recv, word string
		want             probe.Outcome
	}{
		{"basic", "HTTP/1.1 429 x\r\n\r\n", "", probe.Limited},
		{"basic", "HTTP/1.1 401 x\r\nRetry-After: 30\r\n\r\n", "", probe.Limited},
		{"basic", "HTTP/1.1 500 x\r\n\r\n", "", probe.Unclear},
		{"digest", "HTTP/1.1 423 x\r\n\r\n", "", probe.Limited},
		{"digest", "HTTP/1.1 401 x\r\nWWW-Authenticate: Digest nonce=\"2\", stale=true\r\n\r\n", "", probe.Unclear},
		{"json", "HTTP/1.1 200 x\r\n\r\n{\"error\":\"account locked\"}", "", probe.Limited},
		{"json", "HTTP/1.1 400 x\r\n\r\n{\"error\":\"missing field\"}", "", probe.Unclear},
		{"json", "HTTP/1.1 503 x\r\n\r\n", "", probe.Limited},
		{"form", "HTTP/1.1 200 x\r\n\r\nしばらく待ってください", "", probe.Limited},
		{"form", "HTTP/1.1 302 x\r\nLocation: /login?failed\r\n\r\n", "", probe.Refused},
		{"form", "HTTP/1.1 302 x\r\nLocation: /home\r\n\r\n", "", probe.Accepted},
		{"form", "", "reset", probe.Missed},
		{"rtsp", "RTSP/1.0 453 x\r\n\r\n", "", probe.Limited},
		{"rtsp", "RTSP/1.0 401 x\r\n\r\n", "", probe.Refused},
		{"rtsp", "HTTP/1.1 200 x\r\n\r\n", "", probe.Unclear},
		{"mqtt", "\x20\x03\x00\x97\x00", "", probe.Limited},
		{"mqtt", "\x20\x03\x00\x86\x00", "", probe.Refused},
		{"mqtt", "\x20\x02\x00\x02", "", probe.Unclear},
		{"ftp", "220 x\r\n331 x\r\n421 Too many\r\n", "", probe.Limited},
		{"ftp", "220 x\r\n530 Must use TLS first\r\n", "", probe.Unclear},
		{"ftp", "220 x\r\n331 x\r\n", "", probe.Missed},
		{"telnet", "Account locked, try again in 10 minutes\r\n", "", probe.Limited},
		{"telnet", "", "closed", probe.Missed},
		{"snmp", "", "timeout", probe.Refused},
		{"snmp", "", "refused", probe.Missed},
		{"ssh", "", "closed", probe.Missed},
	}
	for _, c := range cases {
		for _, e := range registry.Entrances() {
			if e.Kind != c.kind {
				continue
			}
			base := probe.Record{Recv: []byte(refusal[c.kind])}
			if got := e.Classify(base, probe.Record{Recv: []byte(c.recv), Error: c.word, Sent: []byte("Authorization: x")}); got != c.want {
				t.Errorf("%s %q %s: %s, want %s", c.kind, c.recv, c.word, got, c.want)
			}
		}
	}
	// JSON answers of status 200, against the refusal of a surely wrong value.
	for _, c := range []struct {
		base, recv string
		want       probe.Outcome
	}{
		{`{"code":-1,"left":4}`, `{"code":-1,"left":3}`, probe.Refused},
		{`{"code":-1,"left":4}`, `{"code":0,"user":"admin"}`, probe.Accepted},
		{`{"code":401}`, `{"code":0}`, probe.Accepted},
		{`{"code":-1}`, `{"code":-7}`, probe.Unclear},
		{`{"error":"bad password"}`, `{"error":null}`, probe.Accepted},
		{`{"error":true}`, `{"error":false,"time":1764000000}`, probe.Accepted},
		{`{"success":false,"time":1764000000}`, `{"success":false,"time":1764000009}`, probe.Refused},
		{`{"success":false}`, `{"success":true}`, probe.Accepted},
		{`{"success":false}`, `{"success":true,"must_change":true}`, probe.Forced},
		{`{"message":"invalid user or password, 4 left"}`, `{"message":"invalid user or password, 3 left"}`, probe.Refused},
		{`{"message":"no"}`, `{"message":"yes"}`, probe.Unclear},
		{`{"message":"no"}`, `{"access_token":"0123456789"}`, probe.Accepted},
	} {
		for _, e := range registry.Entrances() {
			if e.Kind == "json" {
				head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
				if got := e.Classify(probe.Record{Recv: []byte(head + c.base)}, probe.Record{Recv: []byte(head + c.recv)}); got != c.want {
					t.Errorf("%s after %s: %s, want %s", c.recv, c.base, got, c.want)
				}
			}
		}
	}
	for text, want := range map[string]time.Duration{
		"HTTP/1.1 429 x\r\nRetry-After: 90\r\n\r\n":                                                                   90 * time.Second,
		"HTTP/1.1 429 x\r\nRetry-After: soon\r\n\r\ntoo many, 2 hours":                                                2 * time.Hour,
		"HTTP/1.1 503 x\r\nDate: Tue, 01 Dec 2026 04:00:00 GMT\r\nRetry-After: Tue, 01 Dec 2026 04:05:00 GMT\r\n\r\n": 5 * time.Minute,
		"HTTP/1.1 503 x\r\nRetry-After: Tue, 01 Dec 2026 04:05:00 GMT\r\n\r\n":                                        0, // by which clock?
		"RTSP/1.0 401 x\r\nRetry-After: 5\r\n\r\n":                                                                    5 * time.Second,
		"Too many attempts, try again in 10 minutes":                                                                  10 * time.Minute,
		"ロックされました。15 分お待ちください":                                                                                        15 * time.Minute,
		"HTTP/1.1 200 x\r\nX: locked for 9 seconds\r\n\r\nwelcome, 3 minutes ago":                                     0,
		"": 0,
	} {
		if got := probe.StatedWait([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
