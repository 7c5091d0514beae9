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
	come, gone := 0, 0
	for gone < len(frames) {
		now := frames[gone].At.Add(LoadWindow)
		if come < len(frames) && frames[come].At.Before(now) {
			now = frames[come].At
		}
		for come < len(frames) && !frames[come].At.After(now) {
			come++
		}
		for gone < come && !frames[gone].At.Add(LoadWindow).After(now) {
			gone++
		}
		switch above := float64(come-gone) > allowed; {
		case above && since.IsZero():
			since = now
		case !above && !since.IsZero():
			longest, since = max(longest, now.Sub(since)), time.Time{}
		}
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
