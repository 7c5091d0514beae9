package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// box is a web device with one account whose value can be changed.
type box struct {
	mu    sync.Mutex
	pass  string
	asked int
	then  func(asked int) // after each sign-in
}

func (b *box) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Method != "POST" {
		fmt.Fprint(w, form)
		return
	}
	b.asked++
	if b.then != nil {
		b.then(b.asked)
	}
	if r.FormValue("user") == "admin" && r.FormValue("pass") == b.pass {
		http.Redirect(w, r, "/home", http.StatusSeeOther)
		return
	}
	w.WriteHeader(401)
	fmt.Fprint(w, "wrong"+form)
}

func (b *box) set(pass string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass = pass
}

func startBox(t *testing.T, b *box) *probe.Target {
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr("127.0.0.1")
	n := probe.NewNet(addr, nil)
	pace := probe.Fast()
	pace.SignIns, pace.Hold = 6, 80*time.Millisecond
	port := "tcp/" + u.Port()
	return &probe.Target{Addr: addr, Net: n, Second: n.Second(), Consents: []probe.Consent{probe.ConsentSignIn, probe.ConsentChange}, Pace: pace, Rand: rand.Reader,
		Accounts: []probe.Account{{User: "admin", Port: port, Initial: "unique-per-device", Secret: "old-of-this-unit"}},
		Facts:    fact.Set{probe.Observed("signin.interface", port+" form /login", map[string]any{"port": port, "kind": "form", "encrypted": false})}}
}

// The person changes the value to what was proposed; it stands in no record.
func TestPersonChangesValue(t *testing.T) {
	b := &box{pass: "old-of-this-unit"}
	target := startBox(t, b)
	var proposed string
	target.Person = func(_ context.Context, s probe.Step) (string, error) {
		if s.ID != "change-value" {
			t.Errorf("asked for %s", s.ID)
		}
		proposed = s.Args["value"].(string)
		b.set(proposed)
		return "", nil
	}
	rec := probe.NewRecorder(time.Now, nil)
	rec.Secret("old-of-this-unit")
	if err := all.Run(t.Context(), target, rec); err != nil {
		t.Fatal(err)
	}
	facts := all.Parse(rec.Records(name))
	c := facts.Named("signin.change")
	if len(c) != 1 || !probe.Bool(c[0].Value, "oldRefused") || !probe.Bool(c[0].Value, "newAccepted") || !probe.Bool(c[0].Value, "complete") {
		t.Errorf("%v", c)
	}
	text, err := probe.WriteTranscript(rec.Records(name))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rec.Records(name) {
		if s := string(r.Sent) + string(r.Recv) + r.Detail; len(proposed) < 20 || strings.Contains(s, proposed) || strings.Contains(s, url.QueryEscape(proposed)) || strings.Contains(s, "old-of-this-unit") {
			t.Errorf("a value was recorded: %q", s)
		}
	}
	if strings.Contains(string(text), proposed) {
		t.Error("the new value stands in the transcript")
	}
}

// A run that is killed after the change goes on: the person types the new value
// again, and is not asked to change it once more.
func TestResumeAfterChange(t *testing.T) {
	b := &box{pass: "old-of-this-unit"}
	target := startBox(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	changed := 0
	target.Person = func(_ context.Context, s probe.Step) (string, error) {
		changed++
		b.set("typed-by-hand-1")
		b.then = func(n int) {
			if n > 0 {
				cancel()
			}
		}
		return "typed-by-hand-1", nil
	}
	rec := probe.NewRecorder(time.Now, nil)
	if err := all.Run(ctx, target, rec); err != nil || ctx.Err() == nil {
		t.Fatal(err, ctx.Err())
	}
	b.then = nil
	cut := rec.Records(name)
	if f := all.Parse(cut).Named("signin.change"); len(f) > 0 {
		t.Fatalf("already there: %v", f)
	}
	var steps []string
	target.Person = func(_ context.Context, s probe.Step) (string, error) {
		steps = append(steps, s.ID)
		return "typed-by-hand-1", nil
	}
	again := probe.NewRecorder(time.Now, nil)
	again.Resume(time.Now().Add(-time.Minute), cut)
	if err := all.Run(t.Context(), target, again); err != nil {
		t.Fatal(err)
	}
	facts := all.Parse(again.Records(name))
	if c := facts.Named("signin.change"); len(c) != 1 || !probe.Bool(c[0].Value, "complete") {
		t.Errorf("%v", c)
	}
	if changed != 1 || fmt.Sprint(steps) != "[type-value]" {
		t.Errorf("changed %d times, then %v", changed, steps)
	}
	for _, f := range facts {
		if (f.Name == "signin.default" || f.Name == "signin.limit") && !probe.Bool(f.Value, "complete") {
			t.Errorf("%s: %v", f.ID(), f.Value)
		}
	}
	for _, r := range again.Records(name)[len(cut):] {
		if strings.Contains(string(r.Sent)+string(r.Recv), "typed-by-hand-1") {
			t.Error("the new value was recorded")
		}
	}
}

// Without consent to a change, or with nobody there, nothing is changed.
func TestNoChangeUnasked(t *testing.T) {
	for _, nobody := range []bool{true, false} {
		target := startBox(t, &box{pass: "old-of-this-unit"})
		if !nobody {
			target.Consents = target.Consents[:1]
			target.Person = func(context.Context, probe.Step) (string, error) {
				t.Error("the person was asked")
				return "", errors.New("no")
			}
		}
		rec := probe.NewRecorder(time.Now, nil)
		if err := all.Run(t.Context(), target, rec); err != nil {
			t.Fatal(err)
		}
		facts := all.Parse(rec.Records(name))
		if len(facts.Named("signin.change")) > 0 {
			t.Errorf("%v", facts.Named("signin.change"))
		}
		if l := facts.Named("signin.limit"); len(l) != 1 || !probe.Bool(l[0].Value, "complete") || probe.Bool(l[0].Value, "limited") {
			t.Errorf("%v", l)
		}
	}
}
