package app

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/ledger/signer"
	"hoshi/internal/ledger/witness"
	"hoshi/internal/registry"
)

// How often the log moves. A grant is public within a second or so; the design
// asks for ten at most.
const (
	beat       = 300 * time.Millisecond
	leaseName  = "publisher"
	leaseTime  = 3 * time.Second
	expireBeat = time.Minute
)

// logKeeper moves the log forward and publishes, in the one process that holds the
// lease.
type logKeeper struct {
	app      *App
	files    sequence.Files
	editions func(string) (*criteria.Edition, error)
	signer   *signer.Client
	holder   string
	woken    chan struct{}
	began    time.Time

	mu   sync.Mutex
	last registry.Round // of the newest run, for the health check
	err  error
	at   time.Time
}

func newLogKeeper(a *App, files sequence.Files, editions func(string) (*criteria.Edition, error)) *logKeeper {
	return &logKeeper{app: a, files: files, editions: editions, signer: signer.Dial(a.Config.Signer.Socket), woken: make(chan struct{}, 1)}
}

// run works until ctx ends. Whatever fails is tried again: the signer may start
// later than the server, a witness may be away, the database may be restarted.
func (k *logKeeper) run(ctx context.Context) error {
	var id [8]byte
	if _, err := io.ReadFull(k.app.Rand, id[:]); err != nil {
		return err
	}
	k.holder, k.began = hex.EncodeToString(id[:]), k.app.Now()
	defer k.release()
	var pub *registry.Publisher
	var expired time.Time
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		held, err := k.app.DB.Lease(ctx, leaseName, k.holder, leaseTime)
		if err == nil && held {
			if pub == nil {
				pub, err = k.publisher(ctx)
			}
			if now := k.app.Now(); err == nil && now.Sub(expired) >= expireBeat {
				if _, err = k.app.Casework.ExpireDue(ctx); err == nil {
					expired = now
				}
			}
			if err == nil {
				var r registry.Round
				r, err = pub.Run(ctx)
				k.note(ctx, r, err)
			}
		}
		if err != nil {
			k.note(ctx, registry.Round{}, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-k.woken:
		}
	}
}

// wake makes the log look at once.
func (k *logKeeper) wake() {
	select {
	case k.woken <- struct{}{}:
	default: // it is awake
	}
}

// note remembers how it went; a failure is logged when it is new.
func (k *logKeeper) note(ctx context.Context, r registry.Round, err error) {
	if ctx.Err() != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	// The signer may be a child that is just starting.
	starting := k.at.IsZero() && fault.Is(err, fault.Unavailable) && k.app.Now().Sub(k.began) < 5*time.Second
	if starting {
		return
	}
	if err != nil && (k.err == nil || k.err.Error() != err.Error()) {
		k.app.Log.LogAttrs(ctx, slog.LevelError, "the log does not move", slog.Any("err", err), slog.String("kind", string(fault.KindOf(err))))
	}
	if err == nil {
		if k.err != nil {
			k.app.Log.LogAttrs(ctx, slog.LevelInfo, "the log moves again", slog.Int64("leaves", r.Size))
		}
		k.last, k.at = r, k.app.Now()
	}
	k.err = err
}

// state is what the health check tells.
func (k *logKeeper) state() (leaves int64, at time.Time, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last.Size, k.at, k.err
}

// forked reports whether the newest run found the database older than the signer's
// memory, as after restoring an old backup.
func (k *logKeeper) forked() bool {
	_, _, err := k.state()
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Key == "ledger.fork"
}

func (k *logKeeper) release() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := k.app.DB.Release(ctx, leaseName, k.holder); err != nil {
		k.app.Log.LogAttrs(ctx, slog.LevelWarn, "lease not given back; others wait until it ends", slog.Any("err", err))
	}
}

// publisher asks the signer for its keys and makes the publisher.
func (k *logKeeper) publisher(ctx context.Context) (*registry.Publisher, error) {
	keys, witnesses, err := k.keys(ctx)
	if err != nil {
		return nil, err
	}
	seq, err := sequence.New(sequence.Options{Keys: keys, Store: k.app.DB.Log(), Files: k.files, Signer: k.signer, Witnesses: witnesses})
	if err != nil {
		return nil, err
	}
	return &registry.Publisher{DB: k.app.DB, Settings: k.app.Settings, Editions: k.editions, Sequencer: seq, Files: k.files, Keys: keys,
		Signer: k.signer, Site: k.app.Site, Dir: k.app.Config.Public, Now: k.app.Now, Rand: k.app.Rand, Log: k.app.Log, Pause: time.Second}, nil
}

// keys is the manifest: the signer's public keys and the configured witnesses.
func (k *logKeeper) keys(ctx context.Context) (ledger.Keys, []sequence.Witness, error) {
	m := ledger.Keys{V: 1, Scheme: k.app.Settings.ID, Witnesses: []string{}}
	var err error
	if m.Origin, m.Log, m.Status, err = k.signer.Keys(ctx); err != nil {
		return m, nil, err
	}
	var out []sequence.Witness
	for _, w := range k.app.Options.Witnesses {
		m.Witnesses = append(m.Witnesses, w.Key)
		out = append(out, w.Witness)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	for _, w := range k.app.Config.Witnesses {
		name, _, _ := strings.Cut(w.Key, "+")
		m.Witnesses = append(m.Witnesses, w.Key)
		out = append(out, witness.NewClient(name, w.URL, client))
	}
	m.Quorum = len(k.app.Options.Witnesses)
	if q := k.app.Config.Quorum; q != nil {
		m.Quorum += *q
	}
	_, err = m.Open()
	return m, out, err
}
