package casework

import (
	"context"
	"fmt"

	"hoshi/internal/criteria"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// record writes a granted label: the sealed statement beside its row, the leaf
// with the commitments, and the public row without what the vendor keeps back.
func (s *Service) record(ctx context.Context, tx *store.Tx, l scheme.Label, snap *scheme.Snapshot, ed *criteria.Edition, level scheme.Level) error {
	leaf, err := s.leafOf(tx, ledger.LabelGranted, l)
	if err != nil {
		return err
	}
	sealed, err := label.Seal(s.statement(l, snap, ed, level), leaf, s.Rand)
	if err != nil {
		return fmt.Errorf("casework.record: %w", err)
	}
	whole, err := sealed.Encode()
	if err != nil {
		return err
	}
	public := sealed.Public(snap.Product.Manufacturer.Private, snap.Product.Origin.Private)
	doc, err := public.Encode()
	if err != nil {
		return err
	}
	if err := store.InsertLabel(ctx, tx, l, whole); err != nil {
		return err
	}
	err = store.PutPublicLabel(ctx, tx, store.PublicLabel{LabelID: l.ID, Serial: l.Serial,
		Granted: fmt.Sprintf("%s %010d", l.Issued, l.Serial), Folded: s.Fold(searchable(public)...), State: l.State, Since: l.Since,
		LastDay: l.LastDay, LeafID: sealed.Leaf.ID, LastLeafID: sealed.Leaf.ID, Version: 1, Doc: doc})
	if err != nil {
		return err
	}
	return store.AppendLeaf(ctx, tx, sealed.Leaf)
}

// statement copies, field by field, what table 3.7-1 of the report publishes. The
// evaluator's name, the applicant's contact and the justifications have no place in it.
func (s *Service) statement(l scheme.Label, snap *scheme.Snapshot, ed *criteria.Edition, level scheme.Level) label.Statement {
	p, e := snap.Product, snap.Evaluation
	st := label.Statement{
		V:      1,
		Scheme: label.SchemeInfo{ID: s.Settings.ID, Name: s.Settings.Name, Summary: s.Settings.Notice, URL: s.Settings.URL},
		Product: label.ProductInfo{Name: p.Name, NameEN: p.NameEN, Models: []string{}, Manufacturer: p.Manufacturer.Value, Country: p.Origin.Value,
			Summary: p.Summary, SummaryEN: p.SummaryEN, URL: p.URL, Contact: p.Contact},
		Label: label.Info{ID: label.ID(l.ID), Registration: l.Registration, Level: l.Level, LevelName: level.Name, Edition: ed.ID,
			EditionName: ed.Title, Results: []label.Result{}, Issued: l.Issued.String(), Expires: l.LastDay.String(),
			Applicant: snap.Organisation.Name, ApplicantEN: snap.Organisation.NameEN, EvaluatorClass: string(e.Class)},
		Safety: label.SafetyInfo{Vulnerabilities: p.AdvisoryURL, ReportURL: p.ReportURL, SupportUntil: p.SupportUntil.String()},
		Notes:  p.Notes,
		Status: label.StatusRef{List: s.StatusListURL, Serial: l.Serial},
	}
	for _, m := range p.Models {
		st.Product.Models = append(st.Product.Models, m.Number)
	}
	if p.OtherMarks != "" {
		st.Product.Certificates = []string{p.OtherMarks}
	}
	for _, c := range ed.Criteria {
		a := e.Answer(c.ID)
		st.Label.Results = append(st.Label.Results, label.Result{Criterion: c.ID, Result: string(a.Result), Reason: a.PublicReason})
	}
	return st
}

// searchable are the public texts by which a label is found.
func searchable(st label.Statement) []string {
	out := []string{st.Product.Name, st.Product.NameEN, st.Label.Applicant, st.Label.ApplicantEN, st.Product.Manufacturer,
		st.Label.Registration, string(st.Label.ID)}
	return append(out, st.Product.Models...)
}
