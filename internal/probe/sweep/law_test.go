package sweep

import (
	"flag"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hoshi/internal/probe"
)

// drawDevice draws a device and says which ports it must be found to have open.
func drawDevice(t *rapid.T) *device {
	d := &device{open: map[int]bool{}, rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "luck"), 1))}
	for _, p := range rapid.SliceOfN(rapid.IntRange(1, 65535), 1, 30).Draw(t, "open") {
		d.open[p] = true
	}
	d.rtt = time.Duration(rapid.IntRange(100, 80000).Draw(t, "rtt µs")) * time.Microsecond
	if rapid.Bool().Draw(t, "limited") {
		d.limit, d.burst = float64(rapid.IntRange(300, 3000).Draw(t, "limit")), float64(rapid.IntRange(8, 64).Draw(t, "burst"))
	}
	if rapid.Bool().Draw(t, "lossy") {
		d.loss = float64(rapid.IntRange(1, 20).Draw(t, "loss ‰")) / 1000
	}
	if rapid.Bool().Draw(t, "hangs") {
		d.hang, d.dead = rapid.IntRange(500, 3000).Draw(t, "hangs above"), time.Duration(rapid.IntRange(2, 60).Draw(t, "for"))*time.Second
		if rapid.Bool().Draw(t, "reboots") {
			d.boot = time.Duration(rapid.IntRange(0, 8).Draw(t, "boots")) * time.Second
		}
	}
	if rapid.Bool().Draw(t, "busy host") {
		d.late = time.Duration(rapid.IntRange(1, 60).Draw(t, "late ms")) * time.Millisecond
	}
	if rapid.Bool().Draw(t, "host stands still") {
		d.frozen, d.every = true, time.Duration(rapid.IntRange(2, 20).Draw(t, "every s"))*time.Second
		d.still = time.Duration(rapid.IntRange(50, 900).Draw(t, "still ms")) * time.Millisecond
	}
	if rapid.Bool().Draw(t, "fits and starts") {
		d.jerky = time.Duration(rapid.IntRange(1, 40).Draw(t, "jerky ms")) * time.Millisecond
	}
	switch rapid.IntRange(0, 2).Draw(t, "filter") {
	case 1:
		d.silent = func(int) bool { return true }
	case 2:
		from := rapid.IntRange(1, 60000).Draw(t, "silent from")
		d.silent = func(p int) bool { return p >= from && p < from+3000 }
	}
	return d
}

// Whatever the device: no port is missed, none invented, and every port ends in a
// state. The careful pace keeps its cap.
func TestNothingMissedNothingInvented(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDevice(t)
		c := careful
		if rapid.Bool().Draw(t, "fast") {
			c = fast
		}
		took, events := simulate(New(with(c, rapid.Uint64().Draw(t, "seed"))), d, 0, 6*time.Hour)
		if took >= 6*time.Hour {
			t.Fatal("it does not end")
		}
		// Nobody vouches for silence when the sweep gave up, or when nothing ever answered.
		gaveUp := count(events, "gave-up") > 0 || count(events, "open")+count(events, "closed") == 0
		state := outcome(events)
		for p := 1; p < 65536; p++ {
			silent := d.silent != nil && d.silent(p)
			switch {
			case state[p] == "":
				t.Fatalf("port %d has no state", p)
			case state[p] == "undecided" && gaveUp:
			case d.open[p] != (state[p] == "open"):
				t.Fatalf("port %d is %s", p, state[p])
			case !d.open[p] && silent != (state[p] == "filtered"):
				t.Fatalf("port %d is %s, silent %v", p, state[p], silent)
			}
		}
		// A link by fits and starts brings more in a second than was sent in one.
		if c.Cap > 0 && d.jerky == 0 && d.mostPerSecond() > mostAt(c.Cap, *d) {
			t.Fatalf("%d attempts in a second", d.mostPerSecond())
		}
	})
}

