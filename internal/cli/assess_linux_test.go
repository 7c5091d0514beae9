package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hoshi/internal/evidence"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/stranger"
)

// The test program is hoshi itself when a test starts it with asHoshi.
const asHoshi = "HOSHI_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	tests := stranger.Watch(m)
	if os.Getenv(asHoshi) == "" {
		os.Exit(tests.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := Main(ctx, os.Args[1:], &Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv})
	stop()
	os.Exit(code)
}

// desk is a terminal with hoshi on it and somebody who reads and types.
type desk struct {
	t    *testing.T
	m    *os.File // the person's side
	cmd  *exec.Cmd
	mu   sync.Mutex
	seen bytes.Buffer
	from int // how far the person has read
}

func sit(t *testing.T, dir string, args ...string) *desk {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	if err := unix.IoctlSetPointerInt(int(m.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(m.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(m.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	s, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, m: m, cmd: exec.Command(exe, args...)}
	d.cmd.Dir, d.cmd.Env = dir, append(os.Environ(), asHoshi+"=1", "HOSHI_LANG=ja")
	d.cmd.Stdin, d.cmd.Stdout, d.cmd.Stderr = s, s, s
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := m.Read(buf)
			d.mu.Lock()
			d.seen.Write(buf[:n])
			d.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return d
}

// read waits until the text stands on the terminal, behind what was read before.
func (d *desk) read(text string) { d.t.Helper(); d.await(text, time.Minute) }

func (d *desk) await(text string, most time.Duration) {
	d.t.Helper()
	for end := time.Now().Add(most); time.Now().Before(end); {
		d.mu.Lock()
		i := strings.Index(d.seen.String()[d.from:], text)
		if i >= 0 {
			d.from += i + len(text)
		}
		d.mu.Unlock()
		if i >= 0 {
			return
		}
		if !probe.Wait(d.t.Context(), 10*time.Millisecond) {
			break
		}
	}
	d.t.Fatalf("%q does not come. On the terminal stands:\n%s", text, d.all())
}

// answer waits for a question and types a line.
func (d *desk) answer(question, line string) {
	d.t.Helper()
	d.read(question)
	if _, err := d.m.WriteString(line + "\n"); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) all() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.String()
}

func (d *desk) exit() int {
	_ = d.cmd.Wait()
	return d.cmd.ProcessState.ExitCode()
}

// A person who knows only "hoshi assess": from the link to the device, the five
// questions with some wrong answers, the test; Ctrl-C in the middle, and on from there.
func TestFirstTime(t *testing.T) {
	p := bed.Profile{Delay: time.Millisecond, Sysctl: map[string]string{"net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_msgs_per_sec": "100000", "net.ipv4.icmp_msgs_burst": "10000"}}
	bed.Run(t, p, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run: loopback is no link to look for devices on
		}
		b.Go(func() (func(), error) {
			l, err := net.Listen("tcp", netip.AddrPortFrom(b.Addr, 80).String())
			if err != nil {
				return nil, err
			}
			s := &http.Server{Handler: http.NotFoundHandler()}
			go func() { _ = s.Serve(l) }()
			return func() { _ = s.Close() }, nil
		})
		b.Await("tcp/80")
		dir := t.TempDir()
		// All answers typed ahead, and gone before the last: nothing is left behind.
		d := sit(t, dir, "assess")
		if _, err := d.m.WriteString("1\nn\n198.18.0.2\ny\nSample / Camera\nC-1\n1.0\n\n"); err != nil {
			t.Fatal(err)
		}
		d.read("5/5 開けておく必要のあるポート")
		if _, err := d.m.WriteString("\x03"); err != nil {
			t.Fatal(err)
		}
		d.read("試験を始めませんでした")
		if code := d.exit(); code != ExitUsage {
			t.Errorf("exit code %d when left", code)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}

		d = sit(t, dir, "assess", "--fast")
		d.answer("どれにつながっていますか", "9")
		d.read("1 から 1 の番号で")
		d.answer("どれにつながっていますか", "")
		d.answer("機器を探しますか", "たぶん")
		d.read("y（はい）か n（いいえ）で")
		d.answer("機器を探しますか", "はい")
		d.read("198.18.0.2")
		d.read("80 (http)")
		d.answer("試験する機器はどれですか", "１") // as a Japanese keyboard gives it
		d.answer("試験の許可を得たもの", "y")
		d.answer("1/5 メーカー名 / 製品名", "見本カメラ")
		d.read("間に「/」を入れて")
		d.answer("1/5 メーカー名 / 製品名", "見本電機 ／ 見本カメラ")
		d.answer("2/5 型式番号", "")
		d.read("空のままでは")
		d.answer("2/5 型式番号", "CAM-1")
		d.answer("3/5 この機器に入っているファームウェアのバージョン", "1.0")
		d.answer("    [admin]", "admin 9")
		d.read("「9」という番号はありません")
		d.answer("    [admin]", "admin 2")
		d.answer("    [80]", "99999 設定画面")
		d.read("「99999」はポートとして")
		d.answer("    [80]", "80 設定画面")
		d.read("product.yaml を作りました")
		d.answer("誤った値でのサインインを", "y")
		d.answer("admin の今のパスワード", "very-secret-value")
		d.answer("あなたにパスワードを変えて", "n")
		d.answer("サインインなしで書き込める", "n")
		d.answer("空いているアドレス", "n")
		d.read("合計")
		d.read("すべての TCP ポート [")
		d.read("tcp/80")
		if _, err := d.m.WriteString("\x03"); err != nil {
			t.Fatal(err)
		}
		d.read("hoshi assess --resume run.hoshi")
		if code := d.exit(); code != ExitStopped {
			t.Errorf("exit code %d after Ctrl-C", code)
		}
		src, err := os.ReadFile(filepath.Join(dir, "product.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		product, err := evidence.ParseProduct("product.yaml", src)
		if err != nil || product.Product.Name.JA != "見本カメラ" || len(product.Ports) != 1 || product.Ports[0].Reason != "設定画面" || product.Accounts[0].Initial != "set-at-first-use" || product.Accounts[0].Secret.Env != firstSecret {
			t.Errorf("%v: %+v", err, product)
		}

		left, _ := filepath.Glob(filepath.Join(dir, ".*"))
		if len(left) > 0 {
			t.Errorf("left over: %v", left)
		}

		// On the next day, with the password in the environment: the test that was
		// stopped is offered before anything else.
		t.Setenv("HOSHI_DEVICE_SECRET", "very-secret-value")
		d = sit(t, dir, "assess")
		d.answer("続きから始めますか", "")
		d.read("の途中まで）を続けます")
		d.await("TCP: 開放 1、閉鎖 65,534、", 5*time.Minute) // on a busy machine the scan goes slowly
		d.read("証跡を run.hoshi に保存しました")
		if code := d.exit(); code > ExitNo {
			t.Errorf("exit code %d:\n%s", code, d.all())
		}
		if s := b.Strays(func(f bed.Frame) bool { return f.Kind == "arp" || f.Proto == 17 && f.DstPort == 9 }); len(s) > 0 {
			t.Errorf("%d frames for others: %v", len(s), s[0])
		}
		if _, err := os.Stat(filepath.Join(dir, "run.hoshi.journal")); err == nil {
			t.Error("the journal is left over")
		}
		// A third time: declaration and evidence are there, and stay as they are. A
		// person who leaves makes no error, and leaves nothing but the answers.
		d = sit(t, dir, "assess", "--fast")
		d.answer("どれにつながっていますか", "")
		d.answer("機器を探しますか", "n")
		d.answer("IP アドレス", "198.18.0.77")
		d.answer("試験の許可を得たもの", "y")
		d.read("198.18.0.77 に機器が見つかりません")
		d.answer("IP アドレス", "http://198.18.0.2/")
		d.answer("試験の許可を得たもの", "y")
		d.answer("product.yaml に「見本カメラ」（型式番号 CAM-1、ファームウェア 1.0）", "n")
		d.answer("[product-2.yaml]", "")
		for _, line := range []string{"A/B", "C", "1", "なし", "80"} {
			d.answer("/5 ", line)
		}
		d.read("product-2.yaml を作りました")
		d.answer("[run-2.hoshi]", "")
		d.read("誤った値でのサインインを")
		if _, err := d.m.WriteString("\x04"); err != nil { // the end of the input
			t.Fatal(err)
		}
		d.read("答えは product-2.yaml に残してあります")
		if code := d.exit(); code != ExitUsage || strings.Contains(d.all(), "エラー") {
			t.Errorf("exit code %d:\n%s", code, d.all())
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		if len(files) != 3 {
			t.Errorf("left over: %v", files)
		}
		for _, f := range files {
			if b, err := os.ReadFile(f); err != nil || bytes.Contains(b, []byte("very-secret")) {
				t.Errorf("%s holds the password, %v", f, err)
			}
		}
	})
}

// A command beside a practice device has the terminal: it asks, shows its picture,
// and Ctrl-C stops it, and its exit code is that of the whole.
func TestPracticeBesideHasTheTerminal(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := sit(t, t.TempDir(), "practice", "run", "--make", "sensor", "--product", "product.yaml", "--", exe, "assess", "127.0.0.1", "--product", "product.yaml")
	d.answer("試験の許可を得たもの", "はい")
	d.answer("誤った値でのサインインを", "n")
	d.answer("サインインなしで書き込める", "n")
	d.read("すべての TCP ポート [")
	d.read("Ctrl-C で止まり")
	if _, err := d.m.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	d.read("hoshi assess --resume run.hoshi")
	if code := d.exit(); code != ExitStopped {
		t.Errorf("exit code %d:\n%s", code, d.all())
	}
	// What the command says by its exit code is passed on, and nothing is added.
	d = sit(t, t.TempDir(), "practice", "run", "--", "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && exit 7")
	if code := d.exit(); code != 7 || strings.TrimSpace(d.all()) != "" {
		t.Errorf("exit code %d:\n%s", code, d.all())
	}
}

const benchProduct = `format: hoshi-product/1
product:
  name: {ja: 見本, en: Sample}
  vendor: {ja: 見本製作所, en: Sample Works}
  models: [S-1]
  firmware: "1"
ports:
  - {port: tcp/80, service: http, reason: settings}
`

// heard keeps what a program says.
type heard struct {
	mu sync.Mutex
	b  strings.Builder
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

// A device on a bench of its own: it gets its address from us, is assessed there
// without a question, and the interface is put back, after Ctrl-C too.
func TestBench(t *testing.T) {
	p := bed.Profile{Bare: true, Sysctl: map[string]string{"net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_msgs_per_sec": "100000", "net.ipv4.icmp_msgs_burst": "10000"}}
	bed.Run(t, p, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run
		}
		dir := t.TempDir()
		script := "#!/bin/sh\ncase $1 in bound|renew) ip addr replace $ip/$mask dev $interface; ip route replace default via $router ;; esac\n"
		for name, text := range map[string]string{"script": script, "product.yaml": benchProduct} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		b.Service("busybox", "udhcpc", "-f", "-i", bed.DeviceInterface, "-s", filepath.Join(dir, "script"), "-t", "20", "-T", "1")
		b.Service("busybox", "httpd", "-f", "-p", "80", "-h", dir)
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), exe, "assess", "bench", bed.Interface, "--product", "product.yaml", "--fast", "--yes", "--notes", t.TempDir())
		c.Dir, c.Env = dir, append(os.Environ(), asHoshi+"=1", "HOSHI_LANG=en")
		said := &heard{}
		c.Stdout, c.Stderr = said, said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		wants := []string{"Connect the device to bed0", "Device under test: 192.168.142.20", "from many sender addresses", "UDP ports"}
		if os.Getenv("HOSHI_SOAK") == "" {
			// All UDP ports take a minute: stop where they begin.
			for end := time.Now().Add(90 * time.Second); time.Now().Before(end) && !strings.Contains(said.String(), "s: UDP ports"); {
				if !probe.Wait(t.Context(), 50*time.Millisecond) {
					break
				}
			}
			_ = c.Process.Signal(os.Interrupt)
			wants = append(wants, "hoshi assess bench bed0 --resume run.hoshi")
		} else {
			wants = append(wants, "TCP: open 1, closed 65,534, silent (filtered) 0, undecided 0")
		}
		err = c.Wait()
		if code := c.ProcessState.ExitCode(); code != ExitStopped && os.Getenv("HOSHI_SOAK") == "" || code > ExitNo && os.Getenv("HOSHI_SOAK") != "" {
			t.Fatalf("exit code %d, %v:\n%s", code, err, said)
		}
		for _, want := range wants {
			if !strings.Contains(said.String(), want) {
				t.Errorf("%q is missing in\n%s", want, said)
			}
		}
		if os.Getenv("HOSHI_SOAK") == "" {
			// What the message says works, and the command for other runs names it.
			run := func(until string, args ...string) (int, string) {
				c := exec.CommandContext(t.Context(), exe, args...)
				c.Dir, c.Env = dir, append(os.Environ(), asHoshi+"=1", "HOSHI_LANG=en")
				said := &heard{}
				c.Stdout, c.Stderr = said, said
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				for end := time.Now().Add(60 * time.Second); until != "" && time.Now().Before(end) && !strings.Contains(said.String(), until); {
					if !probe.Wait(t.Context(), 50*time.Millisecond) {
						break
					}
				}
				if until != "" {
					_ = c.Process.Signal(os.Interrupt)
				}
				_ = c.Wait()
				return c.ProcessState.ExitCode(), said.String()
			}
			if code, text := run("", "assess", "--resume", "run.hoshi"); code != ExitUsage || !strings.Contains(text, "hoshi assess bench INTERFACE --resume run.hoshi") {
				t.Errorf("exit code %d:\n%s", code, text)
			}
			if code, text := run("s: UDP ports", "assess", "bench", bed.Interface, "--resume", "run.hoshi", "--notes", t.TempDir()); code != ExitStopped || !strings.Contains(text, "Going on with the test that was stopped") {
				t.Errorf("exit code %d:\n%s", code, text)
			}
		}
		if s := b.Strays(bed.OnBench(netip.MustParseAddr("192.168.142.20"), netip.MustParsePrefix("fd68:6f73:6869:1::/64"))); len(s) > 0 {
			t.Errorf("%d frames for others: %v", len(s), s[0])
		}
		if left, _ := exec.Command("ip", "addr", "show", "dev", bed.Interface).CombinedOutput(); strings.Contains(string(left), "192.168.142") {
			t.Errorf("the interface was not put back: %s", left)
		}
	})
}
