// Package jobs is the outbox and the queue: work that follows an act. A job
// commits together with the act; a runner of any process leases it and calls the
// handler of its kind, at least once, until it succeeds or its attempts are used
// up. Handlers must bear being called twice.
//
// What it is not: a place for acts. An act that must happen belongs into the
// transaction itself (package casework). Start at [Runner].
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hoshi/internal/store"
)

// DefaultAttempts is how often a job is tried when [New] does not say.
const DefaultAttempts = 25

// New is a job to put into the queue.
type New struct {
	ID          string // unique, made by the caller
	Kind        string
	Args        any       // JSON
	UniqueKey   string    // while a job of this key waits, another is not added; "" = no limit
	RunAt       time.Time // not before; zero = at once
	MaxAttempts int       // 0 = DefaultAttempts
}

// Enqueue adds a job that commits with the transaction.
func Enqueue(ctx context.Context, tx *store.Tx, n New) error {
	args, err := json.Marshal(n.Args)
	if err != nil {
		return fmt.Errorf("jobs.Enqueue: %w", err)
	}
	j := store.Job{ID: n.ID, Kind: n.Kind, Args: args, UniqueKey: n.UniqueKey, RunAt: n.RunAt, MaxAttempts: n.MaxAttempts}
	if j.RunAt.IsZero() {
		j.RunAt = tx.At
	}
	if j.MaxAttempts == 0 {
		j.MaxAttempts = DefaultAttempts
	}
	_, err = store.InsertJob(ctx, tx, j)
	return err
}

// Handler does one job. The context ends when the lease is lost or the runner stops.
type Handler func(ctx context.Context, j store.Job) error

// cancelled is an error after which trying again is no use.
type cancelled struct{ error }

func (c cancelled) Unwrap() error { return c.error }

// Cancel marks an error: the job ends, and is not tried again.
func Cancel(err error) error { return cancelled{err} }

// snoozed asks for another time.
type snoozed time.Duration

func (s snoozed) Error() string { return "later, in " + time.Duration(s).String() }

// Snooze is returned by a handler whose time has not come; the attempt does not count.
func Snooze(d time.Duration) error { return snoozed(d) }

// Backoff is how long a job waits after its attempt-th failure: attempt⁴ seconds,
// at most a day. The 25 attempts of [DefaultAttempts] take about two weeks.
func Backoff(attempt int) time.Duration {
	n := time.Duration(min(attempt, 18))
	return min(n*n*n*n*time.Second, 24*time.Hour)
}

func outcome(err error) (cancel bool, snooze time.Duration) {
	if s, ok := errors.AsType[snoozed](err); ok {
		return false, time.Duration(s)
	}
	_, cancel = errors.AsType[cancelled](err)
	return cancel, 0
}
