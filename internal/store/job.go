package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// JobState is where a job stands.
type JobState string

const (
	JobAvailable JobState = "available" // waits for its time, or for a worker
	JobRunning   JobState = "running"   // leased
	JobCompleted JobState = "completed"
	JobCancelled JobState = "cancelled" // the handler said that trying again is no use
	JobDiscarded JobState = "discarded" // all attempts failed
)

// Job is one piece of work that follows an act.
type Job struct {
	ID          string
	Kind        string // which handler
	Args        json.RawMessage
	UniqueKey   string // while a job of this key waits, another is not added; "" = no limit
	State       JobState
	RunAt       time.Time
	Attempt     int // how often it was started
	MaxAttempts int
	LeasedBy    string // lease token of the running attempt
	Error       string // of the last attempt
}

// InsertJob adds a job that commits with the transaction; added is false when one of its key waits already.
func InsertJob(ctx context.Context, tx *Tx, j Job) (added bool, err error) {
	n, err := tx.exec(ctx, "store.InsertJob", `INSERT INTO job
		(id, kind, args, unique_key, state, run_at, attempt, max_attempts, leased_by, lease_until, created, finished, error)
		VALUES ($1, $2, $3, $4, 'available', $5, 0, $6, '', '', $7, '', '')
		ON CONFLICT (unique_key) WHERE state = 'available' AND unique_key IS NOT NULL DO NOTHING`,
		j.ID, j.Kind, string(j.Args), orNull(j.UniqueKey), Time{j.RunAt}, j.MaxAttempts, Time{tx.At})
	return n == 1, err
}

const jobColumns = `id, kind, args, COALESCE(unique_key, ''), state, run_at, attempt, max_attempts, leased_by, error`

func scanJob(row *sql.Rows) (j Job, err error) {
	var args string
	var runAt Time
	err = row.Scan(&j.ID, &j.Kind, &args, &j.UniqueKey, &j.State, &runAt, &j.Attempt, &j.MaxAttempts, &j.LeasedBy, &j.Error)
	j.Args, j.RunAt = json.RawMessage(args), runAt.Time
	return j, err
}

// ClaimJobs leases up to limit jobs of the kinds that are due, or whose lease ran
// out because their worker died, until an instant. token names the lease: only
// its holder can finish the attempt.
func ClaimJobs(ctx context.Context, tx *Tx, kinds []string, token string, until time.Time, limit int) ([]Job, error) {
	if len(kinds) == 0 {
		return nil, nil
	}
	args := []any{token, Time{until}, Time{tx.At}, limit}
	in := make([]string, len(kinds))
	for i, k := range kinds {
		args = append(args, k)
		in[i] = "$" + strconv.Itoa(len(args))
	}
	var out []Job
	err := tx.all(ctx, "store.ClaimJobs", `WITH due AS MATERIALIZED (
			SELECT id FROM job WHERE ((state = 'available' AND run_at <= $3) OR (state = 'running' AND lease_until <= $3))
			AND attempt < max_attempts AND kind IN (`+strings.Join(in, ", ")+`)
			ORDER BY run_at, id LIMIT $4`+tx.engine.SkipLocked()+`)
		UPDATE job SET state = 'running', attempt = attempt + 1, leased_by = $1, lease_until = $2
		WHERE id IN (SELECT id FROM due) RETURNING `+jobColumns, args, func(row *sql.Rows) error {
		j, err := scanJob(row)
		out = append(out, j)
		return err
	})
	slices.SortFunc(out, func(a, b Job) int { return cmp.Or(a.RunAt.Compare(b.RunAt), cmp.Compare(a.ID, b.ID)) })
	return out, err
}

// ExtendJob prolongs a lease; false when it is no longer held.
func ExtendJob(ctx context.Context, tx *Tx, id, token string, until time.Time) (bool, error) {
	n, err := tx.exec(ctx, "store.ExtendJob",
		`UPDATE job SET lease_until = $1 WHERE id = $2 AND leased_by = $3 AND state = 'running'`, Time{until}, id, token)
	return n == 1, err
}

// FinishJob ends a leased attempt for good; false when the lease is no longer held.
func FinishJob(ctx context.Context, tx *Tx, id, token string, state JobState, failure string) (bool, error) {
	n, err := tx.exec(ctx, "store.FinishJob", `UPDATE job SET state = $1, error = $2, finished = $3, leased_by = '', lease_until = ''
		WHERE id = $4 AND leased_by = $5 AND state = 'running'`, string(state), failure, Time{tx.At}, id, token)
	return n == 1, err
}

// RetryJob puts a leased job back until an instant. free: the attempt does not
// count. When a job of its key waits already, that one takes its place and this
// one completes; false when the lease is no longer held.
func RetryJob(ctx context.Context, tx *Tx, id, token string, runAt time.Time, failure string, free bool) (bool, error) {
	const op = "store.RetryJob"
	n, err := tx.exec(ctx, op, `UPDATE job SET state = 'completed', error = $1, finished = $2, leased_by = '', lease_until = ''
		WHERE id = $3 AND leased_by = $4 AND state = 'running'
		AND unique_key IN (SELECT o.unique_key FROM job o WHERE o.state = 'available' AND o.unique_key IS NOT NULL)`,
		failure, Time{tx.At}, id, token)
	if err != nil || n == 1 {
		return n == 1, err
	}
	less := 0
	if free {
		less = 1
	}
	n, err = tx.exec(ctx, op, `UPDATE job SET state = 'available', error = $1, run_at = $2, attempt = attempt - $3, leased_by = '', lease_until = ''
		WHERE id = $4 AND leased_by = $5 AND state = 'running'`, failure, Time{runAt}, less, id, token)
	return n == 1, err
}

// DiscardStuck gives up jobs whose last attempt lost its worker; it returns how many.
func DiscardStuck(ctx context.Context, tx *Tx) (int64, error) {
	return tx.exec(ctx, "store.DiscardStuck", `UPDATE job SET state = 'discarded', finished = $1, leased_by = '', lease_until = ''
		WHERE state = 'running' AND lease_until <= $1 AND attempt >= max_attempts`, Time{tx.At})
}

// CleanJobs drops jobs that finished before an instant; it returns how many.
func CleanJobs(ctx context.Context, tx *Tx, before time.Time) (int64, error) {
	return tx.exec(ctx, "store.CleanJobs", `DELETE FROM job WHERE finished <> '' AND finished < $1`, Time{before})
}

// Jobs returns the jobs of a state, in the order of their time.
func Jobs(ctx context.Context, tx *Tx, state JobState) ([]Job, error) {
	var out []Job
	err := tx.all(ctx, "store.Jobs", `SELECT `+jobColumns+` FROM job WHERE state = $1 ORDER BY run_at, id`,
		[]any{string(state)}, func(row *sql.Rows) error {
			j, err := scanJob(row)
			out = append(out, j)
			return err
		})
	return out, err
}

// TakePeriodic reports whether the periodic job of a name is due, and if so sets
// when it is due next. Of several processes exactly one is told. A name that is
// new is due at once.
func TakePeriodic(ctx context.Context, tx *Tx, name string, next time.Time) (bool, error) {
	n, err := tx.exec(ctx, "store.TakePeriodic", `INSERT INTO periodic (name, next_at) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at WHERE periodic.next_at <= $3`, name, Time{next}, Time{tx.At})
	return n == 1, err
}
