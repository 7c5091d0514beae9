package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/scheme"
)

// PublicLabel is what anybody may read of a label.
type PublicLabel struct {
	LabelID    string
	Serial     int64  // place in the status list
	Granted    string // sort key, unique: issue day and serial
	Folded     string // what people search in, folded as the terms of a search are
	State      scheme.LabelState
	Since      time.Time  // when the state was entered
	LastDay    scheme.Day // inclusive
	Ground     string     // code of why it ended, "" = none
	Reason     string     // why it ended, in public words
	ReasonSalt string     // opens the commitment to Reason in the leaf LastLeafID; "" = none
	LeafID     string     // the leaf that the statement stands on
	LastLeafID string     // the newest leaf about the label
	Version    int64
	Doc        json.RawMessage // label.Statement, as it was encoded
}

// PutPublicLabel makes or replaces the public row of a label.
func PutPublicLabel(ctx context.Context, tx *Tx, p PublicLabel) error {
	return tx.later(ctx, "store.PutPublicLabel", false, `INSERT INTO public_label (label_id, serial, granted, folded, state, since,
		last_day, ground, reason, reason_salt, leaf_id, last_leaf_id, version, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (label_id) DO UPDATE SET folded = excluded.folded, state = excluded.state, since = excluded.since,
		last_day = excluded.last_day, ground = excluded.ground, reason = excluded.reason, reason_salt = excluded.reason_salt,
		leaf_id = excluded.leaf_id, last_leaf_id = excluded.last_leaf_id, version = excluded.version, doc = excluded.doc`,
		p.LabelID, p.Serial, p.Granted, p.Folded, string(p.State), Time{p.Since}, p.LastDay.String(), p.Ground, p.Reason,
		p.ReasonSalt, p.LeafID, p.LastLeafID, p.Version, string(p.Doc))
}

const publicLabelColumns = `SELECT label_id, serial, granted, folded, state, since, last_day, ground, reason, reason_salt,
	leaf_id, last_leaf_id, version, doc FROM public_label`

// fields are where a row is scanned to; done completes it.
func (p *PublicLabel) fields() (dest []any, done func() error) {
	var since Time
	var lastDay, body string
	return []any{&p.LabelID, &p.Serial, &p.Granted, &p.Folded, &p.State, &since, &lastDay, &p.Ground, &p.Reason,
			&p.ReasonSalt, &p.LeafID, &p.LastLeafID, &p.Version, &body}, func() (err error) {
			p.Since, p.Doc = since.Time, json.RawMessage(body)
			p.LastDay, err = scheme.ParseDay(lastDay)
			return err
		}
}

// PublicLabelOf returns the public row of a label.
func PublicLabelOf(ctx context.Context, tx *Tx, labelID string) (p PublicLabel, err error) {
	dest, done := p.fields()
	if err := tx.one(ctx, "store.PublicLabelOf", publicLabelColumns+` WHERE label_id = $1`, []any{labelID}, dest...); err != nil {
		return PublicLabel{}, err
	}
	return p, done()
}

// PublicLabels returns the rows of up to limit labels from a serial on, in the
// order of serials, for lists and checks over all of them.
func PublicLabels(ctx context.Context, tx *Tx, from int64, limit int) ([]PublicLabel, error) {
	return publicLabels(ctx, tx, "store.PublicLabels", publicLabelColumns+` WHERE serial >= $1 ORDER BY serial LIMIT $2`, from, limit)
}

func publicLabels(ctx context.Context, tx *Tx, op, query string, args ...any) ([]PublicLabel, error) {
	var out []PublicLabel
	err := tx.all(ctx, op, query, args, func(row *sql.Rows) error {
		var p PublicLabel
		dest, done := p.fields()
		if err := row.Scan(dest...); err != nil {
			return err
		}
		if err := done(); err != nil {
			return err
		}
		out = append(out, p)
		return nil
	})
	return out, err
}

// maxTerms bounds how many terms are looked for.
const maxTerms = 8

// SearchPublicLabels returns up to limit rows whose grant is in the public log and
// that contain every folded term, the newest first, below the sort key before
// ("" = from the newest). No terms find everything; of very many only the first
// count.
func SearchPublicLabels(ctx context.Context, tx *Tx, terms []string, before string, limit int) ([]PublicLabel, error) {
	where := []string{"EXISTS (SELECT 1 FROM leaf WHERE leaf.id = public_label.leaf_id AND leaf.seq < (SELECT size FROM log_state WHERE id = 1))"}
	args := []any{limit}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	for _, t := range terms[:min(len(terms), maxTerms)] {
		where = append(where, "folded LIKE "+arg("%"+likeEscape.Replace(t)+"%")+` ESCAPE '\'`)
	}
	if before != "" {
		where = append(where, "granted < "+arg(before))
	}
	sqlText := publicLabelColumns + " WHERE " + strings.Join(where, " AND ")
	return publicLabels(ctx, tx, "store.SearchPublicLabels", sqlText+" ORDER BY granted DESC LIMIT $1", args...)
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
