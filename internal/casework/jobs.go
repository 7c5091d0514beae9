package casework

import (
	"context"
	"encoding/json"
	"time"

	"hoshi/internal/jobs"
	"hoshi/internal/store"
)

// Kinds of jobs that casework puts into the queue.
const (
	JobPublish    = "publish-label" // args {"label": id}: the public files of a label are out of date; the publisher's
	JobForgetFile = "forget-file"   // args {"digest": …}: no evaluation may refer to a file any more; see ForgetFile
	jobForgetOnce = "forget-once"   // daily: tokens of forms that nobody will send again
)

// keepOnce is how long the token of a form is remembered.
const keepOnce = 30 * 24 * time.Hour

// Jobs returns the handlers of the jobs that casework does itself, and those that
// repeat. JobPublish is for whoever publishes.
func (s *Service) Jobs() (map[string]jobs.Handler, []jobs.Periodic) {
	return map[string]jobs.Handler{
		JobForgetFile: func(ctx context.Context, j store.Job) error {
			var args struct{ Digest string }
			if err := json.Unmarshal(j.Args, &args); err != nil {
				return jobs.Cancel(err)
			}
			return s.ForgetFile(ctx, args.Digest)
		},
		jobForgetOnce: func(ctx context.Context, _ store.Job) error {
			return s.DB.Update(ctx, func(tx *store.Tx) error {
				_, err := store.ForgetOnce(ctx, tx, store.Time{Time: tx.At.Add(-keepOnce)})
				return err
			})
		},
	}, []jobs.Periodic{{Name: jobForgetOnce, Every: 24 * time.Hour}}
}
