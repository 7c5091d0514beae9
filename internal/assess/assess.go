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
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
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

	Now      func() time.Time
	Rand     io.Reader
	Dial     probe.DialFunc                        // nil: the system's network
	Lookup   Lookup                                // nil: the system's resolver
	Secret   func(evidence.Secret) (string, error) // nil: environment and files
	Progress func(Event)                           // may be nil
}

// Event is one step of progress.
type Event struct {
	At    int64  `json:"at"` // ms since the run began
	Probe string `json:"probe"`
	State string `json:"state"` // "begin", "progress", "end"
	Done  int    `json:"done,omitempty"`
	Total int    `json:"total,omitempty"` // 0 when not known beforehand
	Port  string `json:"port,omitempty"`
	Note  string `json:"note,omitempty"` // the record's event
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
	lookup := o.Lookup
	if lookup == nil {
		lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	a, err := Resolve(ctx, o.Address, lookup, o.AllowPublic)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Addr: a, Network: mode(a, o.OwnNamespace), Product: p}
	secret := o.Secret
	if secret == nil {
		secret = readSecret
	}
	for i, x := range p.Accounts {
		pa := probe.Account{User: x.User, Port: x.Port, Initial: x.Initial}
		if x.Secret != (evidence.Secret{}) {
			if pa.Secret, err = secret(x.Secret); err != nil || pa.Secret == "" {
				e := fault.Wrap(fault.Invalid, "assess.Prepare", err, "assess.secret", "user", x.User)
				e.Places = []fault.Place{{File: o.ProductFile, Field: fmt.Sprintf("accounts[%d].secret", i), Key: "assess.secret-place"}}
				return nil, e
			}
		}
		plan.accounts = append(plan.accounts, pa)
	}
	return plan, nil
}

func readSecret(s evidence.Secret) (string, error) {
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

// Run tests the device and returns the run with its facts and verdicts. It fails
// on wrong input or when ctx ends; a device that does not answer is a result.
func Run(ctx context.Context, o Options) (*evidence.Run, error) {
	plan, err := Prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	started := o.Now().UTC().Truncate(time.Second)
	g := &gauge{o: o}
	rec := probe.NewRecorder(o.Now, g.record)
	for _, a := range plan.accounts {
		rec.Secret(a.Secret)
	}
	t := &probe.Target{
		Addr: plan.Addr, Net: probe.NewNet(plan.Addr, o.Dial), Facts: plan.Product.Facts(), Accounts: plan.accounts,
		Paths: plan.Product.Readable(), Network: plan.Network, Consents: o.Consents, Person: o.Person, Pace: o.Pace, Senders: o.Senders, Rand: o.Rand,
	}
	// One after the other: scans that overlap starve weak devices and lose ports.
	for _, p := range registry.Probes {
		g.emit(Event{At: rec.Since(), Probe: p.Name, State: "begin"})
		if err := guarded(ctx, p, t, rec); err != nil && ctx.Err() == nil {
			rec.Add(probe.Record{Probe: p.Name, Event: "broken", Error: probe.Clip(err.Error())})
		}
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Unavailable, "assess.Run", ctx.Err(), "assess.cancelled")
		}
		t.Facts = append(t.Facts, p.Parse(withLines(rec.Records(p.Name)))...)
		g.emit(Event{At: rec.Since(), Probe: p.Name, State: "end"})
	}
	run := &evidence.Run{
		Info: evidence.Info{
			Format: evidence.RunFormat, Tool: o.Tool, Target: plan.Addr.String(), Network: plan.Network,
			HostMixed: plan.Network == probe.ModeShared, Parameters: parameters(o),
			Started: started, Finished: o.Now().UTC().Truncate(time.Second),
			EditionID: o.Edition.ID, EditionDigest: o.Edition.Digest(),
			ProductDigest: evidence.Digest(o.Product), Models: plan.Product.Product.Models,
		},
		Product: o.Product, Edition: o.Edition.Source(), Transcripts: rec.Transcripts(),
	}
	run.Facts, run.Verdicts, err = run.Conclude()
	if err != nil {
		return nil, err
	}
	return run, nil
}

// guarded keeps a probe that breaks from taking the run with it.
func guarded(ctx context.Context, p probe.Probe, t *probe.Target, rec *probe.Recorder) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("probe %s: %v", p.Name, x)
		}
	}()
	return p.Run(ctx, t, rec)
}

func withLines(rs []probe.Record) []probe.Record {
	for i := range rs {
		rs[i].Line = i + 1
	}
	return rs
}

// parameters are the settings of a run as its bundle shows them. Whole numbers
// only; durations in milliseconds.
func parameters(o Options) map[string]any {
	p := o.Pace
	return map[string]any{
		"pace": p.Name, "tcpRate": p.TCPRate, "tcpWorkers": p.TCPWorkers, "tcpWait": p.TCPWait.Milliseconds(), "tcpTries": p.TCPTries,
		"udpWait": p.UDPWait.Milliseconds(), "udpTries": p.UDPTries, "budget": p.Budget.Milliseconds(),
		"signIns": p.SignIns, "signInBudget": p.SignIn.Milliseconds(), "hold": p.Hold.Milliseconds(), "consents": words(o.Consents), "allowPublic": o.AllowPublic,
	}
}

// gauge turns records into progress.
type gauge struct {
	o     Options
	ports int
}

func (g *gauge) emit(e Event) {
	if g.o.Progress != nil {
		g.o.Progress(e)
	}
}

// record is called with the recorder's lock held, so calls do not overlap.
func (g *gauge) record(r probe.Record) {
	e := Event{At: r.At, Probe: r.Probe, State: "progress", Port: r.Port, Note: r.Event, Done: r.Number}
	if r.Probe == "tcp" {
		e.Done, e.Total = 0, 65535
		if r.Event == "open" {
			g.ports++
		}
		if r.Event == "closed" || r.Event == "filtered" {
			_ = probe.ParseRanges(r.Ports, func(int) { g.ports++ })
		}
		e.Done = g.ports
	}
	g.emit(e)
}

func words(cs []probe.Consent) []string {
	out := []string{}
	for _, c := range cs {
		out = append(out, string(c))
	}
	return out
}
