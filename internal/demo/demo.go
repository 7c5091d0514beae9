// Package demo is "hoshi demo": a whole scheme on one machine with sample
// organisations, people and practice devices, in one folder, reachable from this
// machine only. Everything it shows is real work of the other packages on made-up
// data; nothing here is used by a server that is not a demo.
//
// Start at [Run]; people.go has the cast, device.go the practice devices.
package demo

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	criteriadata "hoshi/criteria"
	"hoshi/internal/app"
	"hoshi/internal/assess"
	"hoshi/internal/config"
	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/durable"
	"hoshi/internal/ledger/signer"
	"hoshi/internal/ledger/witness"
	"hoshi/internal/scheme"
)

// Options are what the demo takes from outside.
type Options struct {
	Dir    string // where everything is kept
	Listen string // a loopback address
	Fresh  bool   // throw the folder of an earlier demo away first
	Tool   string // program and version, for evidence
	Getenv func(string) string
	Now    func() time.Time
	Rand   io.Reader
	Log    *slog.Logger
	// Say tells the person at the terminal a sentence of the catalogue.
	Say func(key string, args ...any)
	// Progress is told how the assessment of a practice device goes.
	Progress func(assess.Event)
	// Practice starts a process of the practice device; nil = this program.
	Practice []string
}

// marker is a file that says that a folder belongs to a demo, and so may be
// thrown away by Fresh.
const marker = "hoshi-demo.txt"

// Run starts the demo and serves until ctx ends. On a folder of an earlier demo it
// goes on where that one stopped.
func Run(ctx context.Context, o Options) error {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil || !config.Loopback(host) {
		return fault.New(fault.Invalid, "demo.Run", "demo.loopback", "addr", o.Listen)
	}
	if err := o.folder(); err != nil {
		return err
	}
	lock, err := durable.TryLock(filepath.Join(o.Dir, marker))
	if err != nil {
		return fault.Wrap(fault.Conflict, "demo.Run", err, "demo.running", "dir", o.Dir)
	}
	defer lock.Close()
	set, err := Settings()
	if err != nil {
		return err
	}
	if err := o.keys(); err != nil {
		return err
	}
	w, err := o.witness()
	if err != nil {
		return err
	}
	defer w.Close()
	site := "http://" + o.Listen
	a, err := app.New(ctx, app.Options{Config: o.config(site), Settings: set, Getenv: o.Getenv, Now: o.Now, Rand: o.Rand, Log: o.Log,
		Demo: people(), Site: site, Witnesses: []app.Witness{{Key: w.VKey(), Witness: w}}})
	if err != nil {
		return err
	}
	cast, err := o.seed(ctx, a)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	// The devices are assessed while the portal already answers.
	devices := make(chan struct{})
	work, stop := context.WithCancel(ctx)
	err = a.Run(ctx, func(net.Addr) {
		o.Say("demo.ready", "url", site, "dir", o.Dir)
		for _, p := range people() {
			o.Say("demo.person", "name", p.Name, "what", p.What)
		}
		go func() {
			defer close(devices)
			o.devices(work, a, cast)
		}()
	})
	stop()
	if !closed(ctx) {
		return errors.Join(err, a.Close())
	}
	<-devices
	return errors.Join(err, a.Close())
}

// closed reports whether the demo was asked to stop, as opposed to never having started.
func closed(ctx context.Context) bool { return ctx.Err() != nil }

// Settings is the sample scheme of the program.
func Settings() (*scheme.Settings, error) {
	b, err := criteriadata.FS.ReadFile("scheme.yaml")
	if err != nil {
		return nil, err
	}
	return scheme.LoadSettings("scheme.yaml", b)
}

