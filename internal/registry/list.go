package registry

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// pageRows is how many labels a page of the list shows.
const pageRows = 50

// Row is one line of the public list: a selection of the allow-listed statement,
// and how the label stands today.
type Row struct {
	ID           string        `json:"id"`
	Registration string        `json:"registration"`
	Level        string        `json:"level"`
	LevelName    i18n.Text     `json:"levelName"`
	Product      string        `json:"product"`
	ProductEN    string        `json:"productEn,omitempty"`
	Models       []string      `json:"models"`
	Applicant    string        `json:"applicant"`
	ApplicantEN  string        `json:"applicantEn,omitempty"`
	Issued       string        `json:"issued"`
	Expires      string        `json:"expires"`
	Status       scheme.Status `json:"status"`
	Path         string        `json:"path"`
}

// Holds reports whether the label holds.
func (r Row) Holds() bool { return r.Status == scheme.StatusValid }

// find returns the rows of a query below a sort key, and the key of the next page
// ("" when there is none). Labels whose grant is not in the public log yet are not
// found. Terms of one or two characters work like longer ones.
func (s *Site) find(ctx context.Context, q, before string, lang i18n.Lang) (rows []Row, next string, err error) {
	terms := FoldQuery(q)
	if len(terms) == 0 && strings.TrimSpace(q) != "" {
		return nil, "", nil // nothing but separators
	}
	if s.Forked != nil && s.Forked() {
		return nil, "", fault.New(fault.Unavailable, "registry.find", "fault.unavailable")
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	select {
	case s.searching <- struct{}{}:
		defer func() { <-s.searching }()
	case <-ctx.Done():
		return nil, "", fault.Wrap(fault.Unavailable, "registry.find", ctx.Err(), "fault.unavailable")
	}
	var found []store.PublicLabel
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		found, err = store.SearchPublicLabels(ctx, tx, terms, before, pageRows+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(found) > pageRows {
		found = found[:pageRows]
		next = found[pageRows-1].Granted
	}
	today := scheme.DayIn(s.Now(), s.Settings.Location())
	rows = []Row{}
	for _, f := range found {
		st, err := label.Decode(f.Doc)
		if err != nil {
			return nil, "", err
		}
		l := scheme.Label{State: f.State, LastDay: f.LastDay}
		rows = append(rows, Row{ID: string(st.Label.ID), Registration: st.Label.Registration, Level: st.Label.Level, LevelName: st.Label.LevelName,
			Product: st.Product.Name, ProductEN: st.Product.NameEN, Models: st.Product.Models, Applicant: st.Label.Applicant, ApplicantEN: st.Label.ApplicantEN, Issued: st.Label.Issued, Expires: st.Label.Expires,
			Status: l.StatusOn(today), Path: LabelPath(string(st.Label.ID), lang)})
	}
	return rows, next, nil
}

// listPage is what the template of the list sees.
type listPage struct {
	frame
	Query       string
	Rows        []Row
	First, Next string // addresses; "" when there is no such page
	JSON        string
}

func (s *Site) list(w http.ResponseWriter, r *http.Request) {
	lang := i18n.JA
	if strings.HasSuffix(r.URL.Path, ".en") {
		lang = i18n.EN
	}
	if q := r.URL.Query().Get("lang"); q != "" && i18n.Parse(q) != lang {
		v := r.URL.Query()
		v.Del("lang")
		http.Redirect(w, r, address(listPath(lang.Other()), v), http.StatusFound)
		return
	}
	q, before := shorten100(r.URL.Query().Get("q")), r.URL.Query().Get("before")
	rows, next, err := s.find(r.Context(), q, before, lang)
	if err != nil {
		s.away(w, r, lang, err)
		return
	}
	p := &listPage{frame: frame{Lang: lang, Settings: s.Settings, Title: lang.T("public.list"), Home: listPath(lang), Robots: q == "" && before == "",
		Other: address(listPath(lang.Other()), pick("q", q, "before", before))}, Query: q, Rows: rows,
		JSON: address("/list.json", pick("q", q, "before", before))}
	if before != "" {
		p.First = address(listPath(lang), pick("q", q))
	}
	if next != "" {
		p.Next = address(listPath(lang), pick("q", q, "before", next))
	}
	s.html(w, http.StatusOK, "list", p)
}

// ListFile is the list as JSON.
type ListFile struct {
	Query  string `json:"query"`
	AsOf   string `json:"asOf"` // UTC
	Labels []Row  `json:"labels"`
	Next   string `json:"next,omitempty"` // address of the next page
}

func (s *Site) listJSON(w http.ResponseWriter, r *http.Request) {
	q, before := shorten100(r.URL.Query().Get("q")), r.URL.Query().Get("before")
	rows, next, err := s.find(r.Context(), q, before, i18n.JA)
	if err != nil {
		s.away(w, r, i18n.JA, err)
		return
	}
	out := ListFile{Query: q, AsOf: s.Now().UTC().Format("2006-01-02T15:04:05Z"), Labels: rows}
	if next != "" {
		out.Next = address("/list.json", pick("q", q, "before", next))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_ = json.NewEncoder(w).Encode(out) // the reader has gone
}

func pick(kv ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] != "" {
			v.Set(kv[i], kv[i+1])
		}
	}
	return v
}

func address(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// shorten100 cuts a query to what is looked for.
func shorten100(s string) string {
	if r := []rune(s); len(r) > maxQuery {
		return string(r[:maxQuery])
	}
	return s
}
