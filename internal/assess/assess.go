// Package assess runs a device test: it plans from the declaration, runs the
// probes one stage after the other against one address, and hands back a run
// that package evidence seals.
//
// It knows no database and no server. What a run could not find out is left
// undecided, never guessed, and a device that falls silent ends the run, with
// everything missed marked as such.
package assess

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
)

// DefaultEdition is the edition that a run is judged by when none is named.
const DefaultEdition = "star1-2024r1-reconstructed"

// Options are everything that a run takes from outside.
type Options struct {
	Address     string // one IP address, or a name with exactly one
	ProductFile string // name of the file, for messages
	Product     []byte // product.yaml
	Edition     *criteria.Edition
	Tool        string // program and version, for the record

	AllowPublic  bool // public addresses may be tested
	Consents     []probe.Consent
	Person       probe.Person // nil = nobody is there to do steps
	OwnNamespace bool         // the process runs in a network namespace made for this run
	Pace         probe.Pace
	Senders      probe.Senders

	// Journal is the file that records are appended to as they are made, so that a
	// run which is cut short can go on; "" = none. It stays when the run ends: who
	// has sealed the evidence removes it.
	Journal string
	// Resume goes on with the run whose journal lies there. It must have been of the
	// same target, product, edition, tool and parameters.
	Resume bool
	// Again is the command that goes on with this run, for messages.
	Again string
	// Asked is how long a person was busy with questions before the start.
	Asked time.Duration

	Now      func() time.Time
	Rand     io.Reader
	Dial     probe.DialFunc                        // nil: the system's network
	Lookup   Lookup                                // nil: the system's resolver
	Secret   func(evidence.Secret) (string, error) // nil: environment and files
	Progress func(Event)                           // may be nil
}

// Plan is what a run will do, known before anything is sent.
type Plan struct {
	Addr     netip.Addr
	Network  string
	Product  *evidence.Product
	accounts []probe.Account
}

// Prepare checks everything that can be checked without touching the device.
func Prepare(ctx context.Context, o Options) (*Plan, error) {
	p, err := evidence.ParseProduct(o.ProductFile, o.Product)
	if err != nil {
		return nil, err
	}
	a, err := Resolve(ctx, o.Address, o.Lookup, o.AllowPublic)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Addr: a, Network: mode(a, o.OwnNamespace), Product: p}
	secret := o.Secret
	if secret == nil {
		secret = ReadSecret
	}
	for i, x := range p.Accounts {
		pa := probe.Account{User: x.User, Port: x.Port, Initial: x.Initial, SNMP: probe.SNMPUser{Auth: x.SNMP.Auth, Privacy: x.SNMP.Privacy}}
		for _, one := range []struct {
			field string
			at    evidence.Secret
			to    *string
		}{{"secret", x.Secret, &pa.Secret}, {"snmp.secret", x.SNMP.Secret, &pa.SNMP.PrivacySecret}} {
			switch {
			case one.at == (evidence.Secret{}):
			case !agreed(o.Consents, probe.ConsentSignIn):
				*one.to, _ = ReadSecret(one.at) // to mask it should the device show it; not needed otherwise
			default:
				if *one.to, err = secret(one.at); err != nil || *one.to == "" {
					e := fault.Wrap(fault.Invalid, "assess.Prepare", err, "assess.secret", "user", x.User)
					e.Places = []fault.Place{{File: o.ProductFile, Field: fmt.Sprintf("accounts[%d].%s", i, one.field), Key: "assess.secret-place"}}
					return nil, e
				}
			}
		}
		plan.accounts = append(plan.accounts, pa)
	}
	return plan, nil
}

// ReadSecret reads a value from the environment variable or file that is named.
func ReadSecret(s evidence.Secret) (string, error) {
	if s.Env != "" {
		return os.Getenv(s.Env), nil
	}
	f, err := os.Open(s.File)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	return strings.TrimRight(string(b), "\r\n"), err
}