// folder makes the demo's folder, after throwing an earlier demo away when asked.
func (o *Options) folder() error {
	const op = "demo.folder"
	entries, err := os.ReadDir(o.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.Invalid, op, err, "demo.folder", "dir", o.Dir)
	}
	_, err = os.Stat(filepath.Join(o.Dir, marker))
	ours := err == nil
	if len(entries) > 0 && !ours {
		return fault.New(fault.Invalid, op, "demo.foreign", "dir", o.Dir)
	}
	if o.Fresh && ours {
		lock, err := durable.TryLock(filepath.Join(o.Dir, marker))
		if err != nil {
			return fault.Wrap(fault.Conflict, op, err, "demo.running", "dir", o.Dir)
		}
		if err := errors.Join(os.RemoveAll(o.Dir), lock.Close()); err != nil {
			return fault.Wrap(fault.Invalid, op, err, "demo.folder", "dir", o.Dir)
		}
	}
	for _, d := range []string{"data", "signer", "witness", "bundles"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, d), 0o700); err != nil {
			return fault.Wrap(fault.Invalid, op, err, "demo.folder", "dir", o.Dir)
		}
	}
	if err := os.MkdirAll(filepath.Dir(o.socket()), 0o700); err != nil {
		return fault.Wrap(fault.Invalid, op, err, "demo.folder", "dir", o.Dir)
	}
	if ours && !o.Fresh {
		return nil
	}
	return os.WriteFile(filepath.Join(o.Dir, marker), []byte("This folder belongs to \"hoshi demo\"; \"hoshi demo --fresh\" throws it away.\n"), 0o600)
}

func (o *Options) path(parts ...string) string {
	return filepath.Join(append([]string{o.Dir}, parts...)...)
}

// config is the whole configuration of the demo; no file of it exists.
func (o *Options) config(site string) *config.Config {
	none := 0
	return &config.Config{Database: config.Database{SQLite: o.path("data", "hoshi.db")}, Data: o.path("data"), Public: o.path("public"),
		Listen: o.Listen, URL: site, Quorum: &none,
		Signer: config.Signer{Socket: o.socket(), Key: o.path("signer", "key.pem"), State: o.path("signer", "state.json")}}
}

// socket is where the signer answers. A socket's path is at most about a hundred
// bytes long, so in a deep folder it lies elsewhere.
func (o *Options) socket() string {
	p := o.path("signer", "socket")
	if len(p) <= 100 {
		return p
	}
	sum := sha256.Sum256([]byte(o.Dir))
	return filepath.Join(os.TempDir(), "hoshi-demo-"+hex.EncodeToString(sum[:8]), "socket")
}

// origin names the demo's log.
const origin = "demo.hoshi.example/log"

// keys makes the keys of log and witness when there are none.
func (o *Options) keys() error {
	if _, err := os.Stat(o.path("signer", "key.pem")); errors.Is(err, fs.ErrNotExist) {
		if _, err := signer.Init(o.path("signer", "key.pem"), o.path("signer", "state.json"), origin, o.Rand); err != nil {
			return err
		}
	}
	if _, err := os.Stat(o.path("witness", "key.pem")); errors.Is(err, fs.ErrNotExist) {
		if err := witness.CreateState(o.path("witness", "state.json")); err != nil {
			return err
		}
		if _, err := signer.CreateKeys(o.path("witness", "key.pem"), o.Rand, "witness"); err != nil {
			return err
		}
	}
	return nil
}

// witness opens the demo's own witness. It runs in this process; a real one
// belongs to somebody else.
func (o *Options) witness() (*witness.Core, error) {
	log, err := signer.ReadKeys(o.path("signer", "key.pem"), "log", "status")
	if err != nil {
		return nil, err
	}
	vkey := ledger.LogVKey(origin, log["log"].Public().(ed25519.PublicKey))
	own, err := signer.ReadKeys(o.path("witness", "key.pem"), "witness")
	if err != nil {
		return nil, err
	}
	return witness.New("witness.demo.hoshi.example", own["witness"], o.path("witness", "state.json"), []string{vkey}, o.Now)
}