// The same clock, answers and seed give the same attempts and events.
func TestDeterministic(t *testing.T) {
	run := func() []Event {
		d := &device{open: some, limit: 700, burst: 20, loss: 0.01, hang: 900, dead: 5 * time.Second, rand: rand.New(rand.NewPCG(3, 4))}
		_, events := simulate(New(with(careful, 5)), d, 0, time.Hour)
		return events
	}
	if a, b := run(), run(); !reflect.DeepEqual(a, b) {
		t.Error("two runs differ")
	}
	if !reflect.DeepEqual(Order(5), Order(5)) || reflect.DeepEqual(Order(5), Order(6)) {
		t.Error("the order does not follow the seed")
	}
	var seen [65536]bool
	for _, p := range Order(9) {
		if seen[p] {
			t.Fatalf("port %d twice", p)
		}
		seen[p] = true
	}
	if len(Order(9)) != 65535 {
		t.Errorf("%d ports", len(Order(9)))
	}
}

// records are what a recorder would keep of events.
func records(seed uint64, events []Event) []probe.Record {
	rs := []probe.Record{{Probe: "tcp", Event: "plan", Ports: "1-65535", Detail: plan(seed, "syn", "careful")}}
	for _, v := range events {
		rs = append(rs, v.record("tcp", "tcp", 1))
	}
	for i := range rs {
		rs[i].Line = i + 1
	}
	return rs
}

// A run cut off at random moments, without a word, goes on from its records and
// ends with the same states, and asks little twice.
func TestResumed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const seed = 11
		d := &device{open: some, rtt: 5 * time.Millisecond, limit: 900, burst: 32, silent: func(p int) bool { return p > 30000 && p < 30100 && !some[p] }, rand: rand.New(rand.NewPCG(1, 2))}
		var all []Event
		now, resumed := time.Duration(0), 0
		for {
			c := with(careful, seed)
			if was, ok := Read(records(seed, all), "tcp"); len(all) > 0 {
				if !ok {
					t.Fatal("the records cannot be read")
				}
				c.Earlier = was
			}
			cut := time.Duration(rapid.IntRange(3000, 60000).Draw(t, "cut ms")) * time.Millisecond
			if resumed > 6 {
				cut = time.Hour
			}
			e := New(c)
			// Killed: nothing is told at the end.
			took, events := simulate(e, d, now, cut)
			if took >= cut {
				last := len(events)
				for last > 0 && events[last-1].At >= took {
					last--
				}
				all = append(all, events[:last]...)
				now += took + 30*time.Second
				resumed++
				continue
			}
			all = append(all, events...)
			break
		}
		was, _ := Read(records(seed, all), "tcp")
		n := was.Count(true)
		want := Count{Asked: 65535, Open: len(some), Filtered: 98, Closed: 65535 - len(some) - 98, Silent: 98, Tries: 10}
		if d := cmp.Diff(want, n); d != "" {
			t.Errorf("after %d interruptions, -want +got:\n%s", resumed, d)
		}
		sent := 0
		for _, k := range d.perSec {
			sent += k
		}
		if sent > 72000+6000*resumed {
			t.Errorf("%d attempts with %d interruptions", sent, resumed)
		}
	})
}

// A device that stops for good, one that reboots and one that hangs are told apart.
func TestOutages(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		d          device
	}{
		{"reboot", "reboot", device{hang: 1200, dead: 25 * time.Second, boot: 4 * time.Second}},
		{"hang", "hang", device{hang: 1200, dead: 10 * time.Second}},
		{"gone", "gone", device{gone: 5 * time.Second}},
	} {
		c.d.open = some
		conf := with(careful, 3)
		conf.Start = 900 // long enough below what hurts to know the device's clock
		if c.kind != "gone" {
			c.d.hang = 1450
		}
		_, events := simulate(New(conf), &c.d, 0, time.Hour)
		was, ok := Read(records(3, events), "tcp")
		if !ok || len(was.Down) == 0 {
			t.Errorf("%s: no outage was noticed", c.name)
			continue
		}
		o := was.Down[0]
		if c.kind != "gone" && o.Kind != c.kind && o.Kind != "unknown" || c.kind == "gone" && o.Kind != "gone" {
			t.Errorf("%s was taken for %q", c.name, o.Kind)
		}
		if o.Rate < 500 || len(o.Last) < 100 || o.Took < 3*time.Second {
			t.Errorf("%s: %+v", c.name, o)
		}
		t.Logf("%s: %+v", c.name, o)
		if c.kind == "gone" {
			if n := was.Count(true); n.Undecided < 50000 || n.Filtered != 0 {
				t.Errorf("gone: %+v", n)
			}
		}
	}
}

