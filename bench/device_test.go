package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hoshi/internal/assess/spare"
	"hoshi/internal/evidence"
	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/stranger"
)

// The device of these figures: real services from Debian packages, on usual ports
// and on unusual ones, some of them mute. [bed.Bed.Truth] says what is really bound.
var devicePorts = []string{"tcp/22", "tcp/23", "tcp/53", "tcp/80", "tcp/199", "tcp/21", "tcp/443", "tcp/1883", "tcp/5000", "tcp/5683", "tcp/6666", "tcp/8080", "tcp/8883",
	"tcp/30005", "tcp/49152", "tcp/54321", "tcp/65535", "udp/53", "udp/67", "udp/69", "udp/161", "udp/1900", "udp/5351", "udp/5353", "udp/5683", "udp/40000", "udp/50000"}

func services(b *testing.B, d *bed.Bed) {
	b.Helper()
	if !d.Isolated {
		b.Fatal("no network namespaces here: these figures need a device on a wire of its own")
	}
	dir := b.TempDir()
	write := func(name, text string) string {
		b.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	for _, p := range []string{"/run/avahi-daemon", "/run/vsftpd/empty", filepath.Join(dir, "www"), filepath.Join(dir, "tftp")} {
		if err := os.MkdirAll(p, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	write("www/index.html", "hello")
	write("tftp/fw.bin", "firmware")
	run := func(name string, args ...string) {
		b.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			b.Fatalf("%s is needed: %v %s", name, err, out)
		}
	}
	rsa, ed, key, crt := filepath.Join(dir, "rsa"), filepath.Join(dir, "ed"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "crt.pem")
	run("dropbearkey", "-t", "rsa", "-s", "2048", "-f", rsa)
	run("dropbearkey", "-t", "ed25519", "-f", ed)
	run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", crt, "-days", "30", "-subj", "/CN=device.test")

	d.Service("/usr/sbin/dropbear", "-F", "-E", "-r", rsa, "-r", ed, "-p", "22", "-p", "30005", "-P", filepath.Join(dir, "dropbear.pid"))
	d.Service("busybox", "telnetd", "-F", "-p", "23", "-l", "/bin/false")
	d.Service("/usr/sbin/vsftpd", write("vsftpd.conf", "listen=YES\nbackground=NO\nanonymous_enable=YES\nsecure_chroot_dir=/run/vsftpd/empty\n"))
	d.Service("/usr/sbin/lighttpd", "-D", "-f", write("lighttpd.conf", fmt.Sprintf("server.document-root=%q\nserver.port=80\nserver.modules=(\"mod_openssl\")\nindex-file.names=(\"index.html\")\n"+
		"$SERVER[\"socket\"]==\":443\" { ssl.engine=\"enable\" ssl.privkey=%q ssl.pemfile=%q }\n", filepath.Join(dir, "www"), key, crt)))
	d.Service("/usr/sbin/mosquitto", "-c", write("mosquitto.conf", fmt.Sprintf("listener 1883\nlistener 8883\ncertfile %s\nkeyfile %s\nallow_anonymous true\nuser root\n", crt, key)))
	d.Service("/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", write("snmpd.conf", "rocommunity public\nsysDescr bench device\nagentaddress udp:161\n"), "-p", filepath.Join(dir, "snmpd.pid"))
	d.Service("/usr/sbin/dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--address=/x.test/192.0.2.9", "--dhcp-range=198.18.200.10,198.18.200.20",
		"--dhcp-leasefile="+filepath.Join(dir, "leases"), "--pid-file="+filepath.Join(dir, "dnsmasq.pid"), "-u", "root")
	d.Service("/usr/sbin/in.tftpd", "-L", "-4", "-a", "0.0.0.0:69", "-s", filepath.Join(dir, "tftp"))
	d.Service("/usr/sbin/avahi-daemon", "--no-chroot", "--no-drop-root", "--no-rlimits", "-f",
		write("avahi.conf", "[server]\nuse-ipv4=yes\nuse-ipv6=no\nenable-dbus=no\nhost-name=benchdevice\n[publish]\npublish-workstation=yes\n"))
	d.Service("/usr/sbin/miniupnpd", "-d", "-f", write("upnp.conf", "ext_ifname=ext0\nlistening_ip="+bed.DeviceInterface+
		"\nhttp_port=5000\nenable_natpmp=yes\nenable_upnp=yes\nuuid=00000000-0000-0000-0000-000000000001\nserial=1\nmodel_number=1\nsystem_uptime=yes\nallow 1024-65535 0.0.0.0/0 1024-65535\n"),
		"-P", filepath.Join(dir, "upnp.pid"))
	d.Service("coap-server-notls", "-A", "0.0.0.0", "-p", "5683")
	for _, p := range []string{"8080", "49152"} {
		d.Service("busybox", "httpd", "-f", "-p", p, "-h", filepath.Join(dir, "www"))
	}
	for _, p := range []string{"54321", "65535"} {
		d.Service("socat", "TCP-LISTEN:"+p+",fork,reuseaddr", "EXEC:cat")
	}
	d.Service("socat", "TCP-LISTEN:6666,fork,reuseaddr", "EXEC:sleep 30")
	d.Service("socat", "UDP-RECVFROM:40000,fork", "EXEC:cat")
	d.Service("socat", "-u", "UDP-RECV:50000", "OPEN:/dev/null")
	d.Await(devicePorts...)
}

// truth is what is bound on the device for one transport. A multicast daemon may
// bind a port for its own questions at any time; that one is no service.
func truth(d *bed.Bed, transport string) []string {
	var out []string
	for _, p := range d.Truth() {
		if strings.HasPrefix(p, transport+"/") {
			out = append(out, p)
		}
	}
	return out
}

// compared says how many of the truth were found and what was missed or invented.
func compared(found, want []string) string {
	var missed, invented []string
	for _, p := range want {
		if !slices.Contains(found, p) {
			missed = append(missed, p)
		}
	}
	for _, p := range found {
		if !slices.Contains(want, p) {
			invented = append(invented, p)
		}
	}
	return fmt.Sprintf("%d of %d, missed %v, invented %v", len(want)-len(missed), len(want), missed, invented)
}

// measured is one run of one way.
type measured struct {
	took           time.Duration
	found          []string
	sent           int           // frames to the device
	peak           int           // most frames within one second
	hung           int           // frames that met a device that hung
	above, refused time.Duration // longest times on end above what the device takes, and refused by it
	note           string
}

// way is one tool, or one of our own probes, doing a job.
type way struct {
	name   string
	rounds int
	run    func(b *testing.B, d *bed.Bed) measured
}

// race runs the ways in turns and prints a line for each.
func race(b *testing.B, name string, p bed.Profile, prepare func(*testing.B, *bed.Bed), transport string, ways []way) {
	b.Run(name, func(b *testing.B) {
		bed.Run(b, p, func(b *testing.B, d *bed.Bed) {
			services(b, d)
			if prepare != nil {
				prepare(b, d)
			}
			want := truth(d, transport)
			title("%s: device with %d open %s ports", name, len(want), transport)
			all := make([][]measured, len(ways))
			most := 0
			for _, w := range ways {
				most = max(most, w.rounds)
			}
			for round := range most {
				for i, w := range ways {
					if round >= w.rounds {
						continue
					}
					awake(b, d)
					before := d.ToDevice()
					m := w.run(b, d)
					after := d.ToDevice()
					m.sent, m.hung, m.peak = after.In-before.In, after.Hung-before.Hung, after.Peak
					if p.Rate > 0 {
						frames := d.Sent()[before.In:after.In]
						m.above, m.refused = bed.Above(frames, p.Rate), bed.Refusing(frames)
					}
					all[i] = append(all[i], m)
				}
			}
			for i, w := range ways {
				var took []time.Duration
				for _, m := range all[i] {
					took = append(took, m.took)
				}
				m := all[i][len(all[i])-1]
				if p.Rate > 0 {
					for _, x := range all[i] {
						m.note = fmt.Sprintf("%s; above %.0f packets/s for %.2f s on end, refused for %.2f s", m.note, p.Rate, x.above.Seconds(), x.refused.Seconds())
					}
				}
				line("%-34s %8.2f s (%.2f to %.2f, %d runs) %7d frames, %d met a hang; %s %s", w.name, median(took).Seconds(), slices.Min(took).Seconds(),
					slices.Max(took).Seconds(), len(took), m.sent, m.hung, compared(m.found, want), m.note)
			}
		})
	})
}

// awake waits until the device answers: a tool before may have left it hanging.
func awake(b *testing.B, d *bed.Bed) {
	b.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if c, err := net.DialTimeout("tcp", net.JoinHostPort(d.Addr.String(), "80"), time.Second); err == nil {
			_ = c.Close()
			return
		}
	}
	b.Fatal("the device does not wake up")
}

// target is the device as a run sees it.
func target(d *bed.Bed, pace probe.Pace) *probe.Target {
	return &probe.Target{Addr: d.Addr, Net: probe.NewNet(d.Addr, nil), Network: probe.ModeRemote, Pace: pace, Rand: rand.Reader}
}

// one runs one of our probes and returns its facts.
func one(b *testing.B, name string, t *probe.Target) (fact.Set, []probe.Record, time.Duration) {
	b.Helper()
	i := slices.IndexFunc(registry.Probes, func(p probe.Probe) bool { return p.Name == name })
	if i < 0 {
		b.Fatalf("no probe %s", name)
	}
	rec := probe.NewRecorder(time.Now, nil)
	start := time.Now()
	if err := registry.Probes[i].Run(b.Context(), t, rec); err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	return registry.Probes[i].Parse(rec.Records(name)), rec.Records(name), took
}

func subjects(s fact.Set, name string) []string {
	var out []string
	for _, f := range s.Named(name) {
		out = append(out, f.Subject)
	}
	return out
}

func coverage(s fact.Set, name string) string {
	f, ok := s.Get(name, "")
	if !ok {
		return "no coverage"
	}
	j, _ := json.Marshal(f.Value)
	return string(j)
}

func ours(name, probeName string, pace probe.Pace, rounds int, senders probe.Senders) way {
	return way{name, rounds, func(b *testing.B, d *bed.Bed) measured {
		t := target(d, pace)
		t.Senders = senders
		facts, records, took := one(b, probeName, t)
		m := measured{took: took, found: subjects(facts, probeName+".open"), note: fmt.Sprintf("%s; %d outages", coverage(facts, probeName+".coverage"), len(facts.Named("device.outage")))}
		if probeName == "udp" {
			m.note += fmt.Sprintf(", of the time %.1f s to ask what is there", questions(records).length().Seconds())
		}
		return m
	}}
}

var openPort = regexp.MustCompile(`(?m)^(\d+)/(tcp|udp)\s+open(?:\s|$)`)

// nmap runs it with the arguments; limit ends it, and what it said by then counts.
func nmap(name string, rounds int, limit time.Duration, args ...string) way {
	return way{name, rounds, func(b *testing.B, d *bed.Bed) measured {
		b.Helper()
		ctx, cancel := context.WithTimeout(b.Context(), limit)
		defer cancel()
		start := time.Now()
		out, err := exec.CommandContext(ctx, "nmap", append(append([]string{"-n", "-Pn"}, args...), d.Addr.String())...).CombinedOutput()
		m := measured{took: time.Since(start)}
		if ctx.Err() != nil {
			m.note = "stopped at the limit"
		} else if err != nil {
			b.Fatalf("nmap is needed: %v %s", err, out)
		}
		for _, x := range openPort.FindAllStringSubmatch(string(out), -1) {
			m.found = append(m.found, x[2]+"/"+x[1])
		}
		return m
	}}
}

// BenchmarkDeviceTCP: all 65,535 TCP ports of devices of several kinds, beside nmap.
func BenchmarkDeviceTCP(b *testing.B) {
	n := size(b, "ROUNDS", 3)
	none := probe.Senders{}
	limit := time.Duration(size(b, "LIMIT", 600)) * time.Second
	race(b, "healthy", bed.Profile{}, nil, "tcp", []way{
		ours("hoshi --fast", "tcp", probe.Fast(), n, none), nmap("nmap -sS -p-", n, limit, "-sS", "-p-"), ours("hoshi, careful default", "tcp", probe.Careful(), n, none)})
	race(b, "hangs above 2000 packets a second", bed.Profile{Delay: time.Millisecond, HangAbove: 2000, HangFor: 20 * time.Second}, nil, "tcp", []way{
		ours("hoshi, careful default", "tcp", probe.Careful(), n, none), nmap("nmap -sT -T5 --min-rate 1000 -p-", n, limit, "-sT", "-T5", "--min-rate", "1000", "-p-"),
		nmap("nmap -sS -T3 -p-", n, limit, "-sS", "-p-")})
	race(b, "takes 500 packets a second", bed.Profile{Delay: time.Millisecond, Rate: 500, Burst: 32}, nil, "tcp", []way{
		ours("hoshi, careful default", "tcp", probe.Careful(), n, none), nmap("nmap -sT -T5 --min-rate 1000 -p-", n, limit, "-sT", "-T5", "--min-rate", "1000", "-p-"),
		nmap("nmap -sS -T3 -p-", n, limit, "-sS", "-p-")})
	race(b, "everything else filtered", bed.Profile{Only: devicePorts}, nil, "tcp", []way{
		ours("hoshi --fast", "tcp", probe.Fast(), n, none), nmap("nmap -sS -p-", n, limit, "-sS", "-p-"), nmap("nmap -sS -T4 -p-", n, limit, "-sS", "-T4", "-p-")})
}

// BenchmarkDeviceUDP: all 65,535 UDP ports from a pool of senders, beside nmap's fast mode.
func BenchmarkDeviceUDP(b *testing.B) {
	limit := time.Duration(size(b, "LIMIT", 600)) * time.Second
	n := size(b, "ROUNDS", 3)
	pool := probe.Senders{Routed: netip.MustParsePrefix("198.19.0.0/16")}
	race(b, "all UDP ports", bed.Profile{}, nil, "udp", []way{
		ours("hoshi, pool, careful default", "udp", probe.Careful(), n, pool),
		nmap("nmap -sU --defeat-icmp-ratelimit -T4", n, limit, "-sU", "-p-", "--defeat-icmp-ratelimit", "-T4"),
		nmap("nmap -sU -p- (stopped)", n, 60*time.Second, "-sU", "-p-")})
}

// BenchmarkDeviceUDPBorrowed: the same of a device that stays where it is, from
// addresses of its link that nobody has.
func BenchmarkDeviceUDPBorrowed(b *testing.B) {
	race(b, "all UDP ports, borrowed addresses", bed.Profile{}, nil, "udp", []way{{"hoshi, free addresses, careful", 1, func(b *testing.B, d *bed.Bed) measured {
		start := time.Now()
		free, err := spare.Find(b.Context(), d.Addr, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		looked := time.Since(start)
		m := ours("", "udp", probe.Careful(), 1, probe.Senders{OnLink: free}).run(b, d)
		m.note = fmt.Sprintf("%s; %d addresses, found in %.1f s", m.note, len(free), looked.Seconds())
		return m
	}}})
}

// BenchmarkDeviceTLS: versions, suites and certificates of two ports, beside sslscan
// and testssl.sh.
func BenchmarkDeviceTLS(b *testing.B) {
	bed.Run(b, bed.Profile{}, func(b *testing.B, d *bed.Bed) {
		services(b, d)
		title("TLS of two ports")
		t := target(d, probe.Careful())
		for _, p := range []string{"tcp/443", "tcp/8883"} {
			t.Facts = append(t.Facts, probe.Observed("tcp.open", p, true),
				probe.Observed("service.protocol", p, map[string]any{"protocol": "other", "tls": true, "software": "", "understood": true}))
		}
		var own, scan []time.Duration
		suites := 0
		for range size(b, "ROUNDS", 3) {
			facts, _, took := one(b, "tls", t)
			own = append(own, took)
			suites = 0
			for _, f := range facts.Named("tls.suite") {
				m, _ := f.Value.(map[string]any)
				list, _ := m["suites"].([]any)
				suites += len(list)
			}
			start := time.Now()
			for _, p := range []string{"443", "8883"} {
				if out, err := exec.Command("sslscan", "--no-colour", d.Addr.String()+":"+p).CombinedOutput(); err != nil {
					b.Fatalf("sslscan is needed: %v %s", err, out)
				}
			}
			scan = append(scan, time.Since(start))
		}
		var testssl []time.Duration
		for range size(b, "ROUNDS", 3) {
			start := time.Now()
			for _, p := range []string{"443", "8883"} {
				out, _ := exec.Command("testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", d.Addr.String()+":"+p).CombinedOutput() // its exit code counts findings
				if !strings.Contains(string(out), "Testing server") && !strings.Contains(string(out), "Testing protocols") {
					b.Fatalf("testssl.sh is needed: %s", out)
				}
			}
			testssl = append(testssl, time.Since(start))
		}
		line("hoshi tls, careful default  %.3f s (%.3f to %.3f), %d suites", median(own).Seconds(), slices.Min(own).Seconds(), slices.Max(own).Seconds(), suites)
		line("sslscan                     %.2f s, ratio %.2f", median(scan).Seconds(), float64(median(own))/float64(median(scan)))
		line("testssl.sh                  %.1f s, ratio %.4f", median(testssl).Seconds(), float64(median(own))/float64(median(testssl)))
	})
}

// BenchmarkDeviceWhole: the whole unattended network part as a person starts it,
// with its memory, beside what identification alone takes nmap.
func BenchmarkDeviceWhole(b *testing.B) {
	bed.Run(b, bed.Profile{}, func(b *testing.B, d *bed.Bed) {
		services(b, d)
		dir := b.TempDir()
		hoshi, product := filepath.Join(dir, "hoshi"), filepath.Join(dir, "product.yaml")
		if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", hoshi, "../cmd/hoshi").CombinedOutput(); err != nil {
			b.Fatalf("%v %s", err, out)
		}
		if st, err := os.Stat(hoshi); err == nil {
			title("the whole network part; the program has %.1f MB", float64(st.Size())/1e6)
		}
		if err := os.WriteFile(product, []byte("format: hoshi-product/1\nproduct:\n  name: {ja: 計測用, en: Bench}\n  vendor: {ja: 計測, en: Bench}\n  models: [B-1]\n  firmware: \"1\"\n"), 0o600); err != nil {
			b.Fatal(err)
		}
		rounds := size(b, "ROUNDS", 3)
		for turn := range 2 * rounds {
			w := [][]string{{"--fast"}, {}}[turn%2]
			out := filepath.Join(dir, fmt.Sprint("run", turn, ".hoshi"))
			before := d.ToDevice()
			cmd := exec.Command(hoshi, append([]string{"assess", d.Addr.String(), "--product", product, "--yes", "-o", out}, w...)...)
			var text bytes.Buffer
			cmd.Stdout, cmd.Stderr = &text, &text
			start := time.Now()
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			over := make(chan struct{})
			peak := memory(b.Context(), hoshi, over)
			err := cmd.Wait()
			close(over)
			took := time.Since(start)
			if err != nil && cmd.ProcessState.ExitCode() != 1 {
				b.Fatalf("%v %s", err, text.String())
			}
			line("hoshi assess %-8s %.1f s, %d MB, %d frames", strings.Join(w, " "), took.Seconds(), <-peak/1024, d.ToDevice().In-before.In)
			parts(b, out)
			line("  TCP: %s", compared(facts(b, out, "tcp.open"), truth(d, "tcp")))
		}
		stranger.KeepFiles(b, dir)
		var ports []string
		for _, p := range truth(d, "tcp") {
			ports = append(ports, strings.TrimPrefix(p, "tcp/"))
		}
		var took []time.Duration
		for range rounds {
			took = append(took, nmap("", 1, 10*time.Minute, "-sS", "-sV", "-p", strings.Join(ports, ",")).run(b, d).took)
		}
		line("nmap -sV of the %d open TCP ports alone %.1f s (%.1f to %.1f)", len(ports), median(took).Seconds(), slices.Min(took).Seconds(), slices.Max(took).Seconds())
	})
}

// memory follows the most memory that a process of the program held, in kB, until
// over is closed. It is read where the process is seen from outside: what the system
// tells the parent afterwards counts the parent's own memory too.
func memory(ctx context.Context, program string, over <-chan struct{}) <-chan int {
	most := make(chan int, 1)
	go func() {
		kB := 0
		for {
			all, _ := filepath.Glob("/proc/[0-9]*/exe")
			for _, exe := range all {
				if at, err := os.Readlink(exe); err != nil || at != program {
					continue
				}
				status, _ := os.ReadFile(filepath.Join(filepath.Dir(exe), "status"))
				if m := highWater.FindSubmatch(status); m != nil {
					n, _ := strconv.Atoi(string(m[1]))
					kB = max(kB, n)
				}
			}
			select {
			case <-over:
				most <- kB
				return
			default:
				probe.Wait(ctx, 50*time.Millisecond)
			}
		}
	}()
	return most
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// opened reads a bundle.
func opened(b *testing.B, path string) *evidence.Bundle {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	limits := evidence.DefaultLimits()
	limits.AllowUnsigned = true
	bundle, err := evidence.Open(f, limits)
	if err != nil {
		b.Fatal(err)
	}
	return bundle
}

func facts(b *testing.B, path, name string) []string {
	b.Helper()
	return subjects(opened(b, path).Facts, name)
}

// parts prints how long each probe took, and how long it took to tell what is on
// all open ports: the questions over UDP, those over TCP, and the further ones of
// each protocol.
func parts(b *testing.B, path string) {
	b.Helper()
	t := opened(b, path).Transcripts
	var out []string
	var identify span
	for _, r := range t["run"] {
		if r.Event != "end" {
			continue
		}
		if r.Took >= 100 {
			out = append(out, fmt.Sprintf("%s %.1f s", r.Item, float64(r.Took)/1000))
		}
		i := slices.IndexFunc(registry.Probes, func(p probe.Probe) bool { return p.Name == r.Item })
		if i >= 0 && registry.Probes[i].Stage >= 3 && registry.Probes[i].Stage <= 5 {
			identify.add(r)
		}
	}
	asked := questions(t["udp"])
	line("  of which %s", strings.Join(out, ", "))
	line("  identification of all open ports: %.1f s, of which %.1f s over UDP before", (asked.length() + identify.length()).Seconds(), asked.length().Seconds())
}

// questions is when the UDP scan asked in the protocols of services.
func questions(udp []probe.Record) (s span) {
	for _, r := range udp {
		if r.Event == "asked" {
			s.add(r)
		}
	}
	return s
}

// span is from the start of the first record to the end of the last.
type span struct {
	from, to int64
	any      bool
}

func (s *span) add(r probe.Record) {
	if !s.any || r.At < s.from {
		s.from = r.At
	}
	s.to, s.any = max(s.to, r.At+r.Took), true
}

func (s span) length() time.Duration { return time.Duration(s.to-s.from) * time.Millisecond }
