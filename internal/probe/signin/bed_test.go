package signin

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
)

// second is an address that the tester has on the device's link besides its own.
const second = "198.18.0.77"

// counting is a sign-in form that lets a key of the request try five values.
type counting struct {
	key func(source, user string) string

	mu    sync.Mutex
	wrong map[string]int
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/in" {
		fmt.Fprint(w, form)
		return
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.key(host, r.FormValue("user"))
	switch {
	case c.wrong[k] >= 5:
		w.Header().Set("Retry-After", "600")
		http.Error(w, "later", http.StatusTooManyRequests)
	case r.FormValue("user") == "admin" && r.FormValue("pass") == "of-this-unit-7":
		c.wrong[k] = 0
		http.Redirect(w, r, "/home", http.StatusSeeOther)
	default:
		c.wrong[k]++
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "wrong"+form)
	}
}

// On a wire, from two addresses of the tester that a device can tell apart: a limit
// that holds for a source, for an account, for everybody, and for an account
// when there is no second address.
func TestBedWhomALimitHoldsFor(t *testing.T) {
	t.Parallel()
	bed.Run(t, bed.Profile{Delay: time.Millisecond}, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run; on loopback script_test.go has the cases
		}
		type answer struct{ Scope, Account, Source string }
		account := func(_, user string) string { return user }
		cases := []struct {
			name string
			key  func(source, user string) string
			want answer
		}{
			{"an account, one address", account, answer{"account", "checked", "unknown"}},
			{"an account", account, answer{"account", "checked", "limited"}},
			{"a source", func(source, _ string) string { return source }, answer{"source", "limited", "checked"}},
			{"an account at a source", func(source, user string) string { return source + " " + user }, answer{"source", "checked", "checked"}},
			{"everybody", func(string, string) string { return "" }, answer{"all", "limited", "limited"}},
		}
		var target *probe.Target
		for i, c := range cases {
			port := 8001 + i
			b.Go(func() (func(), error) {
				l, err := net.Listen("tcp", netip.AddrPortFrom(b.Addr, uint16(port)).String())
				if err != nil {
					return nil, err
				}
				s := &http.Server{Handler: &counting{key: c.key, wrong: map[string]int{}}}
				go func() { _ = s.Serve(l) }()
				return func() { _ = s.Close() }, nil
			})
			b.Await(probe.TCP(port))
			if i == 1 {
				if out, err := exec.Command("ip", "addr", "add", second+"/24", "dev", bed.Interface).CombinedOutput(); err != nil {
					t.Fatalf("%v %s", err, out)
				}
			}
			reach := probe.NewNet(b.Addr, nil)
			target = &probe.Target{Addr: b.Addr, Net: reach, Second: reach.Second(), Consents: []probe.Consent{probe.ConsentSignIn}, Pace: probe.Practice(), Rand: rand.Reader,
				Accounts: []probe.Account{{User: "admin", Port: probe.TCP(port), Initial: "unique-per-device", Secret: "of-this-unit-7"}},
				Facts:    fact.Set{probe.Observed("signin.interface", probe.TCP(port)+" form /", map[string]any{"port": probe.TCP(port), "kind": "form", "encrypted": false})}}
			if has := target.Second != nil; has != (i > 0) {
				t.Fatalf("%s: a second address: %v", c.name, has)
			}
			rec := probe.NewRecorder(time.Now, nil)
			if err := all.Run(t.Context(), target, rec); err != nil {
				t.Fatal(err)
			}
			limits := all.Parse(rec.Records(name)).Named("signin.limit")
			if len(limits) != 1 {
				t.Fatalf("%s: %v", c.name, limits)
			}
			v := limits[0].Value
			got := answer{probe.Str(v, "scope"), probe.Str(v, "otherAccount"), probe.Str(v, "otherSource")}
			if d := cmp.Diff(c.want, got); d != "" || !probe.Bool(v, "limited") || !probe.Bool(v, "complete") {
				t.Errorf("a limit for %s (-want +got):\n%s%v", c.name, d, v)
			}
		}
		// The device met both addresses, and nobody else was sent anything.
		from := map[netip.Addr]bool{}
		for _, f := range b.Sent() {
			if f.Dst == b.Addr && f.Proto == 6 {
				from[f.Src] = true
			}
		}
		if d := cmp.Diff(map[netip.Addr]bool{bed.Tester4: true, netip.MustParseAddr(second): true}, from, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); d != "" {
			t.Errorf("source addresses (-want +got):\n%s", d)
		}
		if s := b.Strays(nil); len(s) > 0 {
			t.Errorf("frames for others: %v", s)
		}
	})
}
