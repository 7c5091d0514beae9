package storetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/store"
)

func audit(t *testing.T, b *Bench) {
	row := store.AuditRow{ID: "1", At: Start, PersonID: "p", AccountID: "a", OrganisationID: "o", Role: "officer", Action: "application.grant",
		Kind: "application", Subject: "x", Detail: json.RawMessage(`{"k":"値"}`)}
	later := row
	later.ID, later.At = "0", Start.Add(time.Second)
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.InsertAudit(ctx, tx, row) })
	b.Clock.Advance(time.Second)
	b.update(t, func(ctx context.Context, tx *store.Tx) error { return store.InsertAudit(ctx, tx, later) })
	same(t, []store.AuditRow{row, later}, get(t, b, func(ctx context.Context, tx *store.Tx) ([]store.AuditRow, error) {
		return store.Audit(ctx, tx, "application", "x")
	}))
}

// Some writes may wait for the next read or the commit. A read sees them, a write
// comes after them, and one that is refused takes the whole act with it.
func waiting(t *testing.T, b *Bench) {
	row := store.AuditRow{ID: "1", At: Start, Action: "application.grant", Kind: "application", Subject: "x", Detail: json.RawMessage(`{}`)}
	trail := func(ctx context.Context, tx *store.Tx) ([]store.AuditRow, error) {
		return store.Audit(ctx, tx, "application", "x")
	}
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		if err := store.InsertAudit(ctx, tx, row); err != nil {
			return err
		}
		seen, err := trail(ctx, tx)
		same(t, []store.AuditRow{row}, seen)
		return err
	})
	other := row
	other.ID = "2"
	for name, refused := range map[string]func(ctx context.Context, tx *store.Tx) error{
		"twice": func(ctx context.Context, tx *store.Tx) error { return store.InsertAudit(ctx, tx, row) },
		"gone":  func(ctx context.Context, tx *store.Tx) error { return store.SetOnce(ctx, tx, "nobody's", "r") },
		"before a write": func(ctx context.Context, tx *store.Tx) error {
			if err := store.SetOnce(ctx, tx, "nobody's", "r"); err != nil {
				return err
			}
			_, _, err := store.ClaimOnce(ctx, tx, "k")
			return err
		},
		"before a read": func(ctx context.Context, tx *store.Tx) error {
			if err := store.InsertAudit(ctx, tx, row); err != nil {
				return err
			}
			_, err := trail(ctx, tx)
			if err == nil {
				t.Error("the read did not learn that a write before it failed")
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b.fails(t, fault.Conflict, func(ctx context.Context, tx *store.Tx) error {
				if err := store.InsertAudit(ctx, tx, other); err != nil {
					return err
				}
				return refused(ctx, tx)
			})
			same(t, []store.AuditRow{row}, get(t, b, trail))
		})
	}
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		if err := store.InsertAudit(ctx, tx, other); err != nil {
			return err
		}
		if _, taken, err := store.ClaimOnce(ctx, tx, "k"); taken || err != nil { // its count is its own, not that of what waited
			t.Errorf("%v, %v", taken, err)
		}
		if err := store.SetOnce(ctx, tx, "k", "r"); err != nil {
			return err
		}
		result, taken, err := store.ClaimOnce(ctx, tx, "k")
		if !taken || result != "r" {
			t.Errorf("%q, %v", result, taken)
		}
		return err
	})
	same(t, []store.AuditRow{row, other}, get(t, b, trail))
}

func once(t *testing.T, b *Bench) {
	claim := func(set string) (result string, taken bool) {
		b.update(t, func(ctx context.Context, tx *store.Tx) (err error) {
			if result, taken, err = store.ClaimOnce(ctx, tx, "k"); err != nil || taken || set == "" {
				return err
			}
			return store.SetOnce(ctx, tx, "k", set)
		})
		return result, taken
	}
	err := b.Update(t.Context(), func(tx *store.Tx) error { // an act that is refused gives its key back
		if _, taken, err := store.ClaimOnce(t.Context(), tx, "k"); taken || err != nil {
			t.Errorf("%v, %v", taken, err)
		}
		return errRefused
	})
	if err == nil {
		t.Fatal("committed")
	}
	if r, taken := claim("first"); taken {
		t.Errorf("taken already: %q", r)
	}
	if r, taken := claim("second"); !taken || r != "first" {
		t.Errorf("%q, %v", r, taken)
	}
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		n, err := store.ForgetOnce(ctx, tx, store.Time{Time: Start})
		if n != 0 {
			t.Errorf("%d keys of now were forgotten", n)
		}
		return err
	})
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := store.ForgetOnce(ctx, tx, store.Time{Time: Start.Add(time.Second)})
		return err
	})
	if _, taken := claim(""); taken {
		t.Error("a forgotten key is taken")
	}
}

