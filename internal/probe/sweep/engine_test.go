package sweep

import (
	"testing"
	"time"
)

var (
	careful = Config{Start: 400, Cap: 1500, Tries: 10, Few: 3, Wait: time.Second, Down: 3 * time.Minute, SilenceProves: true}
	fast    = Config{Start: 2000, Tries: 10, Few: 3, Wait: time.Second, Down: 3 * time.Minute, SilenceProves: true}
	some    = map[int]bool{21: true, 22: true, 80: true, 199: true, 443: true, 1883: true, 5000: true, 6666: true, 30005: true, 54321: true, 65535: true}
)

func with(c Config, seed uint64) Config {
	c.Ports = Order(seed)
	return c
}

// mostPerSecond is the most that reached the device in any second.
func (d *device) mostPerSecond() int {
	most, sum := 0, 0
	for i, n := range d.perSec {
		sum += n
		if i >= 10 {
			sum -= d.perSec[i-10]
		}
		most = max(most, sum)
	}
	return most
}

// secondsAbove is the longest time on end in which each tenth of a second
// carried more than a rate, in tenths.
func (d *device) tenthsAbove(rate float64) int {
	longest, run := 0, 0
	for _, n := range d.perSec {
		run++
		if float64(n) <= rate/10+1 {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// mostAt is the most that a cap allows in any second. A host that is late catches
// a little of it up.
func mostAt(perSecond int, d device) int {
	most := perSecond*101/100 + catchUpFew
	if d.late > 0 || d.frozen {
		most += catchUpFew * catchUpTimes
	}
	return most
}

func count(events []Event, kind string) int {
	n := 0
	for _, v := range events {
		if v.Kind == kind {
			n++
		}
	}
	return n
}

// No port is missed and none invented, within the time and load that is right
// for each device.
func TestDevices(t *testing.T) {
	filter := func(p int) bool { return !some[p] }
	for _, c := range []struct {
		name    string
		c       Config
		d       device
		within  time.Duration
		sent    int
		outages int
		rest    string // state of ports that are not open
		above   int    // tenths of a second on end that may be above the device's limit
	}{
		{"healthy, careful", careful, device{}, 50 * time.Second, 68000, 0, "closed", 10},
		{"healthy, fast", fast, device{rtt: 100 * time.Microsecond}, 3 * time.Second, 68000, 0, "closed", 10},
		{"takes 500 a second", careful, device{limit: 500, burst: 32}, 144 * time.Second, 69000, 0, "closed", 10},
		{"takes 500 a second, fast", fast, device{limit: 500, burst: 32}, 146 * time.Second, 71000, 0, "closed", 10},
		{"takes 500 a second, link stands still", careful, device{limit: 500, burst: 32, every: 1300 * time.Millisecond, still: 110 * time.Millisecond}, 170 * time.Second, 72000, 0, "closed", 10},
		{"link stands still for long", careful, device{limit: 500, burst: 32, every: 3 * time.Second, still: 400 * time.Millisecond}, 500 * time.Second, 82000, 0, "closed", 20},
		{"link stands still now and then", careful, device{limit: 500, burst: 32, every: 30 * time.Second, still: 600 * time.Millisecond, late: time.Millisecond}, 150 * time.Second, 70000, 0, "closed", 10},
		{"takes 1000 a second", careful, device{limit: 1000, burst: 50}, 74 * time.Second, 69000, 0, "closed", 10},
		{"takes 60 a second", careful, device{limit: 60, burst: 10}, 1300 * time.Second, 72000, 0, "closed", 35},
		{"hangs above 2000, careful", careful, device{hang: 2000, dead: 20 * time.Second}, 50 * time.Second, 68000, 0, "closed", 10},
		{"hangs above 2000, fast", fast, device{hang: 2000, dead: 20 * time.Second}, 120 * time.Second, 96000, 1, "closed", 10},
		{"hangs above 900", careful, device{hang: 900, dead: 20 * time.Second}, 160 * time.Second, 84000, 1, "closed", 10},
		{"reboots above 900", careful, device{hang: 900, dead: 25 * time.Second, boot: 4 * time.Second}, 170 * time.Second, 84000, 1, "closed", 10},
		{"filters", careful, device{silent: filter}, 150 * time.Second, 215000, 0, "filtered", 10},
		{"filters, fast", fast, device{silent: filter, rtt: 100 * time.Microsecond}, 8 * time.Second, 215000, 0, "filtered", 10},
		{"filters and takes 800 a second", careful, device{silent: filter, limit: 800, burst: 32}, 330 * time.Second, 240000, 0, "filtered", 15},
		{"a link that loses", careful, device{loss: 0.03}, 70 * time.Second, 80000, 0, "closed", 10},
		{"a link that loses, fast", fast, device{loss: 0.03}, 20 * time.Second, 80000, 0, "closed", 10},
		{"a link that loses, filtered", careful, device{loss: 0.03, silent: filter}, 600 * time.Second, 500000, 0, "filtered", 10},
		{"a slow link", careful, device{rtt: 300 * time.Millisecond}, 60 * time.Second, 70000, 0, "closed", 10},
		{"a busy host", careful, device{late: 20 * time.Millisecond}, 55 * time.Second, 68000, 0, "closed", 10},
		{"a very busy host", careful, device{late: 50 * time.Millisecond}, 90 * time.Second, 68000, 0, "closed", 10},
		{"a host that stands still", careful, device{late: time.Millisecond, every: 3 * time.Second, still: 700 * time.Millisecond, frozen: true}, 65 * time.Second, 68000, 0, "closed", 10},
		{"takes 500 a second, busy host", careful, device{limit: 500, burst: 32, late: 8 * time.Millisecond}, 144 * time.Second, 69000, 0, "closed", 10},
		{"takes 500 a second, has room for few, busy host", careful, device{limit: 500, burst: 8, late: 3 * time.Millisecond}, 146 * time.Second, 69000, 0, "closed", 10},
		{"takes 500 a second, very busy host", careful, device{limit: 500, burst: 32, late: 20 * time.Millisecond}, 170 * time.Second, 69000, 0, "closed", 10},
		{"takes 500 a second, host that stands still", fast, device{limit: 500, burst: 32, every: 3 * time.Second, still: 700 * time.Millisecond, frozen: true}, 190 * time.Second, 70000, 0, "closed", 10},
		{"takes 500 a second, a link that delivers by fits and starts", careful, device{limit: 500, burst: 32, jerky: 10 * time.Millisecond}, 144 * time.Second, 69000, 0, "closed", 10},
		{"takes 500 a second, a link that often stands still", careful, device{limit: 500, burst: 32, jerky: 30 * time.Millisecond}, 300 * time.Second, 70000, 0, "closed", 10},
		{"restarts in the first moment", careful, device{fails: 50 * time.Millisecond, dead: 3 * time.Second, boot: 3 * time.Second}, 270 * time.Second, 72000, 1, "closed", 10},
		{"filters and restarts in the first moment, busy host", fast, device{silent: filter, fails: 50 * time.Millisecond, dead: 22 * time.Second, boot: 1, late: 31 * time.Millisecond}, 1300 * time.Second, 240000, 1, "filtered", 10},
		{"restarts by itself, busy host", careful, device{fails: 20 * time.Second, dead: 3 * time.Second, boot: 3 * time.Second, late: 50 * time.Millisecond}, 170 * time.Second, 86000, 1, "closed", 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.d
			d.open = some
			took, events := simulate(New(with(c.c, 7)), &d, 0, time.Hour)
			state := outcome(events)
			wrong := 0
			for p := 1; p < 65536; p++ {
				want := c.rest
				if some[p] {
					want = "open"
				}
				if state[p] != want {
					if wrong++; wrong < 5 {
						t.Errorf("port %d is %q", p, state[p])
					}
				}
			}
			sent := 0
			for _, n := range d.perSec {
				sent += n
			}
			t.Logf("%v, %d sent, %d wrong, %d hangs, at most %d a second, %d records, above its limit for %d tenths", took, sent, wrong, d.hangs, d.mostPerSecond(), len(events), d.tenthsAbove(d.limit))
			if took > c.within || sent > c.sent {
				t.Errorf("took %v and %d attempts", took, sent)
			}
			if d.hangs != c.outages || count(events, "up") != c.outages || count(events, "down") != c.outages {
				t.Errorf("%d hangs, %d noticed, %d ended", d.hangs, count(events, "down"), count(events, "up"))
			}
			if c.c.Cap > 0 && d.mostPerSecond() > mostAt(c.c.Cap, d) {
				t.Errorf("%d attempts in a second", d.mostPerSecond())
			}
			if c.d.limit > 0 && d.tenthsAbove(c.d.limit) > c.above {
				t.Errorf("above the limit for %d tenths of a second", d.tenthsAbove(c.d.limit))
			}
		})
	}
}
