package probe

import (
	"context"
	"errors"
)

// Consent is a kind of test that a person must agree to beforehand, because it
// may change something on the device or lock somebody out.
type Consent string

// The consents. What each may cause is said in the catalogue, "assess.consent.<word>".
const (
	ConsentSignIn    Consent = "signin"    // default and wrong values at sign-ins: accounts may be locked for a while
	ConsentChange    Consent = "change"    // the person changes a value during the test: it stays changed
	ConsentWrite     Consent = "write"     // harmless unauthenticated writes (an MQTT message, a TFTP file): a trace may remain
	ConsentAddresses Consent = "addresses" // free addresses of the link are used as senders for the UDP scan
)

// Consents lists all, in the order in which they are asked for.
var Consents = []Consent{ConsentSignIn, ConsentChange, ConsentWrite, ConsentAddresses}

// Step is something that a person is asked to do during a test.
type Step struct {
	ID   string         // catalogue key is "assess.step.<ID>"
	Args map[string]any // of the sentence
	Want string         // "done" (press Enter), "secret" (type a value, masked), "yes-no"
}

// Person puts a step to the person at the bench and returns the answer: the text
// typed for "secret", "yes" or "no", "" for "done".
type Person func(ctx context.Context, s Step) (string, error)

// ErrNobody says that nobody is there to do a step; the facts it would give are
// then left out and criteria that need them stay undecided.
var ErrNobody = errors.New("probe: nobody is there to do this")
