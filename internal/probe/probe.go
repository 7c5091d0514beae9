// Package probe is the contract that all scanners share: what a probe is given,
// how it reaches the device, how it records what it saw, and the limits on both.
//
// A probe has two halves. Run talks to the device and records; Parse reads
// records and states facts. Parse is pure, so the same transcript gives the same
// facts on any machine. Each probe lives in a folder of its own below this one;
// package registry lists them. A probe gives no verdict: package criteria does.
package probe

import (
	"context"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"hoshi/internal/fact"
)

// Probe is one scanner.
type Probe struct {
	Name string // also the transcript's file name, without ".jsonl"
	// Stage orders the probes of a run: those of one stage run side by side and see
	// the facts of earlier stages. A scan has a stage of its own.
	Stage int
	// Lane: probes of one stage that talk to the same ports have the same lane and
	// take turns, so that no port holds two conversations; "" = no such ports.
	Lane string
	// Intrusive probes change something on the device, such as a lock-out, and
	// run only with consent.
	Intrusive bool
	// Continues: after an interruption Run goes on from its own records. Any other
	// probe that had not ended is run anew, and its records are dropped.
	Continues bool
	// Run talks to the device. An error means that the probe itself broke; a
	// device that does not answer is recorded, never returned.
	Run func(ctx context.Context, t *Target, rec *Recorder) error
	// Parse states the facts that the records of this probe hold.
	Parse func(records []Record) fact.Set
}

// Target is the one device of a run and what is known of it so far.
type Target struct {
	Addr netip.Addr
	Net  *Net // the only way to the device
	// Second reaches the same device from another source address of this host, to
	// tell limits of the account from limits of the source; nil = there is none.
	Second   *Net
	Facts    fact.Set // declared facts and those of earlier probes
	Accounts []Account
	Paths    []Path
	Network  string // network mode, see the Mode constants
	Consents []Consent
	Person   Person // nil = nobody is there
	Pace     Pace
	Senders  Senders
	// Watch is called every few seconds by probes that run long. An error, such as
	// another device at the address, ends the probe. nil = nobody watches.
	Watch func(ctx context.Context) error
	Rand  io.Reader // safe for many readers at a time, see [Target.Random]
	// Turns bounds how many services all probes together talk to at a time, see
	// [Target.Each]; nil = each probe by itself as many as the pace allows.
	Turns chan struct{}
}

// Senders are further source addresses that a UDP scan may use, so that limits
// that the device sets for each peer do not slow it. The zero value is none.
type Senders struct {
	Routed netip.Prefix // addresses that the device routes to us, its gateway
	OnLink []netip.Addr // free addresses of the link, answered for by us, with consent
}

// Agreed reports whether the person agreed to a kind of test.
func (t *Target) Agreed(c Consent) bool { return slices.Contains(t.Consents, c) }

// Do puts a step to the person at the bench.
func (t *Target) Do(ctx context.Context, s Step) (string, error) {
	if t.Person == nil {
		return "", ErrNobody
	}
	return t.Person(ctx, s)
}

// Network modes: where the device stands as seen from the testing host.
const (
	ModeRemote    = "remote"           // another machine
	ModeShared    = "shared-host"      // an address of the testing host itself
	ModeNamespace = "own-network-name" // an address of the host, in a network namespace made for the run
)

// Account is a declared account with the secret that the test may use. The
// secret lives in memory only.
type Account struct {
	User    string
	Port    string // "tcp/443"
	Initial string // as in fact declared.account
	Secret  string // "" when none was given
	SNMP    SNMPUser
}

// SNMPUser says how a user of SNMP version 3 signs and encrypts; the zero value is
// an account of another kind.
type SNMPUser struct {
	Auth          string // "none", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"
	Privacy       string // "", "des", "aes"
	PrivacySecret string // "" = the same as of the account; in memory only
}

// Path is a declared place on the device where information assets can be read.
type Path struct {
	ID   string
	Port int
	URL  string // path and query on the device, "/settings.json"
	TLS  bool   // declared as protected by TLS
}

// Pace holds the time and load limits of a run. All durations are positive.
type Pace struct {
	Name       string        // "careful", "fast", "practice"
	TCPStart   int           // attempts at TCP ports per second, at first
	TCPCap     int           // never more than this; 0 = only what the device bears
	TCPWorkers int           // most complete connections being opened at once, without raw packets
	TCPWait    time.Duration // how long one attempt may take
	TCPTries   int           // attempts at a silent port of a device that answers on closed ones
	TCPFew     int           // attempts at a silent port of a device that filters
	Down       time.Duration // how long to wait for a device that stopped answering altogether
	UDPWait    time.Duration // how long to wait for a UDP answer, per try
	UDPTries   int
	Banner     time.Duration // how long a service may take to speak first
	Exchange   time.Duration // how long one question and answer may take
	Budget     time.Duration // total of one identification probe
	Services   int           // services asked side by side
	SignIns    int           // wrong sign-ins on one interface
	SignIn     time.Duration // total time spent on one sign-in interface
	Hold       time.Duration // how long a limit that states no end is watched
}

// Careful is the default pace: gentle enough for a device that falls over when
// it is flooded (all TCP ports take about a minute).
func Careful() Pace {
	return Pace{Name: "careful", TCPStart: 400, TCPCap: 1500, TCPWorkers: 1024, TCPWait: time.Second, TCPTries: 10, TCPFew: 3, Down: 3 * time.Minute,
		UDPWait: 2 * time.Second, UDPTries: 3, Banner: 2 * time.Second, Exchange: 8 * time.Second, Budget: 2 * time.Minute, Services: 6,
		SignIns: 30, SignIn: 10 * time.Minute, Hold: 2 * time.Minute}
}

// Fast is Careful without the cap on port scans, for devices known to be strong.
func Fast() Pace {
	p := Careful()
	p.Name, p.TCPStart, p.TCPCap, p.Services = "fast", 4000, 0, 24
	return p
}

// Practice is for practice devices and test beds on this host: nothing can be
// hurt, and answers come at once.
func Practice() Pace {
	return Pace{Name: "practice", TCPStart: 8000, TCPCap: 0, TCPWorkers: 1024, TCPWait: time.Second, TCPTries: 5, TCPFew: 2, Down: 5 * time.Second,
		UDPWait: 150 * time.Millisecond, UDPTries: 2, Banner: 250 * time.Millisecond, Exchange: 3 * time.Second, Budget: 20 * time.Second, Services: 24,
		SignIns: 12, SignIn: 2 * time.Minute, Hold: 8 * time.Second}
}

// TCP names a TCP port as facts and records do.
func TCP(port int) string { return "tcp/" + strconv.Itoa(port) }

// UDP names a UDP port as facts and records do.
func UDP(port int) string { return "udp/" + strconv.Itoa(port) }

// IsTCP reports whether the name is one that TCP gives.
func IsTCP(name string) bool { n := PortNumber(name); return n > 0 && name == TCP(n) }

// IsUDP reports whether the name is one that UDP gives.
func IsUDP(name string) bool { n := PortNumber(name); return n > 0 && name == UDP(n) }

// PortNumber returns the number in "tcp/443", or 0.
func PortNumber(name string) int {
	if len(name) < 5 {
		return 0
	}
	n, err := strconv.Atoi(name[4:])
	if err != nil || n < 1 || n > 65535 {
		return 0
	}
	return n
}
