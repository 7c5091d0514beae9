package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"hoshi/internal/jobs"
	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
	"hoshi/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testkit.StopShared()
	os.Exit(code)
}

type queue struct {
	*store.DB
	clock *testkit.Clock
	next  int
}

func onBoth(t *testing.T, run func(t *testing.T, q *queue)) {
	storetest.Engines(t, func(t *testing.T, e store.Engine) {
		clock := testkit.NewClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
		db := storetest.Open(t, e, clock.Now)
		run(t, &queue{DB: db, clock: clock})
	})
}

func (q *queue) add(t *testing.T, n jobs.New) {
	t.Helper()
	q.next++
	n.ID = fmt.Sprintf("j%03d", q.next)
	if err := q.Update(t.Context(), func(tx *store.Tx) error { return jobs.Enqueue(t.Context(), tx, n) }); err != nil {
		t.Fatal(err)
	}
}

func (q *queue) in(t *testing.T, state store.JobState) (out []store.Job) {
	t.Helper()
	err := q.View(t.Context(), func(tx *store.Tx) (err error) {
		out, err = store.Jobs(t.Context(), tx, state)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (q *queue) runner(h map[string]jobs.Handler) *jobs.Runner {
	return &jobs.Runner{DB: q.DB, Handlers: h, Log: slog.New(slog.DiscardHandler), Lease: time.Minute}
}

func step(t *testing.T, r *jobs.Runner) bool {
	t.Helper()
	worked, err := r.Step(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return worked
}

func TestOrderAndTime(t *testing.T) {
	onBoth(t, func(t *testing.T, q *queue) {
		var did []string
		r := q.runner(map[string]jobs.Handler{"a": func(_ context.Context, j store.Job) error {
			did = append(did, string(j.Args))
			return nil
		}})
		q.add(t, jobs.New{Kind: "a", Args: 2, RunAt: q.clock.Now().Add(time.Hour)})
		q.add(t, jobs.New{Kind: "a", Args: 1})
		q.add(t, jobs.New{Kind: "other", Args: 9})
		if !step(t, r) || step(t, r) {
			t.Fatalf("did %v", did)
		}
		q.clock.Advance(time.Hour)
		if !step(t, r) || step(t, r) || fmt.Sprint(did) != "[1 2]" {
			t.Errorf("did %v", did)
		}
		if left := q.in(t, store.JobAvailable); len(left) != 1 || left[0].Kind != "other" {
			t.Errorf("left %+v", left)
		}
	})
}

// An act that is rolled back leaves no job.
func TestOutbox(t *testing.T) {
	onBoth(t, func(t *testing.T, q *queue) {
		refused := errors.New("the act is refused")
		err := q.Update(t.Context(), func(tx *store.Tx) error {
			if err := jobs.Enqueue(t.Context(), tx, jobs.New{ID: "x", Kind: "a"}); err != nil {
				t.Error(err)
			}
			return refused
		})
		if !errors.Is(err, refused) || len(q.in(t, store.JobAvailable)) != 0 {
			t.Errorf("%v", err)
		}
	})
}

func TestUniqueKey(t *testing.T) {
	onBoth(t, func(t *testing.T, q *queue) {
		for range 3 {
			q.add(t, jobs.New{Kind: "a", UniqueKey: "label 1"})
		}
		q.add(t, jobs.New{Kind: "a", UniqueKey: "label 2"})
		q.add(t, jobs.New{Kind: "a"})
		q.add(t, jobs.New{Kind: "a"})
		if n := len(q.in(t, store.JobAvailable)); n != 4 {
			t.Errorf("%d jobs wait, want 4", n)
		}
		// While it runs, its like may be added: what runs may have read the old state.
		r := q.runner(map[string]jobs.Handler{"a": func(context.Context, store.Job) error {
			q.add(t, jobs.New{Kind: "a", UniqueKey: "label 1"})
			return errors.New("fails after that")
		}})
		step(t, r)
		if n := len(q.in(t, store.JobAvailable)); n != 4 {
			t.Errorf("%d jobs wait after one failed beside its like, want 4", n)
		}
		if done := q.in(t, store.JobCompleted); len(done) != 1 || done[0].UniqueKey != "label 1" {
			t.Errorf("%+v", done)
		}
	})
}

func TestBackoffAndDiscard(t *testing.T) {
	onBoth(t, func(t *testing.T, q *queue) {
		tries := 0
		r := q.runner(map[string]jobs.Handler{"a": func(context.Context, store.Job) error {
			tries++
			if tries == 2 {
				panic("at the second try")
			}
			return errors.New("no luck")
		}})
		q.add(t, jobs.New{Kind: "a", MaxAttempts: 3})
		for i, wait := range []time.Duration{jobs.Backoff(1), jobs.Backoff(2)} {
			if !step(t, r) {
				t.Fatalf("try %d was not due", i+1)
			}
			q.clock.Advance(wait - time.Millisecond)
			if step(t, r) {
				t.Fatalf("try %d came too early", i+2)
			}
			q.clock.Advance(time.Millisecond)
		}
		if !step(t, r) || tries != 3 {
			t.Errorf("%d tries", tries)
		}
		if gone := q.in(t, store.JobDiscarded); len(gone) != 1 || gone[0].Attempt != 3 || gone[0].Error == "" {
			t.Errorf("%+v", gone)
		}
	})
}

func TestCancelAndSnooze(t *testing.T) {
	onBoth(t, func(t *testing.T, q *queue) {
		later := true
		r := q.runner(map[string]jobs.Handler{
			"never": func(context.Context, store.Job) error { return jobs.Cancel(errors.New("there is no such label")) },
			"later": func(context.Context, store.Job) error {
				if later {
					later = false
					return jobs.Snooze(time.Hour)
				}
				return nil
			},
		})
		q.add(t, jobs.New{Kind: "never"})
		q.add(t, jobs.New{Kind: "later", MaxAttempts: 1})
		for step(t, r) {
		}
		if n := len(q.in(t, store.JobCancelled)); n != 1 {
			t.Errorf("%d cancelled", n)
		}
		if w := q.in(t, store.JobAvailable); len(w) != 1 || w[0].Attempt != 0 {
			t.Errorf("snoozed: %+v", w)
		}
		q.clock.Advance(time.Hour)
		if !step(t, r) || len(q.in(t, store.JobCompleted)) != 1 {
			t.Error("not done later")
		}
	})
}

// A worker that dies leaves its lease behind; another takes the job when it has run
// out, and the first can no longer finish it.
func TestRescue(t *testing.T) {
	onBoth(t, func(t *testing.T, q *queue) {
		q.add(t, jobs.New{Kind: "a", MaxAttempts: 2})
		claim := func() []store.Job {
			var got []store.Job
			err := q.Update(t.Context(), func(tx *store.Tx) (err error) {
				got, err = store.ClaimJobs(t.Context(), tx, []string{"a"}, "dead", tx.At.Add(time.Minute), 5)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if len(claim()) != 1 || len(claim()) != 0 {
			t.Fatal("a leased job was given twice")
		}
		q.clock.Advance(time.Minute)
		r := q.runner(map[string]jobs.Handler{"a": func(context.Context, store.Job) error {
			// The first worker was only slow: it comes back now.
			return q.Update(t.Context(), func(tx *store.Tx) error {
				held, err := store.FinishJob(t.Context(), tx, "j001", "dead", store.JobCompleted, "")
				if held {
					t.Error("a lost lease still finishes")
				}
				return err
			})
		}})
		if !step(t, r) || len(q.in(t, store.JobCompleted)) != 1 {
			t.Error("the job of a dead worker was not taken")
		}

		q.add(t, jobs.New{Kind: "a", MaxAttempts: 1})
		if len(claim()) != 1 {
			t.Fatal("not claimed")
		}
		q.clock.Advance(time.Minute)
		if step(t, r) {
			t.Error("a job without attempts left was tried again")
		}
		if _, err := r.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(q.in(t, store.JobDiscarded)); n != 1 {
			t.Errorf("%d discarded", n)
		}
	})
}

func TestPeriodic(t *testing.T) {
	onBoth(t, func(t *testing.T, q *queue) {
		n := 0
		a := q.runner(map[string]jobs.Handler{"hourly": func(context.Context, store.Job) error { n++; return nil }})
		a.Periodic = []jobs.Periodic{{Name: "hourly", Every: time.Hour}}
		b := *a
		for range 3 {
			var wg sync.WaitGroup
			for _, r := range []*jobs.Runner{a, &b} {
				wg.Go(func() {
					if _, err := r.Tend(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for step(t, a) {
			}
			q.clock.Advance(time.Hour)
		}
		if n != 3 {
			t.Errorf("ran %d times in three hours", n)
		}
		q.clock.Advance(8 * 24 * time.Hour)
		if _, err := a.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := q.in(t, store.JobCompleted); len(left) != 0 {
			t.Errorf("old jobs are kept: %+v", left)
		}
	})
}

// Many workers on one queue do every job once.
func TestManyWorkers(t *testing.T) {
	onBoth(t, func(t *testing.T, q *queue) {
		const n = 120
		for i := range n {
			q.add(t, jobs.New{Kind: "a", Args: i})
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var mu sync.Mutex
		did := map[string]int{}
		r := q.runner(map[string]jobs.Handler{"a": func(_ context.Context, j store.Job) error {
			mu.Lock()
			defer mu.Unlock()
			did[string(j.Args)]++
			if len(did) == n {
				stop()
			}
			return nil
		}})
		r.Workers, r.Poll = 8, time.Millisecond
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		for k, times := range did {
			if times != 1 {
				t.Errorf("job %s was done %d times", k, times)
			}
		}
		if left := q.in(t, store.JobAvailable); len(did) != n || len(left) != 0 {
			t.Errorf("%d done, %d left", len(did), len(left))
		}
	})
}
