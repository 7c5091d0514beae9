package sweep

import (
	"fmt"
	"time"
)

// Pace is a stretch of a sweep, about a second: what was aimed at and what came of it.
type Pace struct {
	Took     time.Duration
	Rate     int // attempts per second aimed at when it ended
	Sent     int
	Answered int
	Canaries int    // of which the fate became known
	Lost     int    // of these
	Phase    string // "climb", "hold", "steady", "down"
}

// String is the form in which a record carries it.
func (p Pace) String() string {
	return fmt.Sprintf("rate=%d sent=%d answered=%d canaries=%d lost=%d phase=%s", p.Rate, p.Sent, p.Answered, p.Canaries, p.Lost, p.Phase)
}

// borne is how many attempts a second the device was seen to take; 0 = not known.
func (p Pace) borne() int {
	if p.Took < 900*time.Millisecond || p.Canaries == 0 || p.Lost > 0 || p.Phase == "down" {
		return 0
	}
	return int(float64(p.Sent) / p.Took.Seconds())
}

// ParsePace reads what String wrote; false when it is something else.
func ParsePace(s string) (Pace, bool) {
	var p Pace
	n, err := fmt.Sscanf(s, "rate=%d sent=%d answered=%d canaries=%d lost=%d phase=%s", &p.Rate, &p.Sent, &p.Answered, &p.Canaries, &p.Lost, &p.Phase)
	return p, err == nil && n == 6
}
