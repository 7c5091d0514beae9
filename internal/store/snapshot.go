package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Snapshot is a submission as it was hashed.
type Snapshot struct {
	Digest        string // "sha256:…" of Body
	ApplicationID string
	Round         int
	Taken         time.Time
	Body          json.RawMessage // canonical JSON of a scheme.Snapshot
}

// InsertSnapshot keeps a submission for good.
func InsertSnapshot(ctx context.Context, tx *Tx, s Snapshot) error {
	_, err := tx.exec(ctx, "store.InsertSnapshot",
		`INSERT INTO snapshot (digest, application_id, round, taken, doc) VALUES ($1, $2, $3, $4, $5)`,
		s.Digest, s.ApplicationID, s.Round, Time{s.Taken}, string(s.Body))
	return err
}

// Snapshots returns the submissions of an application, the first one first.
func Snapshots(ctx context.Context, tx *Tx, applicationID string) ([]Snapshot, error) {
	var out []Snapshot
	err := tx.all(ctx, "store.Snapshots",
		`SELECT digest, application_id, round, taken, doc FROM snapshot WHERE application_id = $1 ORDER BY round, taken`,
		[]any{applicationID}, func(row *sql.Rows) error {
			var s Snapshot
			var taken Time
			var body string
			if err := row.Scan(&s.Digest, &s.ApplicationID, &s.Round, &taken, &body); err != nil {
				return err
			}
			s.Taken, s.Body = taken.Time, json.RawMessage(body)
			out = append(out, s)
			return nil
		})
	return out, err
}
