package bench

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hoshi/internal/evidence"
	"hoshi/internal/practice"
)

// BenchmarkAssess: hoshi assess of the practice camera, everything it does, beside
// nmap's port scan and service detection, in the same namespace; HOSHI_BENCH_ROUNDS
// times each. The program is built first.
func BenchmarkAssess(b *testing.B) {
	if _, err := exec.LookPath("nmap"); err != nil {
		b.Fatal("nmap is missing: apt-get install nmap")
	}
	dir := b.TempDir()
	hoshi := filepath.Join(dir, "hoshi")
	if out, err := exec.Command("go", "build", "-o", hoshi, "../cmd/hoshi").CombinedOutput(); err != nil {
		b.Fatalf("%v %s", err, out)
	}
	product, run, scan := filepath.Join(dir, "product.yaml"), filepath.Join(dir, "run.hoshi"), filepath.Join(dir, "nmap.xml")
	beside := func(command string) time.Duration {
		marked := fmt.Sprintf(`t=$(date +%%s%%N); %s; code=$?; echo took $(( $(date +%%s%%N) - t )) $code`, command)
		var out, errs strings.Builder
		own, err := practice.Beside(b.Context(), practice.BesideOptions{Self: []string{hoshi, "practice", "child"}, Product: product,
			Command: []string{"bash", "-c", marked}, Stdout: &out, Stderr: &errs})
		var ns int64
		code := -1
		if i := strings.LastIndex(out.String(), "took "); i >= 0 {
			_, _ = fmt.Sscanf(out.String()[i:], "took %d %d", &ns, &code) // checked by the code
		}
		if err != nil || code > 1 || code < 0 {
			b.Fatalf("%s: %v (exit %d) %s %s", command, err, code, out.String(), errs.String())
		}
		if !own {
			b.Fatal("no namespace of its own is possible here; the host's listeners would be measured")
		}
		return time.Duration(ns)
	}
	ways := []struct{ name, command string }{
		{"hoshi assess, careful", fmt.Sprintf("%s assess 127.0.0.1 --product %s --consent signin --yes -o %s", hoshi, product, run)},
		{"hoshi assess --fast", fmt.Sprintf("%s assess 127.0.0.1 --product %s --consent signin --yes --pace fast -o %s", hoshi, product, run)},
		{"nmap -p-", "nmap -n -Pn -sT -p- -oX " + scan + " 127.0.0.1 >/dev/null"},
		{"nmap -p- -sV", "nmap -n -Pn -sT -p- -sV -oX " + scan + " 127.0.0.1 >/dev/null"},
	}
	rounds := size(b, "ROUNDS", 3)
	times := make([][]time.Duration, len(ways))
	title("assessing the practice camera, %d rounds", rounds)
	for range rounds {
		for i, w := range ways {
			times[i] = append(times[i], beside(w.command))
		}
	}
	peer := median(times[len(ways)-1])
	for i, w := range ways {
		line("%-24s %6.1f s (%.1f to %.1f), ratio to the last %.2f", w.name, median(times[i]).Seconds(), slices.Min(times[i]).Seconds(),
			slices.Max(times[i]).Seconds(), float64(median(times[i]))/float64(peer))
	}
	line("open TCP ports: hoshi %v, nmap %v", assessed(b, run), scanned(b, scan))
}

func assessed(b *testing.B, path string) []string {
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
	var out []string
	for _, f := range bundle.Run.Facts {
		if port, tcp := strings.CutPrefix(f.Subject, "tcp/"); tcp && f.Name == "tcp.open" && f.Value == true {
			out = append(out, port)
		}
	}
	return out
}

func scanned(b *testing.B, path string) []string {
	b.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	var doc struct {
		Ports []struct {
			ID    string `xml:"portid,attr"`
			State struct {
				Is string `xml:"state,attr"`
			} `xml:"state"`
		} `xml:"host>ports>port"`
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, p := range doc.Ports {
		if p.State.Is == "open" {
			out = append(out, p.ID)
		}
	}
	return out
}
