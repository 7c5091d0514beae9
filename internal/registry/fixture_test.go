package registry_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/ledger/signer"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testkit.StopShared()
	os.Exit(code)
}

// start is noon of a Monday in Japan.
var start = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// bench is a whole public side on one database.
type bench struct {
	t     *testing.T
	db    *store.DB
	clock *testkit.Clock
	pub   *registry.Publisher
	site  *registry.Site
	set   *scheme.Settings
	keys  ledger.Keys
	core  *signer.Core
	n     int64
}

func settings(t *testing.T) *scheme.Settings {
	t.Helper()
	b, err := os.ReadFile("../../criteria/scheme.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := scheme.LoadSettings("scheme.yaml", b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newBench(t *testing.T, e store.Engine) *bench {
	t.Helper()
	clock := testkit.NewClock(start)
	db, err := store.Open(t.Context(), e, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // a test may have closed it to see what happens
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	set := settings(t)
	dir := t.TempDir()
	state := filepath.Join(t.TempDir(), "signer.json")
	if err := signer.CreateState(state, ledgertest.Origin, ledgertest.Key("log")); err != nil {
		t.Fatal(err)
	}
	core, err := signer.New(ledgertest.Origin, ledgertest.Key("log"), ledgertest.Key("status"), state, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := core.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, db: db, clock: clock, set: set, core: core,
		keys: ledger.Keys{V: 1, Scheme: set.ID, Origin: ledgertest.Origin, Log: core.LogVKey(), Status: core.StatusKey(), Witnesses: []string{}}}
	b.pub = b.publisher(dir)
	b.site = &registry.Site{DB: db, Settings: set, Dir: dir, Now: clock.Now, Log: slog.New(slog.DiscardHandler)}
	return b
}

func (b *bench) publisher(dir string) *registry.Publisher {
	b.t.Helper()
	files, err := sequence.NewDir(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	seq, err := sequence.New(sequence.Options{Keys: b.keys, Store: b.db.Log(), Files: files, Signer: b.core})
	if err != nil {
		b.t.Fatal(err)
	}
	return &registry.Publisher{DB: b.db, Settings: b.set, Editions: editions, Sequencer: seq, Files: files, Keys: b.keys,
		Signer: b.core, Site: "https://" + b.set.Host, Dir: dir, Now: b.clock.Now, Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(b.t.Output(), nil))}
}

// product is what varies between the labels of a test.
type product struct {
	name, applicant          string
	nameEN, summaryEN, orgEN string
	models                   []string
	manufacturer, country    string
	hideManufacturer, hideIn bool
	lastDay                  string
}

var camera = product{name: "みまもりカメラ HX", applicant: "星見電機株式会社", models: []string{"HX-100", "HX-100/B"},
	manufacturer: "秘密製造所", country: "JP", lastDay: "2028-11-22"}

// grant commits a label as a grant does: rows, sealed statement and leaf at once.
func (b *bench) grant(p product) label.ID {
	b.t.Helper()
	id, err := label.NewID(rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	serial := b.n
	b.n++
	key := fmt.Sprintf("%s-%d", id, serial)
	level := b.set.Levels[0]
	last, err := scheme.ParseDay(p.lastDay)
	if err != nil {
		b.t.Fatal(err)
	}
	issued := scheme.DayIn(b.clock.Now(), b.set.Location())
	s := label.Statement{V: 1,
		Scheme: label.SchemeInfo{ID: b.set.ID, Name: b.set.Name, Summary: b.set.Notice, URL: b.set.URL},
		Product: label.ProductInfo{Name: p.name, NameEN: p.nameEN, Models: p.models, Manufacturer: p.manufacturer, Country: p.country, Summary: "屋内用の見守りカメラ", SummaryEN: p.summaryEN,
			URL: "https://vendor.example/hx", Contact: "support@vendor.example"},
		Label: label.Info{ID: id, Registration: fmt.Sprintf("HS1-2026-%05d", serial+1), Level: level.ID, LevelName: level.Name,
			Edition: "star1-2024r1-reconstructed", EditionName: i18n.Text{JA: "☆1（再構成版）", EN: "Star 1 (reconstruction)"},
			Results: []label.Result{{Criterion: "S1.1-01", Result: "conforms"}, {Criterion: "S1.1-11", Result: "not-applicable", Reason: "情報を保存しません"}},
			Issued:  issued.String(), Expires: last.String(), Applicant: p.applicant, ApplicantEN: p.orgEN, EvaluatorClass: "vendor"},
		Safety: label.SafetyInfo{ReportURL: "https://vendor.example/psirt", SupportUntil: "2030-03-31"},
		Status: label.StatusRef{List: "https://" + b.set.Host + "/status-list", Serial: serial}}
	sealed, err := label.Seal(s, ledger.Leaf{V: 1, Type: ledger.LabelGranted, ID: "grant-" + key, At: ledger.Seconds(b.clock.Now())}, rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	whole, err := sealed.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	public, err := sealed.Public(p.hideManufacturer, p.hideIn).Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	l := scheme.Label{ID: string(id), Serial: serial, Registration: s.Label.Registration, ApplicationID: "app-" + key, OrganisationID: "org-" + key,
		Level: level.ID, EditionID: s.Label.Edition, Issued: issued, LastDay: last, State: scheme.LabelValid, Since: b.clock.Now(), Version: 1}
	b.update(func(ctx context.Context, tx *store.Tx) error {
		for _, step := range []func() error{
			func() error {
				return store.InsertOrganisation(ctx, tx, scheme.Organisation{ID: l.OrganisationID, Kind: scheme.Vendor, Name: p.applicant, Version: 1})
			},
			func() error {
				return store.InsertProduct(ctx, tx, scheme.Product{ID: "p-" + key, OrganisationID: l.OrganisationID, Name: p.name, Version: 1})
			},
			func() error {
				return store.InsertEvaluation(ctx, tx, scheme.Evaluation{ID: "e-" + key, OrganisationID: l.OrganisationID, ProductID: "p-" + key, Version: 1})
			},
			func() error {
				return store.InsertApplication(ctx, tx, scheme.Application{ID: l.ApplicationID, OrganisationID: l.OrganisationID, ProductID: "p-" + key, EvaluationID: "e-" + key,
					Form: scheme.ApplicationForm{ContactName: "内緒担当", ContactMail: "naisho@vendor.example", ContactPhone: "03-0000-1234"}, Version: 1})
			},
			func() error { return store.InsertLabel(ctx, tx, l, whole) },
			func() error {
				return store.PutPublicLabel(ctx, tx, store.PublicLabel{LabelID: l.ID, Serial: serial, Granted: fmt.Sprintf("%s %012d", issued, serial),
					Folded: registry.Fold(append([]string{p.name, p.applicant, l.Registration}, p.models...)...), State: l.State, Since: l.Since, LastDay: last,
					LeafID: sealed.Leaf.ID, LastLeafID: sealed.Leaf.ID, Version: 1, Doc: public})
			},
			func() error { return store.AppendLeaf(ctx, tx, sealed.Leaf) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	return id
}

// end commits the end of a label with its leaf.
func (b *bench) end(id label.ID, state scheme.LabelState, kind ledger.Type, reason string) {
	b.t.Helper()
	b.update(func(ctx context.Context, tx *store.Tx) error {
		p, err := store.PublicLabelOf(ctx, tx, string(id))
		if err != nil {
			return err
		}
		l, err := store.Label(ctx, tx, string(id), store.Everyone)
		if err != nil {
			return err
		}
		serial := l.Serial
		leaf := ledger.Leaf{V: 1, Type: kind, ID: fmt.Sprintf("%s-%s", kind, id), At: ledger.Seconds(b.clock.Now()), Scheme: b.set.ID,
			Subject: ledger.Subject{Label: string(id), Serial: &serial}}
		salt, err := ledger.NewSalt(rand.Reader)
		if err != nil {
			return err
		}
		text, err := ledger.Canonical(reason)
		if err != nil {
			return err
		}
		leaf.Commitments = map[string]string{"reason": ledger.Commit(salt, "reason", string(text))}
		l.State, l.Since, l.Reason = state, b.clock.Now(), reason
		if err := store.UpdateLabel(ctx, tx, &l); err != nil {
			return err
		}
		p.State, p.Since, p.Reason, p.ReasonSalt, p.LastLeafID = state, b.clock.Now(), reason, salt.String(), leaf.ID
		if err := store.PutPublicLabel(ctx, tx, p); err != nil {
			return err
		}
		return store.AppendLeaf(ctx, tx, leaf)
	})
}

func (b *bench) update(fn func(ctx context.Context, tx *store.Tx) error) {
	b.t.Helper()
	ctx := b.t.Context()
	if err := b.db.Update(ctx, func(tx *store.Tx) error { return fn(ctx, tx) }); err != nil {
		b.t.Fatal(err)
	}
}

// run publishes everything.
func (b *bench) run() registry.Round {
	b.t.Helper()
	r, err := b.pub.Run(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// get asks the public site.
func (b *bench) get(path string, header ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.site.Handler().ServeHTTP(w, r)
	return w
}

// editions knows one edition of two criteria.
func editions(id string) (*criteria.Edition, error) {
	if id != "star1-2024r1-reconstructed" {
		return nil, fault.New(fault.NotFound, "editions", "fault.not-found")
	}
	title := func(ja, en string) criteria.Marked { return criteria.Marked{JA: ja, EN: en} }
	return &criteria.Edition{
		Frame: criteria.Frame{ID: id, Reconstruction: &criteria.Reconstruction{Of: "JST-CR-01-01-2024R1",
			Notice: i18n.Text{JA: "公開情報から再構成した版で、正式な文書ではありません。", EN: "A reconstruction, not the official text."}}},
		Criteria: []criteria.Criterion{
			{ID: "S1.1-01", Title: title("認証に基づくアクセス制御", "Access control")},
			{ID: "S1.1-11", Title: title("保存される情報の保護", "Protection of stored information")},
		},
	}, nil
}