// jobs is the SQL of the queue; its behaviour as a whole is tested in package jobs.
func jobs(t *testing.T, b *Bench) {
	add := func(id, key string, runAt time.Time) (added bool) {
		b.update(t, func(ctx context.Context, tx *store.Tx) (err error) {
			added, err = store.InsertJob(ctx, tx, store.Job{ID: id, Kind: "k", Args: json.RawMessage(`{}`), UniqueKey: key, RunAt: runAt, MaxAttempts: 2})
			return err
		})
		return added
	}
	if !add("1", "u", Start) || add("2", "u", Start) || !add("3", "", Start.Add(-time.Second)) || !add("4", "", Start.Add(time.Second)) {
		t.Error("adding is wrong")
	}
	claim := func(token string, limit int, kinds ...string) (got []store.Job) {
		b.update(t, func(ctx context.Context, tx *store.Tx) (err error) {
			got, err = store.ClaimJobs(ctx, tx, kinds, token, tx.At.Add(time.Minute), limit)
			return err
		})
		return got
	}
	if len(claim("w", 5)) != 0 || len(claim("w", 5, "other")) != 0 {
		t.Error("jobs of other kinds were claimed")
	}
	if got := claim("w", 1, "other", "k"); len(got) != 1 || got[0].ID != "3" || got[0].Attempt != 1 || got[0].LeasedBy != "w" {
		t.Errorf("%+v", got)
	}
	if got := claim("w2", 5, "k"); len(got) != 1 || got[0].ID != "1" {
		t.Errorf("%+v", got)
	}
	held := func(fn func(ctx context.Context, tx *store.Tx) (bool, error)) (ok bool) {
		b.update(t, func(ctx context.Context, tx *store.Tx) (err error) {
			ok, err = fn(ctx, tx)
			return err
		})
		return ok
	}
	extend := func(id, token string) bool {
		return held(func(ctx context.Context, tx *store.Tx) (bool, error) {
			return store.ExtendJob(ctx, tx, id, token, tx.At.Add(2*time.Minute))
		})
	}
	finish := func(id, token string) bool {
		return held(func(ctx context.Context, tx *store.Tx) (bool, error) {
			return store.FinishJob(ctx, tx, id, token, store.JobCompleted, "")
		})
	}
	retry := func(id, token string, free bool) bool {
		return held(func(ctx context.Context, tx *store.Tx) (bool, error) {
			return store.RetryJob(ctx, tx, id, token, tx.At, "why", free)
		})
	}
	if extend("3", "w2") || finish("3", "w2") || retry("3", "w2", false) {
		t.Error("a stranger's lease works")
	}
	if !extend("3", "w") || !retry("1", "w2", true) {
		t.Error("the own lease does not work")
	}
	b.Clock.Advance(time.Minute) // the lease of 3 was prolonged
	if got := claim("w3", 5, "k"); len(got) != 2 || got[0].ID != "1" || got[0].Attempt != 1 || got[0].Error != "why" || got[1].ID != "4" {
		t.Errorf("%+v", got)
	}
	b.Clock.Advance(time.Minute)
	if got := claim("w4", 5, "k"); len(got) != 3 || got[0].ID != "3" || got[0].Attempt != 2 {
		t.Errorf("%+v", got)
	}
	if !finish("1", "w4") || finish("1", "w4") {
		t.Error("finishing is wrong")
	}
	b.Clock.Advance(time.Hour)
	b.update(t, func(ctx context.Context, tx *store.Tx) error {
		if n, err := store.DiscardStuck(ctx, tx); n != 2 || err != nil {
			t.Errorf("discarded %d, %v", n, err)
		}
		if n, err := store.CleanJobs(ctx, tx, tx.At); n != 1 || err != nil {
			t.Errorf("cleaned %d, %v", n, err)
		}
		return nil
	})
	left := get(t, b, func(ctx context.Context, tx *store.Tx) ([]store.Job, error) {
		return store.Jobs(ctx, tx, store.JobDiscarded)
	})
	if len(left) != 2 {
		t.Errorf("%+v", left)
	}
}

func periodic(t *testing.T, b *Bench) {
	take := func() (due bool) {
		b.update(t, func(ctx context.Context, tx *store.Tx) (err error) {
			due, err = store.TakePeriodic(ctx, tx, "p", tx.At.Add(time.Hour))
			return err
		})
		return due
	}
	if !take() || take() {
		t.Error("a new name is due once")
	}
	b.Clock.Advance(time.Hour)
	if !take() || take() {
		t.Error("not due again after an hour, once")
	}
}
