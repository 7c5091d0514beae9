// Package sweep asks many ports until each is settled, as fast as the device
// bears it and no faster. How a port is asked is the transport's business: a SYN,
// a complete connection, a datagram from a pool of senders.
//
// Pacing is by delivery. Among the attempts are canaries: ports known to answer.
// Loss on canaries means that the device or the way to it is overloaded; silence
// elsewhere, while canaries answer, means that something filters. Only an answer
// settles a port; silence is asked again, and a try counts only when the canaries
// before and after it answered. When no canary answers any more, the device is
// taken to be down: one gentle attempt a second, no tries spent, until it is back.
//
// Engine and its law are a pure state machine: the clock and the answers come
// from outside. Run drives it over a transport and keeps the records, from which
// a killed run goes on.
package sweep

import "time"

// Answer is what an attempt met.
type Answer uint8

// The answers. Silence is the absence of one.
const (
	Silent   Answer = iota
	Open            // something listens
	Closed          // the device says that nothing listens
	Filtered        // a firewall says that it lets nothing through
)

// Reply is an answer to an attempt, as a transport heard it.
type Reply struct {
	Serial uint32 // of the attempt; 0 when only the port is known
	Port   int
	Answer Answer
	Proof  string // the answer in a word: "syn-ack", "rst", "icmp-3-3"
	TSval  uint32 // TCP timestamp of the device
	HasTS  bool
}

// Config is what a sweep is to do. Durations are positive.
type Config struct {
	Ports []int         // in the order of asking; see Order
	Start int           // attempts per second at the beginning
	Cap   int           // attempts per second never exceeded; 0 = only by what the device bears
	Slack time.Duration // so much lateness of this process is caught up in a burst; 0 = little
	Tries int           // at a silent port when the device answers closed ports
	Few   int           // at a silent port when it filters most of them
	Wait  time.Duration // longest wait for an answer
	Down  time.Duration // how long to wait for a device that stopped answering
	// Recover is how long a device that is back is given to start its services when
	// none is known that could be waited for; at most half a minute.
	Recover time.Duration
	// SilenceProves: a port that stays silent while canaries answer is filtered.
	// Otherwise (UDP) it stays undecided.
	SilenceProves bool
	Earlier       *Earlier // of a run that is resumed; nil = none
}

// Limits that no configuration changes.
const (
	unpaced  = 70000                  // attempts per second when there is no cap
	minWait  = 200 * time.Millisecond // an answer is waited for at least so long
	floor    = 20                     // attempts per second, however weak the device
	little   = 400                    // attempts per second that are not blamed when they were made for a moment only
	perhaps  = 500 * time.Millisecond // before a silent port is asked again
	starting = 15 * time.Second       // after a reboot, until all services can be expected to run
	outages  = 8                      // after so many the sweep gives up
	refunds  = 40                     // tries given back to one port at most
	kept     = 1 << 16                // attempts remembered; more are never on the way
	lastSent = 64                     // attempts that are told of when the device goes down
	chance   = 1e-6                   // of losing every attempt at one port
)

// Action is what to do next: ask a port, wait, or end.
type Action struct {
	Port   int           // to ask now; 0 = nothing
	Serial uint32        // of the attempt, from 1
	Wait   time.Duration // when Port is 0: until this time, unless a reply comes
	Within time.Duration // an answer counts as lost after this
	Clock  bool          // of Port: ask from the same place each time, so that timestamps compare
	Done   bool
}