// The device's clock: a jump is a reboot, none is a hang, and a clock that is
// random for each connection tells nothing.
func TestUptime(t *testing.T) {
	for _, c := range []struct {
		want string
		ts   []uint32 // one a second; an outage of ten seconds before the last
	}{
		{"hang", []uint32{1000, 2000, 3000, 4000, 15000}},
		{"hang", []uint32{4294966000, 4294967000, 704, 1704, 12704}}, // runs over
		{"hang", []uint32{10, 110, 210, 310, 1410}},                  // 100 a second
		{"reboot", []uint32{1000, 2000, 3000, 4000, 1500}},
		{"reboot", []uint32{1000, 2000, 3000, 4000, 900000}},
		{"unknown", []uint32{1000, 900000, 3000, 77, 15000}},
		{"unknown", []uint32{1000, 2000}},
	} {
		var u uptime
		now := time.Second
		for i, ts := range c.ts {
			if i == len(c.ts)-1 {
				now += 10 * time.Second
			}
			u.sample(now, 80, ts)
			now += time.Second
		}
		if got := u.verdict(); got != c.want {
			t.Errorf("%v: %s, want %s", c.ts, got, c.want)
		}
	}
}

// A canary that falls silent alone is retired; it does not slow the sweep.
func TestCanaryRetired(t *testing.T) {
	d := &device{open: some, rand: rand.New(rand.NewPCG(1, 2))}
	e := New(with(careful, 7))
	var gone uint16
	d.silent = func(p int) bool {
		if gone == 0 && len(e.canaries.closed) > 3 {
			gone = e.canaries.closed[0]
		}
		return p == int(gone)
	}
	took, events := simulate(e, d, 0, time.Hour)
	if took > 60*time.Second || count(events, "down") > 0 || gone == 0 {
		t.Errorf("took %v, %d outages", took, count(events, "down"))
	}
	for _, p := range e.canaries.closed {
		if p == gone {
			t.Error("it is still in use")
		}
	}
}

func TestPaceText(t *testing.T) {
	want := Pace{Rate: 465, Sent: 470, Answered: 469, Canaries: 10, Lost: 1, Phase: "steady"}
	if got, ok := ParsePace(want.String()); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := ParsePace("rate=1"); ok {
		t.Error("half a text was taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("plan", "1-65535", "pace=careful method=syn seed=00", "tcp/1", 3)
	f.Add("pace", "", "rate=1 sent=2 answered=3 canaries=4 lost=5 phase=climb", "", 0)
	f.Add("filtered", "1-9", "silent", "", 3)
	f.Add("pace", "", "ceiling=70", "", 100)
	f.Fuzz(func(t *testing.T, event, ports, detail, port string, n int) {
		e, ok := Read([]probe.Record{{Event: "plan", Ports: "1-20"}, {Event: event, Ports: ports, Detail: detail, Port: port, Number: n, Took: int64(n)},
			{Event: "down", Number: n, Detail: detail}, {Event: "up", Took: int64(n)}}, "tcp")
		if !ok {
			return
		}
		if c := e.Count(true); c.Undecided < 0 || c.Silent < 0 || c.Silent > c.Asked {
			t.Errorf("%+v", c)
		}
		New(Config{Ports: Order(e.Seed), Earlier: e, Start: 400, Cap: 1500, Tries: 10, Few: 3, Wait: time.Second, Down: time.Minute}).Next(0)
	})
}

// A sample of the drawn devices is enough each time; all are for the long run.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue && os.Getenv("HOSHI_SOAK") == "" {
		_ = f.Value.Set("30")
	}
	os.Exit(m.Run())
}
