package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"hoshi/internal/casework"
	"hoshi/internal/fault"
	"hoshi/internal/jobs"
	"hoshi/internal/store"
)

// jobSweep forgets sessions and kept forms that have ended.
const jobSweep = "forget-sessions"

// grace is how long requests in flight may take when the server is asked to stop.
const grace = 10 * time.Second

// Run serves until ctx ends: the portal and the public site, the publisher, the
// signer process when it is configured to be a child, the health check. It stops
// in this order: no new requests, requests in flight end, the log stops moving,
// the signer ends. A kill at any moment loses nothing that was acknowledged.
// ready is called with the address once requests are answered.
func (a *App) Run(ctx context.Context, ready func(addr net.Addr)) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.Config.Listen)
	if err != nil {
		return fault.Wrap(fault.Unavailable, "app.Run", err, "app.listen", "addr", a.Config.Listen)
	}
	// Children and the log outlive the requests: they have a context of their own.
	inner, stopInner := context.WithCancel(context.WithoutCancel(ctx))
	defer stopInner()
	var back errgroup.Group
	if a.Config.Signer.Key != "" {
		back.Go(func() error { return a.superviseSigner(inner) })
	}
	back.Go(func() error { return a.log.run(inner) })
	back.Go(func() error { return a.jobs().Run(inner) })

	var front errgroup.Group
	main := a.server(a.mux())
	front.Go(func() error { return a.serve(ctx, main, l, a.Config.TLS.Certificate, a.Config.TLS.Key) })
	if a.Config.Health != "" {
		hl, err := new(net.ListenConfig).Listen(ctx, "tcp", a.Config.Health)
		if err != nil {
			stopInner()
			return errors.Join(fault.Wrap(fault.Unavailable, "app.Run", err, "app.listen", "addr", a.Config.Health), l.Close(), back.Wait())
		}
		front.Go(func() error { return a.serve(ctx, a.server(http.HandlerFunc(a.health)), hl, "", "") })
	}
	if ready != nil {
		ready(l.Addr())
	}
	err = front.Wait()
	stopInner()
	return errors.Join(err, back.Wait())
}

// jobs does what follows from acts. A label's public files follow from the log, so
// its job only makes the log look at once.
func (a *App) jobs() *jobs.Runner {
	handlers, periodic := a.Casework.Jobs()
	handlers[casework.JobPublish] = func(context.Context, store.Job) error {
		a.log.wake()
		return nil
	}
	handlers[jobSweep] = func(ctx context.Context, _ store.Job) error { return a.Auth.Sweep(ctx) }
	periodic = append(periodic, jobs.Periodic{Name: jobSweep, Every: time.Hour})
	return &jobs.Runner{DB: a.DB, Handlers: handlers, Periodic: periodic, Log: a.Log, Rand: a.Rand, Workers: 2}
}

func (a *App) server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, WriteTimeout: 5 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(a.Log.Handler(), slog.LevelWarn)}
}

// serve answers until ctx ends, then lets requests in flight finish.
func (a *App) serve(ctx context.Context, s *http.Server, l net.Listener, cert, key string) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		stopped <- s.Shutdown(end)
	})
	var err error
	if cert != "" {
		err = s.ServeTLS(l, cert, key)
	} else {
		err = s.Serve(l)
	}
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fault.Wrap(fault.Unavailable, "app.serve", err, "app.listen", "addr", l.Addr().String())
	}
	return <-stopped
}

// mux puts the health check beside the site when it has no address of its own.
func (a *App) mux() http.Handler {
	if a.Config.Health != "" {
		return a.handler
	}
	mux := http.NewServeMux()
	mux.Handle("/", a.handler)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !from.Addr().Unmap().IsLoopback() || r.Header.Get("X-Forwarded-For") != "" {
			http.NotFound(w, r)
			return
		}
		a.health(w, r)
	})
	return mux
}

// healthState is the answer of the health check.
type healthState struct {
	Database string `json:"database"` // "ok" or "down"
	Log      string `json:"log"`      // "ok", "waiting" (another server moves it, or not yet) or the kind of failure
	Leaves   int64  `json:"leaves"`   // public leaves, as far as this server moved them
	Moved    string `json:"moved,omitempty"`
}

// health answers 200 while the database does. A log that does not move is told and
// is no reason to take the server away: label pages and the portal work.
func (a *App) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	h := healthState{Database: "ok", Log: "ok"}
	status := http.StatusOK
	if _, err := a.DB.Log().State(ctx); err != nil {
		h.Database, status = "down", http.StatusServiceUnavailable
	}
	leaves, at, err := a.log.state()
	h.Leaves = leaves
	switch {
	case err != nil:
		h.Log = string(fault.KindOf(err))
	case at.IsZero():
		h.Log = "waiting"
	default:
		h.Moved = at.UTC().Format(time.RFC3339)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(h) // the reader has gone
}
