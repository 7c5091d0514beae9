package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"
)

// PublicLabel is what anybody may read of a label.
type PublicLabel struct {
	LabelID string
	LeafID  string // the leaf that this version of the statement stands on
	Granted string // sort key: issue day and registration number; unique
	Folded  string // what people search in, folded as the terms of a search are
	Version int64
	Doc     json.RawMessage // label.Statement
}

// PutPublicLabel makes or replaces the public row of a label.
func PutPublicLabel(ctx context.Context, tx *Tx, p PublicLabel) error {
	_, err := tx.exec(ctx, "store.PutPublicLabel", `INSERT INTO public_label
		(label_id, leaf_id, granted, folded, version, doc) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (label_id) DO UPDATE SET leaf_id = excluded.leaf_id, folded = excluded.folded,
		version = excluded.version, doc = excluded.doc`,
		p.LabelID, p.LeafID, p.Granted, p.Folded, p.Version, string(p.Doc))
	return err
}

const publicLabelColumns = `SELECT label_id, leaf_id, granted, folded, version, doc FROM public_label`

func scanPublicLabel(row interface{ Scan(...any) error }) (p PublicLabel, err error) {
	var body string
	err = row.Scan(&p.LabelID, &p.LeafID, &p.Granted, &p.Folded, &p.Version, &body)
	p.Doc = json.RawMessage(body)
	return p, err
}

// PublicLabelOf returns the public row of a label.
func PublicLabelOf(ctx context.Context, tx *Tx, labelID string) (p PublicLabel, err error) {
	var body string
	err = tx.one(ctx, "store.PublicLabelOf", publicLabelColumns+` WHERE label_id = $1`, []any{labelID},
		&p.LabelID, &p.LeafID, &p.Granted, &p.Folded, &p.Version, &body)
	p.Doc = json.RawMessage(body)
	return p, err
}

// maxTerms bounds how many terms are looked for.
const maxTerms = 8

// SearchPublicLabels returns up to limit rows that contain every folded term, the
// newest first, below the sort key before ("" = from the newest). No terms find
// everything; of very many only the first count.
func SearchPublicLabels(ctx context.Context, tx *Tx, terms []string, before string, limit int) ([]PublicLabel, error) {
	var where []string
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
	sqlText := publicLabelColumns
	if len(where) > 0 {
		sqlText += " WHERE " + strings.Join(where, " AND ")
	}
	var out []PublicLabel
	err := tx.all(ctx, "store.SearchPublicLabels", sqlText+" ORDER BY granted DESC LIMIT $1", args, func(row *sql.Rows) error {
		p, err := scanPublicLabel(row)
		out = append(out, p)
		return err
	})
	return out, err
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
