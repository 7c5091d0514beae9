package practice

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/probe"
)

// beside runs a command of this test program or of the system next to a camera.
func beside(t *testing.T, flaws []string, command ...string) (out string, isolated bool) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	isolated, err := Beside(t.Context(), BesideOptions{Self: self(t), Flaws: flaws, Product: filepath.Join(t.TempDir(), "product.yaml"),
		Command: command, Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", command, err, stdout.String(), stderr.String())
	}
	return stdout.String(), isolated
}

// nmap and Hoshi find the same open TCP ports on the same device.
func TestSamePortsAsNmap(t *testing.T) {
	flaws := []string{"telnet", "debug-port"}
	nmap, err := exec.LookPath("nmap")
	if err != nil {
		t.Fatal("nmap is needed:", err)
	}
	res := assessed(t, AssessOptions{Flaws: flaws})
	if res.Mixed {
		t.Log("no namespace here: comparing on this host's loopback instead")
	}
	var ours []int
	for _, f := range res.Run.Facts.Named("tcp.open") {
		ours = append(ours, probe.PortNumber(f.Subject))
	}
	slices.Sort(ours)
	out, isolated := beside(t, flaws, nmap, "-sT", "-Pn", "-n", "-p-", "-T4", "127.0.0.1")
	var theirs []int
	for _, m := range regexp.MustCompile(`(?m)^(\d+)/tcp\s+open\b`).FindAllStringSubmatch(out, -1) {
		n, _ := strconv.Atoi(m[1])
		theirs = append(theirs, n)
	}
	if !isolated { // the camera's ports are other ones in each run; compare the number
		if len(ours) != len(theirs) {
			t.Errorf("ours %v, nmap %v", ours, theirs)
		}
		return
	}
	if d := cmp.Diff(theirs, ours); d != "" {
		t.Errorf("open TCP ports (-nmap +hoshi):\n%s", d)
	}
	if d := cmp.Diff([]int{22, 23, 80, 322, 443, 48101}, ours); d != "" {
		t.Errorf("the camera's ports (-want +got):\n%s", d)
	}
}

// Where the system gives no namespace the run says that listeners of the host
// are mixed in. The test runs that case inside a namespace, so that it meets
// nothing of the real host.
func TestSharedHostIsAFact(t *testing.T) {
	if out := os.Getenv("HOSHI_TEST_SHARED"); out != "" {
		res := assessed(t, AssessOptions{Shared: true})
		b, err := json.Marshal(res.Run.Facts)
		if err == nil {
			err = os.WriteFile(out, b, 0o600)
		}
		if err != nil || !res.Mixed {
			t.Fatal(err, "mixed:", res.Mixed)
		}
		return
	}
	out := filepath.Join(t.TempDir(), "facts.json")
	t.Setenv("HOSHI_TEST_SHARED", out)
	exe := self(t)[0]
	if _, isolated := beside(t, nil, exe, "-test.run=^TestSharedHostIsAFact$"); !isolated {
		t.Log("no namespace here: the case ran on this host's loopback")
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `{"name":"host.mixed","value":true`) {
		t.Errorf("host.mixed is not true: %s", b)
	}
	// The other camera's port 80 beside ours is there and not filtered away.
	if !strings.Contains(string(b), `{"name":"tcp.open","subject":"tcp/80"`) {
		t.Error("a listener of the host was filtered away")
	}
}

// The password of a device and what it gives to those who sign in are in no byte
// of the bundle.
func TestNoSecretInBundle(t *testing.T) {
	token := regexp.MustCompile(`"token":"[0-9a-f]|Bearer [0-9a-f]`)
	dir := t.TempDir()
	exe := self(t)[0]
	if os.Getenv("HOSHI_TEST_SECRET") != "" {
		secret := os.Getenv(SecretEnv)
		if len(secret) < 10 {
			t.Fatal("no secret given")
		}
		src, err := os.ReadFile(os.Getenv("HOSHI_TEST_SECRET"))
		if err != nil {
			t.Fatal(err)
		}
		run, err := assessWith(t, src)
		if err != nil {
			t.Fatal(err)
		}
		doors := run.Facts.Named("signin.default")
		if len(doors) == 0 {
			t.Error("no door was tried")
		}
		for _, f := range doors {
			if !probe.Bool(f.Value, "complete") {
				t.Error("the secret was not used as a control:", f)
			}
		}
		for name, rs := range run.Transcripts {
			for _, r := range rs {
				for _, b := range [][]byte{r.Sent, r.Recv, []byte(r.Detail), []byte(r.Item)} {
					if token.Match(b) {
						t.Errorf("%s holds a token", name)
					}
					if bytes.Contains(b, []byte(secret)) {
						t.Errorf("%s holds the password", name)
					}
					if i := bytes.Index(b, []byte("session=")); i >= 0 && !bytes.HasPrefix(b[i:], []byte("session="+probe.Mask)) {
						t.Errorf("%s holds a session", name)
					}
				}
			}
		}
		var sealed bytes.Buffer
		if err := evidence.Seal(&sealed, *run, nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	product := filepath.Join(dir, "product.yaml")
	t.Setenv("HOSHI_TEST_SECRET", product)
	for _, device := range []string{MakeCamera, MakeGateway} {
		var out bytes.Buffer
		if _, err := Beside(t.Context(), BesideOptions{Self: self(t), Make: device, Product: product, Command: []string{exe, "-test.run=^TestNoSecretInBundle$"}, Stdout: &out, Stderr: &out}); err != nil {
			t.Fatalf("%s: %v\n%s", device, err, out.String())
		}
	}
}

// Two flaws at once: the second form is locked by what the first entrance counted. The
// verdict says what happened, for how long, and what to do.
func TestLockOfAnotherEntranceIsSaid(t *testing.T) {
	t.Parallel()
	res := assessed(t, AssessOptions{Make: MakeCamera, Flaws: []string{"telnet", "plain-http"}})
	for _, v := range res.Run.Verdicts {
		switch v.Criterion {
		case "S1.1-02":
			if v.Rule != "R-02-8" || !strings.Contains(v.Seen.EN, "form /login") || !regexp.MustCompile(`待ち時間（秒）: (29\d|300|301)`).MatchString(v.Seen.JA) || !strings.Contains(v.Now.JA, "待ってから") {
				t.Errorf("%s %s: %s %s", v.Criterion, v.Rule, v.Seen.JA, v.Now.JA)
			}
		case "S1.1-04":
			if v.Outcome != criteria.Conforms || v.Rule != "R-04-7" {
				t.Errorf("%s %s %s: %s", v.Criterion, v.Outcome, v.Rule, v.Seen.JA)
			}
		}
	}
}
