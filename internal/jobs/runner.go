package jobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"hoshi/internal/store"
)

// Periodic is work that repeats. Of all processes on one database exactly one
// puts it into the queue each time.
type Periodic struct {
	Name  string // also the kind and the unique key of its jobs
	Every time.Duration
}

// Runner leases jobs and does them. Several runners, of one process or of many,
// share one queue. The zero values of Lease, Poll and Workers mean a minute, a
// second and four.
type Runner struct {
	DB       *store.DB
	Handlers map[string]Handler // by kind; jobs of other kinds are left to other runners
	Periodic []Periodic
	Log      *slog.Logger
	Rand     io.Reader     // nil = the system's; for ids and lease tokens
	Lease    time.Duration // how long a worker may be silent before its job is given to another
	Poll     time.Duration // how long a runner with nothing to do waits before it looks again
	Workers  int
	Keep     time.Duration // how long finished jobs are kept; zero = a week
}

func (r *Runner) lease() time.Duration { return orDuration(r.Lease, time.Minute) }

func orDuration(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Run works until the context ends; jobs that run then are told and given back.
func (r *Runner) Run(ctx context.Context) error {
	workers := r.Workers
	if workers == 0 {
		workers = 4
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { r.loop(ctx, r.Step) })
	}
	wg.Go(func() { r.loop(ctx, r.Tend) })
	wg.Wait()
	return nil
}

// loop calls step again at once while it had something to do.
func (r *Runner) loop(ctx context.Context, step func(context.Context) (bool, error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		worked, err := step(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.LogAttrs(ctx, slog.LevelError, "queue", slog.Any("error", err))
		}
		if worked && err == nil {
			timer.Reset(0)
		} else {
			timer.Reset(orDuration(r.Poll, time.Second))
		}
	}
}

// Step does at most one job; worked is false when none was due.
func (r *Runner) Step(ctx context.Context) (worked bool, err error) {
	token, err := r.token()
	if err != nil {
		return false, err
	}
	kinds := slices.Sorted(maps.Keys(r.Handlers))
	var claimed []store.Job
	err = r.DB.Update(ctx, func(tx *store.Tx) (err error) {
		claimed, err = store.ClaimJobs(ctx, tx, kinds, token, tx.At.Add(r.lease()), 1)
		return err
	})
	if err != nil || len(claimed) == 0 {
		return false, err
	}
	j := claimed[0]
	failed := r.handle(ctx, j, token)
	// The end of a job is recorded even when the runner stops meanwhile.
	return true, r.finish(context.WithoutCancel(ctx), j, token, failed)
}

// handle calls the handler, prolongs the lease while it works, and turns a panic
// into an error. The handler's context ends when the lease is lost.
func (r *Runner) handle(ctx context.Context, j store.Job, token string) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var beat sync.WaitGroup
	beat.Go(func() {
		defer cancel()
		tick := time.NewTicker(r.lease() / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			held := true
			err := r.DB.Update(ctx, func(tx *store.Tx) (err error) {
				held, err = store.ExtendJob(ctx, tx, j.ID, token, tx.At.Add(r.lease()))
				return err
			})
			if err == nil && !held {
				return
			}
		}
	})
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		cancel()
		beat.Wait()
	}()
	return r.Handlers[j.Kind](ctx, j)
}

// maxError bounds what is kept of an error, in bytes.
const maxError = 2000

func (r *Runner) finish(ctx context.Context, j store.Job, token string, failed error) error {
	held := true
	cancel, snooze := outcome(failed)
	err := r.DB.Update(ctx, func(tx *store.Tx) (err error) {
		text := ""
		if failed != nil {
			text = fmt.Sprintf("%.*q", maxError, failed.Error())
		}
		switch {
		case failed == nil:
			held, err = store.FinishJob(ctx, tx, j.ID, token, store.JobCompleted, "")
		case cancel:
			held, err = store.FinishJob(ctx, tx, j.ID, token, store.JobCancelled, text)
		case snooze > 0:
			held, err = store.RetryJob(ctx, tx, j.ID, token, tx.At.Add(snooze), "", true)
		case errors.Is(failed, context.Canceled): // the runner stops; another goes on at once
			held, err = store.RetryJob(ctx, tx, j.ID, token, tx.At, text, true)
		case j.Attempt >= j.MaxAttempts:
			held, err = store.FinishJob(ctx, tx, j.ID, token, store.JobDiscarded, text)
		default:
			held, err = store.RetryJob(ctx, tx, j.ID, token, tx.At.Add(Backoff(j.Attempt)), text, false)
		}
		return err
	})
	if failed != nil && snooze == 0 {
		r.Log.LogAttrs(ctx, slog.LevelWarn, "job failed", slog.String("kind", j.Kind), slog.String("id", j.ID),
			slog.Int("attempt", j.Attempt), slog.Any("error", failed))
	}
	if err == nil && !held {
		r.Log.LogAttrs(ctx, slog.LevelWarn, "lease lost", slog.String("kind", j.Kind), slog.String("id", j.ID))
	}
	return err
}

// Tend puts due periodic jobs into the queue, gives up jobs whose last attempt lost
// its worker, and drops old finished ones.
func (r *Runner) Tend(ctx context.Context) (bool, error) {
	for _, p := range r.Periodic {
		id, err := r.token()
		if err != nil {
			return false, err
		}
		err = r.DB.Update(ctx, func(tx *store.Tx) error {
			due, err := store.TakePeriodic(ctx, tx, p.Name, tx.At.Add(p.Every))
			if err != nil || !due {
				return err
			}
			return Enqueue(ctx, tx, New{ID: id, Kind: p.Name, UniqueKey: p.Name})
		})
		if err != nil {
			return false, err
		}
	}
	return false, r.DB.Update(ctx, func(tx *store.Tx) error {
		if _, err := store.DiscardStuck(ctx, tx); err != nil {
			return err
		}
		_, err := store.CleanJobs(ctx, tx, tx.At.Add(-orDuration(r.Keep, 7*24*time.Hour)))
		return err
	})
}

func (r *Runner) token() (string, error) {
	var b [16]byte
	src := r.Rand
	if src == nil {
		src = rand.Reader
	}
	if _, err := io.ReadFull(src, b[:]); err != nil {
		return "", fmt.Errorf("jobs: no randomness: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
