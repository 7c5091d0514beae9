package assess_test

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/stranger"
)

// scanning begins a run and returns when it is in the middle of the TCP scan.
func scanning(t *testing.T, o assess.Options) (ended chan error) {
	t.Helper()
	begun := make(chan struct{})
	var once sync.Once
	o.Progress = func(e assess.Event) {
		if e.Probe == "tcp" && e.Done > 2000 {
			once.Do(func() { close(begun) })
		}
	}
	ended = make(chan error, 1)
	go func() {
		_, err := assess.Run(t.Context(), o)
		ended <- err
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("ended before the scan: %v", err)
	}
	return ended
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v %s", args, err, out)
	}
}

// noted returns the details of the records of the run with an event.
func noted(t *testing.T, o assess.Options, event string) []string {
	t.Helper()
	past, err := assess.ReadJournal(o.Journal)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range past.Records {
		if r.Probe == assess.RunTranscript && r.Event == event {
			out = append(out, r.Detail)
		}
	}
	return out
}

// A host that is taken to another network while it tests, where the same address
// lies behind a router, ends the run; back in the first one the run goes on, and
// the device is not blamed for anything.
func TestMovedHost(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{Delay: time.Millisecond, Sysctl: quick}, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run
		}
		web(b, 80)
		b.Await("tcp/80")
		o := bedOptions(t, b)
		o.Pace.TCPStart, o.Pace.TCPCap, o.Pace.Down = 5000, 8000, time.Minute
		ended := scanning(t, o)
		ip(t, "addr del 198.18.0.1/24 dev "+bed.Interface)
		ip(t, "addr add 10.66.0.5/24 dev "+bed.Interface)
		ip(t, "route add default via 10.66.0.1")
		wantKey(t, <-ended, "assess.moved")
		if got := strings.Join(noted(t, o, "moved"), " "); got != "route" {
			t.Errorf("the new way is noted as %q", got)
		}
		if got := noted(t, o, "interrupted"); len(got) != 1 || got[0] != "moved" {
			t.Errorf("interrupted %v", got)
		}
		// As long as the host is elsewhere the run does not go on.
		o.Resume = true
		_, err := assess.Run(t.Context(), o)
		wantKey(t, err, "assess.moved")

		ip(t, "route del default")
		ip(t, "addr del 10.66.0.5/24 dev "+bed.Interface)
		ip(t, "addr add 198.18.0.1/24 dev "+bed.Interface)
		run, err := assess.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		stranger.Keep(t, run)
		if f, _ := run.Facts.Get("tcp.coverage", ""); probe.Int(f.Value, "open") != 1 || probe.Int(f.Value, "closed") != 65534 {
			t.Errorf("coverage %v", f.Value)
		}
		if out := run.Facts.Named("device.outage"); len(out) > 0 {
			t.Errorf("the device is said to have been away: %v", out)
		}
		for _, f := range b.Strays(nil) {
			if f.Kind != "arp" || f.About.String() != "10.66.0.1" && !f.About.IsUnspecified() && f.About.String() != "10.66.0.5" {
				t.Errorf("a frame for another: %v", f)
			}
		}
	})
}

// Over IPv6, another device that takes the address without a word is noticed: the
// link is asked again and again who has it.
func TestAnotherDeviceOverIPv6(t *testing.T) {
	t.Parallel()
	silent := map[string]string{"net.ipv6.conf.default.ndisc_notify": "0", "net.ipv6.icmp.ratelimit": "0"}
	bed.Run(t, bed.Profile{Delay: time.Millisecond, IPv6Only: true, Sysctl: silent}, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run
		}
		web(b, 80)
		b.Await("tcp/80")
		o := bedOptions(t, b)
		o.Pace.TCPStart, o.Pace.TCPCap, o.Pace.Down = 5000, 8000, time.Minute
		ended := scanning(t, o)
		b.Replace(200*time.Millisecond, func() { web(b, 80) })
		began := time.Now()
		wantKey(t, <-ended, "assess.another")
		t.Logf("noticed after %v", time.Since(began))
		if got := noted(t, o, "another"); len(got) != 1 || got[0] != "02:00:00:00:00:33" {
			t.Errorf("the other device is recorded as %v", got)
		}
		if s := b.Strays(nil); len(s) > 0 {
			t.Errorf("%d frames for others: %v", len(s), s[0])
		}
	})
}
