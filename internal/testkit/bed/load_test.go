package bed

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// steps makes frames at the rates given, each for a time.
func steps(parts ...float64) []Frame {
	var out []Frame
	at := time.Unix(1000, 0)
	for i := 0; i+1 < len(parts); i += 2 {
		end := at.Add(time.Duration(parts[i+1] * float64(time.Second)))
		if parts[i] == 0 {
			at = end
		}
		for at.Before(end) {
			out = append(out, Frame{At: at})
			at = at.Add(time.Duration(float64(time.Second) / parts[i]))
		}
	}
	return out
}

func TestAbove(t *testing.T) {
	for _, c := range []struct {
		name     string
		frames   []Frame
		from, to float64 // seconds
	}{
		{"nothing", nil, 0, 0},
		{"never", steps(480, 10), 0, 0},
		{"just at it", steps(500, 10), 0, 0},
		{"three seconds a little above", steps(480, 5, 520, 3, 480, 5), 2.8, 3.2},
		{"half a second far above", steps(480, 5, 700, 0.5, 20, 0.3, 480, 5), 0.4, 0.6},
		{"to the end", steps(480, 5, 700, 2), 1.9, 2.3},
		{"a stall caught up at once", steps(480, 5, 0, 0.05, 9600, 0.0025, 480, 5), 0, 0.1},
		{"two that do not join", steps(700, 0.6, 20, 0.4, 700, 0.6), 0.4, 0.8},
	} {
		if got := Above(c.frames, 500).Seconds(); got < c.from || got > c.to {
			t.Errorf("%s: %.3f s above", c.name, got)
		}
	}
}

// What is counted frame by frame is what the definition says of each moment.
func TestAboveDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var frames []Frame
		at := time.Unix(1000, 0)
		for _, gap := range rapid.SliceOfN(rapid.IntRange(0, 60), 0, 200).Draw(t, "gaps ms") {
			at = at.Add(time.Duration(gap) * time.Millisecond)
			frames = append(frames, Frame{At: at})
		}
		rate := float64(rapid.IntRange(4, 80).Draw(t, "rate"))
		// By the definition, millisecond by millisecond.
		var longest, run time.Duration
		if len(frames) > 0 {
			for now := frames[0].At; !now.After(at.Add(2 * LoadWindow)); now = now.Add(time.Millisecond) {
				n := 0
				for _, f := range frames {
					if !f.At.After(now) && f.At.Add(LoadWindow).After(now) {
						n++
					}
				}
				if float64(n) > rate*LoadWindow.Seconds()+1 {
					run += time.Millisecond
					longest = max(longest, run)
				} else {
					run = 0
				}
			}
		}
		if got := Above(frames, rate); got != longest {
			t.Fatalf("%v, by the definition %v", got, longest)
		}
	})
}

func TestRefusing(t *testing.T) {
	frames := steps(100, 4)
	for i := range frames {
		s := frames[i].At.Sub(frames[0].At).Seconds()
		frames[i].Over = s < 0.5 && i%10 == 0 || s >= 1 && s < 2.2 && i%20 == 0 || s > 3.5
	}
	if got := Refusing(frames).Seconds(); got < 0.9 || got > 1.2 {
		t.Errorf("%.3f s", got)
	}
}
