package probe

import "context"

// Protocol is one application protocol: how it is recognised, what is asked of
// it, and how people sign in to it. Each lives in a folder of its own and has one
// line in package registry.
type Protocol struct {
	Name string // as fact service.protocol names it: "mqtt"
	TCP  *Talk  // nil = not spoken over TCP
	UDP  *Talk  // nil = not spoken over UDP
	// Probe asks further questions wherever the protocol was found; nil = none. A
	// protocol that has one is understood: every way to sign in that it has is found.
	Probe *Probe
	// Entrances are the kinds of sign-in that the protocol has.
	Entrances []Entrance
}

// Talk is how a protocol is recognised over one transport: the server speaks
// first, or answers one harmless request. Match is pure and never panics.
type Talk struct {
	Ports []int // where it is usually found, and asked first
	// Ask builds the request; nil = the server speaks first, or see Shy. host is what
	// a client would call the device; random holds 32 bytes for ids.
	Ask func(host string, random []byte) []byte
	// Shy: the server does not speak first, and is known by what it answers to the
	// questions of other protocols; it is asked none of its own.
	Shy bool
	// Match recognises an answer (or a greeting) and reads what the software calls
	// itself, "" when it does not say.
	Match func(answer []byte) (software string, ok bool)
	// Whole reports that an answer has come in full; nil = whatever one read gives.
	Whole func(answer []byte) bool
	// Over names the protocol that carries this one ("http"), "" when none does.
	// Such a talk is recognised in any answer of its carrier, and asked for there on
	// its usual ports only (TCP only).
	Over string
	// Roams: answers come from another port than the one asked (UDP only).
	Roams bool
}

// Entrance is a kind of sign-in, such as a form or SSH.
type Entrance struct {
	Kind string // as fact signin.interface names it: "form"
	// Attempt tries one user and password once. It returns what was sent, with the
	// password masked where it stands in an encoding that the recorder cannot know,
	// and what came back; for encrypted protocols recv names the answering message.
	Attempt func(ctx context.Context, t *Target, d Door, user, pass string) (sent, recv []byte, err error)
	// Classify says what a recorded attempt met. base is the answer to a surely
	// wrong value on the same door. It is pure and never panics.
	Classify func(base, r Record) Outcome
	// NoUser: the entrance knows passwords only (SNMP communities, some web forms).
	NoUser bool
	// Known are values that everybody knows for this kind, beside the general list.
	Known []Known
	// Mute: a wrong value is refused by silence, so time without an answer is the
	// tester's patience and not a delay that the device makes.
	Mute bool
	// Tells: a name that nobody has is answered unlike a wrong value, and no value is
	// checked then; so made-up names show nothing of a limit.
	Tells bool
	// Takes reports whether an account declared for the port is one of this kind; nil
	// = every one is.
	Takes func(Account) bool
}

// Known is a user and password that everybody knows. Label is what a transcript
// calls it; the value itself stands in no record.
type Known struct{ User, Pass, Label string }

// Door is one sign-in interface of the device, as fact signin.interface names it.
type Door struct {
	ID   string // the fact's subject: "tcp/443 form /login"
	Port string // "tcp/443"
	Kind string
	Path string // page of a form, of HTTP Basic and the like
	TLS  bool
}

// Outcome is what one sign-in attempt met.
type Outcome string

// The outcomes of a sign-in attempt.
const (
	Refused  Outcome = "refused"  // the value was checked and found wrong
	Accepted Outcome = "accepted" // signed in
	Forced   Outcome = "forced"   // signed in, but nothing works before the value is changed
	Limited  Outcome = "limited"  // turned away without a check, or for a while
	Missed   Outcome = "missed"   // no answer
	Unclear  Outcome = "unclear"  // an answer that is not understood
	Closed   Outcome = "closed"   // the interface takes no passwords at all
	Unknown  Outcome = "unknown"  // nobody of that name signs in with a value here: none was checked
)
