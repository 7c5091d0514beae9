package practice

import (
	"context"
	"crypto/rand"
	"flag"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/evidence"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/stranger"
)

// The test program is also the child process that runs in a namespace.
func TestMain(m *testing.M) {
	tests := stranger.Watch(m)
	if len(os.Args) > 1 && os.Args[1] == "practice-child" {
		var c Child
		fs := flag.NewFlagSet("practice-child", flag.ExitOnError)
		c.Flags(fs)
		_ = fs.Parse(os.Args[2:])
		runtime.GOMAXPROCS(1) // many run side by side
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := ChildMain(ctx, c, fs.Args(), os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	// A device test waits more than it computes, so several a core fit.
	flag.Parse()
	_ = flag.Set("test.parallel", strconv.Itoa(5*runtime.GOMAXPROCS(0)))
	os.Exit(tests.Run())
}

// self starts this test program as a child.
func self(t *testing.T) []string {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{exe, "practice-child"}
}

// assessWith assesses a camera that runs beside this process.
func assessWith(t *testing.T, product []byte) (*evidence.Run, error) {
	t.Helper()
	return assess.Run(t.Context(), assess.Options{Address: "127.0.0.1", ProductFile: "product.yaml", Product: product, Edition: edition(t),
		Tool: "hoshi test", Consents: []probe.Consent{probe.ConsentSignIn}, Pace: probe.Practice(), Now: time.Now, Rand: rand.Reader})
}
