package bench

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/label"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
)

// pageBytes is about what a label page is: all fields, 16 criteria.
const pageBytes = 14_000

// BenchmarkLabelPage: a label page as the public side serves it, beside nginx that
// serves the same bytes from the same files. HOSHI_BENCH_PAGES labels are asked for
// in turn, over 32 connections, for HOSHI_BENCH_SECONDS in each of
// HOSHI_BENCH_ROUNDS rounds.
func BenchmarkLabelPage(b *testing.B) {
	for _, need := range [][2]string{{"nginx", "nginx-light"}, {"wrk", "wrk"}} {
		if _, err := exec.LookPath(need[0]); err != nil {
			if _, err := os.Stat("/usr/sbin/" + need[0]); err != nil {
				b.Fatalf("%s is missing: apt-get install %s", need[0], need[1])
			}
		}
	}
	rounds, seconds, n := size(b, "ROUNDS", 5), size(b, "SECONDS", 4), size(b, "PAGES", 2000)
	dir := b.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // nginx's workers are another user
		b.Fatal(err)
	}
	public := filepath.Join(dir, "public")
	if err := os.MkdirAll(filepath.Join(public, "L"), 0o755); err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var paths bytes.Buffer
	body := bytes.Repeat([]byte("<p>ラベルのページ</p>\n"), pageBytes/27)
	for range n {
		id, err := label.NewID(source{r})
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(public, "L", string(id)+".html"), body, 0o644); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&paths, "p[#p+1]=%q\n", "/L/"+string(id))
	}
	script := filepath.Join(dir, "ask.lua")
	lua := "p={}\n" + paths.String() + "i=0\nfunction request() i=i%#p+1 return wrk.format(nil,p[i]) end\n" +
		"function done(s,l) io.write(string.format('RESULT %f %f %f %d\\n', s.requests/s.duration*1e6, l:percentile(50)/1e3, l:percentile(99)/1e3," +
		" s.errors.connect+s.errors.read+s.errors.write+s.errors.status+s.errors.timeout)) end\n"
	if err := os.WriteFile(script, []byte(lua), 0o644); err != nil {
		b.Fatal(err)
	}
	settings, err := scheme.LoadSettings("scheme.yaml", []byte(caseworktest.SettingsYAML))
	if err != nil {
		b.Fatal(err)
	}
	site := &registry.Site{Settings: settings, Dir: public, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: site.Handler()}
	go func() { _ = srv.Serve(l) }() // ends with Close
	b.Cleanup(func() { _ = srv.Close() })
	ours, peer := "http://"+l.Addr().String(), "http://"+nginx(b, dir, public)

	title("label page of %d bytes, %d labels, 32 connections, %d rounds of %d s", len(body), n, rounds, seconds)
	ask := func(base string) (rate, p50, p99 float64) {
		out, err := exec.Command("wrk", "-t1", "-c32", "-d"+strconv.Itoa(seconds)+"s", "-s", script, base).Output()
		m := regexp.MustCompile(`RESULT (\S+) (\S+) (\S+) (\d+)`).FindStringSubmatch(string(out))
		if err != nil || m == nil || m[4] != "0" {
			b.Fatalf("wrk against %s: %v %s", base, err, out)
		}
		rate, _ = strconv.ParseFloat(m[1], 64) // wrk printed them with %f
		p50, _ = strconv.ParseFloat(m[2], 64)
		p99, _ = strconv.ParseFloat(m[3], 64)
		return rate, p50, p99
	}
	ask(ours)
	ask(peer)
	var a, z, ratios, ap, zp []float64
	for range rounds {
		or, _, o99 := ask(ours)
		pr, _, p99 := ask(peer)
		a, z, ratios, ap, zp = append(a, or), append(z, pr), append(ratios, or/pr), append(ap, o99), append(zp, p99)
	}
	line("hoshi %6.0f/s, p99 %5.1f ms (worst round %.1f)", median(a), median(ap), slices.Max(ap))
	line("nginx %6.0f/s, p99 %5.1f ms (worst round %.1f)", median(z), median(zp), slices.Max(zp))
	line("ratio %.2f (%.2f to %.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
}

// nginx serves the folder with the headers that the public side gives; it returns
// its address.
func nginx(b *testing.B, dir, public string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; worker_processes auto; pid %[1]s/nginx.pid; error_log %[1]s/error.log;
events { worker_connections 512; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type "text/html; charset=utf-8";
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen %[2]s; root %[3]s;
    location /L/ { try_files $uri.html =404; add_header Access-Control-Allow-Origin *; add_header X-Content-Type-Options nosniff;
      add_header Cache-Control "public, max-age=60, must-revalidate"; } }
}`, dir, addr, public)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	bin, err := exec.LookPath("nginx")
	if err != nil {
		bin = "/usr/sbin/nginx"
	}
	cmd := exec.Command(bin, "-c", conf)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // how it ends tells nothing
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			return addr
		}
		<-tick.C
	}
	b.Fatal("nginx does not answer")
	return ""
}
