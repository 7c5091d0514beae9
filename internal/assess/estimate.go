package assess

import (
	"time"

	"hoshi/internal/evidence"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
)

// Part is one part of a run and how long it will take, told before the start.
// The catalogue has its name at "assess.estimate.<Name>", and what else is to be
// known of it at "assess.estimate.<Name>.note".
type Part struct {
	Name        string // "tcp", "udp-pool", "udp-link", "udp-alone", "services", "signin", "signin-none", "steps"
	Least, Most time.Duration
	Number      int           // what the sentence counts: sender addresses, known services, sign-ins
	All         time.Duration // what all of it would take, where only a part is done
}

// What a device bears in the worst case that still ends well, and what limits
// the answers of a device by itself.
const (
	weakRate  = 450   // TCP packets a second
	fastRate  = 20000 // what a healthy device answers without a limit from us
	poolRate  = 900   // UDP: Linux answers 1,000 a second to all peers together
	probesFor = 5 * time.Second
	// From one sender, a device as Linux makes it by default: it tells each peer of one
	// closed port a second. A known port is asked once or, silent, eight times.
	aloneRate  = 1
	aloneLeast = 10 * time.Second
	aloneEach  = 10 * time.Second
)

// Estimate tells how long each part of a run will take. It sends nothing.
func Estimate(p *Plan, o Options) []Part {
	at := func(n, rate int) time.Duration { return time.Duration(n) * time.Second / time.Duration(rate) }
	rate := o.Pace.TCPCap
	if rate <= 0 {
		rate = fastRate
	}
	out := []Part{{Name: "tcp", Least: at(allPorts, rate), Most: at(allPorts, min(rate, weakRate))}}
	switch n := len(o.Senders.OnLink); {
	case o.Senders.Routed.IsValid():
		out = append(out, Part{Name: "udp-pool", Least: at(allPorts, poolRate), Most: 2 * at(allPorts, poolRate)})
	case n > 0:
		out = append(out, Part{Name: "udp-link", Number: n, Least: at(allPorts, min(n, poolRate)), Most: 2 * at(allPorts, min(n, poolRate))})
	default:
		n := knownUDP()
		out = append(out, Part{Name: "udp-alone", Number: n, Least: aloneLeast, Most: aloneLeast + time.Duration(n)*aloneEach, All: at(allPorts, aloneRate)})
	}
	out = append(out, Part{Name: "services", Least: probesFor, Most: o.Pace.Budget})
	if !agreed(o.Consents, probe.ConsentSignIn) {
		return append(out, Part{Name: "signin-none"})
	}
	doors := max(1, signInPorts(p.Product))
	out = append(out, Part{Name: "signin", Number: o.Pace.SignIns, Least: time.Duration(doors*o.Pace.SignIns) * 200 * time.Millisecond, Most: time.Duration(doors) * o.Pace.SignIn})
	if agreed(o.Consents, probe.ConsentChange) && o.Person != nil {
		out = append(out, Part{Name: "steps", Number: len(p.Product.Accounts), Least: time.Minute, Most: 5 * time.Minute})
	}
	return out
}

// knownUDP counts the ports of the UDP services that are known.
func knownUDP() int {
	seen := map[int]bool{}
	for _, p := range registry.Protocols {
		if p.UDP != nil {
			for _, n := range p.UDP.Ports {
				seen[n] = true
			}
		}
	}
	return len(seen)
}

func agreed(list []probe.Consent, c probe.Consent) bool {
	return (&probe.Target{Consents: list}).Agreed(c)
}

func signInPorts(p *evidence.Product) int {
	seen := map[string]bool{}
	for _, a := range p.Accounts {
		seen[a.Port] = true
	}
	return len(seen)
}

// Total adds the parts up.
func Total(parts []Part) (least, most time.Duration) {
	for _, p := range parts {
		least, most = least+p.Least, most+p.Most
	}
	return least, most
}

// Minutes are the machine's and the person's time of a run, from its transcript.
func Minutes(records []probe.Record) (machine, person time.Duration) {
	worked, busy := evidence.Spent(records)
	for _, ms := range worked {
		machine += time.Duration(ms) * time.Millisecond
	}
	for _, ms := range busy {
		person += time.Duration(ms) * time.Millisecond
	}
	return machine, person
}
