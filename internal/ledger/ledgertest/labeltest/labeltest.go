// Package labeltest makes a complete sample label for tests: statement, proof,
// status list and keys that belong together, the same bytes on every machine.
package labeltest

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
)

// Sample is a granted label with everything that proves it.
type Sample struct {
	Keys      []byte // keys.json
	Statement []byte // public: without manufacturer and country
	Proof     []byte
	Fresh     []byte // status list: the label is valid
	Revoked   []byte // a later list: the label is revoked
	Whole     label.Statement
	Manifest  ledger.Keys
	Granted   time.Time
}

// ID is the id of the sample label.
func ID(t testing.TB) label.ID {
	t.Helper()
	id, err := label.NewID(&stream{text: "sample id"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Statement is the sample before it is sealed; site is the address of its pages.
func Statement(t testing.TB, site string) label.Statement {
	return label.Statement{V: 1,
		Scheme: label.SchemeInfo{ID: "sample", Name: i18n.Text{JA: "見本ラベリング制度", EN: "Sample Labelling Scheme"},
			Summary: i18n.Text{JA: "練習用の制度です。", EN: "A scheme for practice."}, URL: site + "/"},
		Product: label.ProductInfo{Name: "みまもりカメラ <Pro> & \"Mini\"", NameEN: "Watch camera <Pro> & \"Mini\"", Models: []string{"MC-100", "MC-100/B"}, Manufacturer: "秘密製造株式会社",
			Country: "日本", Summary: "屋内用ネットワークカメラ", URL: "https://maker.example/mc", Contact: "support@maker.example"},
		Label: label.Info{ID: ID(t), Registration: "S1-2026-00042", Level: "star1", LevelName: i18n.Text{JA: "☆1", EN: "STAR 1"},
			Edition: "star1-sample", EditionName: i18n.Text{JA: "☆1 適合基準（練習用）", EN: "Star 1 criteria (practice)"},
			Results: []label.Result{{Criterion: "S1.1-01", Result: "conforms"}, {Criterion: "S1.1-08", Result: "not-applicable", Reason: "ネットワーク経由の更新なし"}},
			Issued:  "2026-11-23", Expires: "2028-11-22", Applicant: "見本電機株式会社", ApplicantEN: "Mihon Electric Co., Ltd.", EvaluatorClass: "vendor"},
		Safety: label.SafetyInfo{ReportURL: "https://maker.example/vdp", SupportUntil: "2031-03-31"},
		Status: label.StatusRef{List: site + "/status.jws", Serial: 3},
	}
}

// New makes the sample: five labels are granted, the fourth is the sample.
func New(t testing.TB, site string) *Sample {
	t.Helper()
	ctx := context.Background()
	store := ledgertest.NewStore()
	log := ledgertest.NewLog(t, store, nil)
	s := &Sample{Manifest: log.Keys, Granted: time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)}
	var err error
	if s.Keys, err = log.Keys.Encode(); err != nil {
		t.Fatal(err)
	}
	leaf := ledger.Leaf{V: 1, Type: ledger.LabelGranted, ID: "grant-sample", At: ledger.Seconds(s.Granted)}
	if s.Whole, err = label.Seal(Statement(t, site), leaf, &stream{text: "salts"}); err != nil {
		t.Fatal(err)
	}
	if s.Statement, err = s.Whole.Public(true, true).Encode(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		l := ledgertest.Event(i)
		if i == 3 {
			l = s.Whole.Leaf
		}
		if err := store.Append(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	log.Run(t, 5)
	note, err := log.Files.Get(ctx, ledger.CheckpointPath)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ledger.ParseCheckpoint(text(t, log.Keys, note))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ledger.Prove(3, c.Tree, note, ledger.TileReader(c.Tree, func(p string) ([]byte, error) { return log.Files.Get(ctx, p) }))
	if err != nil {
		t.Fatal(err)
	}
	s.Proof = p.Encode()
	list := func(status ledger.Status, asOf time.Time) []byte {
		l, err := ledger.NewStatusList(5)
		if err != nil {
			t.Fatal(err)
		}
		for i := range l.Len() {
			if err := l.Set(i, ledger.Valid); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Set(3, status); err != nil {
			t.Fatal(err)
		}
		l.Scheme, l.Origin, l.Tree = "sample", log.Keys.Origin, 5
		l.AsOf, l.Expires, l.TTL = asOf, asOf.Add(24*time.Hour), 3600
		payload, err := l.Payload()
		if err != nil {
			t.Fatal(err)
		}
		jws, err := ledger.SignStatus(payload, ledgertest.Key("status"))
		if err != nil {
			t.Fatal(err)
		}
		return jws
	}
	s.Fresh = list(ledger.Valid, s.Granted.Add(time.Hour))
	s.Revoked = list(ledger.Revoked, s.Granted.Add(48*time.Hour))
	return s
}

func text(t testing.TB, keys ledger.Keys, msg []byte) string {
	t.Helper()
	v, err := keys.Open()
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.OpenCheckpoint(msg)
	if err != nil {
		t.Fatal(err)
	}
	return c.Text()
}

// stream is a source of the same bytes every time.
type stream struct {
	text string
	n    byte
}

func (s *stream) Read(b []byte) (int, error) {
	h := sha256.Sum256(append([]byte(s.text), s.n))
	s.n++
	return copy(b, h[:]), nil
}
