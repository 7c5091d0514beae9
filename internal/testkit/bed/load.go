package bed

import "time"

// LoadWindow is over how long a load is taken: so long that single frames and the
// jitter of a busy host are no overload, and short against a second.
const LoadWindow = 250 * time.Millisecond

// Above is the longest time on end during which frames, in the order of time,
// offered more than rate a second: at each of its moments the LoadWindow before it
// held more than rate allows, one frame set aside for where the window begins.
// What a device has room for in its queue counts as load all the same.
func Above(frames []Frame, rate float64) time.Duration {
	allowed := rate*LoadWindow.Seconds() + 1
	var longest time.Duration
	var since time.Time // when the load rose above
	n, oldest := 0, 0
	leave := func(now time.Time) {
		for ; oldest < len(frames) && !frames[oldest].At.Add(LoadWindow).After(now); oldest++ {
			if n--; !since.IsZero() && float64(n) <= allowed {
				longest = max(longest, frames[oldest].At.Add(LoadWindow).Sub(since))
				since = time.Time{}
			}
		}
	}
	for _, f := range frames {
		leave(f.At)
		if n++; since.IsZero() && float64(n) > allowed {
			since = f.At
		}
	}
	if len(frames) > 0 {
		leave(frames[len(frames)-1].At.Add(LoadWindow))
	}
	return longest
}

// Refusing is the longest time on end during which the device refused frames:
// refusals less than a LoadWindow apart belong together.
func Refusing(frames []Frame) time.Duration {
	var longest time.Duration
	var first, last time.Time
	for _, f := range frames {
		if !f.Over {
			continue
		}
		if f.At.Sub(last) > LoadWindow {
			first = f.At
		}
		last = f.At
		longest = max(longest, last.Sub(first))
	}
	return longest
}
