package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// A register as a country's could be after years: makers with hundreds of labels,
// common words in most names, model numbers that repeat only in their stems.
const modelsPerLabel = 20

var (
	things = []string{"ネットワークカメラ", "ホームルーター", "スマートロック", "エアコン", "温湿度センサー", "ドアホン", "ロボット掃除機", "スマートプラグ", "照明器具", "給湯器リモコン", "見守り端末", "プリンター"}
	traits = []string{"屋外用", "屋内用", "高画質", "小型", "業務用", "家庭用", "省電力", "防水", "夜間対応", "音声操作"}
	places = []string{"東京", "大阪", "星見", "月野", "山川", "京浜", "北海", "九州", "中部", "富士", "瀬戸", "信州", "越後", "播磨", "相模", "武蔵"}
	trades = []string{"電機", "通信機", "精密", "製作所", "システムズ", "住設", "計器", "エレクトロニクス"}
)

// labels fills a database with granted labels that are public; it is for this
// measurement only and skips everything that a grant checks.
func labels(b *testing.B, db *store.DB, n int) {
	b.Helper()
	ctx := context.Background()
	r := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	day := scheme.DayIn(now, time.UTC)
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	err := db.Update(ctx, func(tx *store.Tx) error {
		for _, err := range []error{
			store.InsertOrganisation(ctx, tx, scheme.Organisation{ID: "o", Kind: scheme.Vendor, Name: "o", Version: 1}),
			store.InsertProduct(ctx, tx, scheme.Product{ID: "p", OrganisationID: "o", Name: "p", Version: 1}),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < n; from += 2000 {
		err := db.Update(ctx, func(tx *store.Tx) error {
			for i := from; i < min(n, from+2000); i++ {
				key := fmt.Sprintf("%07d", i)
				id, err := label.NewID(source{r})
				if err != nil {
					return err
				}
				maker := pick(places) + pick(trades) + "株式会社"
				name := pick(traits) + pick(things) + fmt.Sprintf(" %c%c", 'A'+rune(r.IntN(26)), 'A'+rune(r.IntN(26)))
				stem := fmt.Sprintf("%c%c%c-%04d", 'A'+rune(r.IntN(26)), 'A'+rune(r.IntN(26)), 'A'+rune(r.IntN(26)), r.IntN(10000))
				models := make([]string, modelsPerLabel)
				for m := range models {
					models[m] = fmt.Sprintf("%s/%c%02d", stem, 'A'+rune(m), r.IntN(100))
				}
				reg := fmt.Sprintf("HS1-2026-%07d", i)
				leaf := ledger.Leaf{V: 1, Type: ledger.LabelGranted, ID: "grant-" + key, At: ledger.Seconds(now)}
				st, err := label.Seal(label.Statement{V: 1,
					Scheme:  label.SchemeInfo{ID: "test-scheme", Name: i18n.Text{JA: "制度", EN: "Scheme"}, Summary: i18n.Text{JA: "概要", EN: "Summary"}, URL: "https://star.example/"},
					Product: label.ProductInfo{Name: name, Models: models, Manufacturer: maker, Country: "JP", Summary: name, URL: "https://vendor.example/", Contact: "support@vendor.example"},
					Label: label.Info{ID: id, Registration: reg, Level: "star1", LevelName: i18n.Text{JA: "☆1", EN: "☆1"}, Edition: editionID,
						EditionName: i18n.Text{JA: "版", EN: "Edition"}, Results: []label.Result{{Criterion: "S1.1-01", Result: "conforms"}},
						Issued: day.String(), Expires: day.LastDay(24).String(), Applicant: maker, EvaluatorClass: "vendor"},
					Safety: label.SafetyInfo{ReportURL: "https://vendor.example/psirt", SupportUntil: "2030-03-31"},
					Status: label.StatusRef{List: "https://star.example/status-list", Serial: int64(i)}}, leaf, source{r})
				if err != nil {
					return err
				}
				doc, err := st.Encode()
				if err != nil {
					return err
				}
				l := scheme.Label{ID: string(id), Serial: int64(i), Registration: reg, ApplicationID: "a" + key, OrganisationID: "o", Level: "star1",
					EditionID: editionID, Issued: day, LastDay: day.LastDay(24), State: scheme.LabelValid, Since: now, Version: 1}
				for _, err := range []error{
					store.InsertEvaluation(ctx, tx, scheme.Evaluation{ID: "e" + key, OrganisationID: "o", ProductID: "p", Version: 1}),
					store.InsertApplication(ctx, tx, scheme.Application{ID: "a" + key, OrganisationID: "o", ProductID: "p", EvaluationID: "e" + key, State: scheme.ApplicationGranted, Version: 1}),
					store.InsertLabel(ctx, tx, l, doc),
					store.PutPublicLabel(ctx, tx, store.PublicLabel{LabelID: l.ID, Serial: l.Serial, Granted: fmt.Sprintf("%s %010d", day, i),
						Folded: registry.Fold(append([]string{name, maker, reg, l.ID}, models...)...), State: l.State, Since: now, LastDay: l.LastDay,
						LeafID: leaf.ID, LastLeafID: leaf.ID, Version: 1, Doc: doc}),
					store.AppendLeaf(ctx, tx, st.Leaf),
				} {
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	log := db.Log()
	at := int64(0)
	for at < int64(n) {
		got, err := log.Assign(ctx, at, 10000)
		if err != nil {
			b.Fatal(err)
		}
		at += int64(got)
	}
	if err := log.SavePublished(ctx, nil, []byte("bench"), at); err != nil {
		b.Fatal(err)
	}
}

// source reads the repeatable source of a load.
type source struct{ r *rand.Rand }

func (l source) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(l.r.Uint32())
	}
	return len(p), nil
}

// queries by what makes them hard: how long they are and how much they find.
var queries = []struct {
	name string
	list []string
}{
	{"Japanese, 1 character, many", []string{"カ", "電", "星", "用", "器"}},
	{"Japanese, 1 character, none", []string{"鬱", "龍", "々", "蟹", "麒"}},
	{"Japanese, 2 characters, many", []string{"屋外", "東京", "カメ", "精密", "月野"}},
	{"Japanese, 2 characters, none", []string{"京東", "機電", "野月", "屋用", "川山"}},
	{"Japanese, 3 and more, many", []string{"ルーター", "見守り端末", "スマートロック", "株式会社", "信州計器"}},
	{"Japanese, 3 and more, none", []string{"ルータカメラ", "見守端", "信州電通", "製作所東京都", "温度計"}},
	{"ASCII, 1 character", []string{"q", "7", "z", "x", "0"}},
	{"ASCII, 2 characters", []string{"qx", "73", "zz", "k9", "hs"}},
	{"ASCII, 2 characters, none", []string{"q%", "__", "%%", "é9", "ñ8"}},
	{"ASCII, model number", []string{"abc-12", "QXZ-7", "kfg-99", "HS1-2026-0049999", "HS1-2026-0000007"}},
	{"ASCII, 3 and more, none", []string{"abcdef", "zzzzzz", "qqq-qqq", "abc-12345", "hs9-2026"}},
	{"two words", []string{"屋外 カメラ", "東京 エアコン", "信州 A1", "星見 ルーター AB", "富士 9999"}},
	{"two words, none", []string{"東京 鬱", "カメラ ルーター", "屋外 屋内", "山川 月野", "星見 qqqqq"}},
	{"no words, the newest", []string{""}},
}

// BenchmarkSearch: the public list over HOSHI_BENCH_LABELS labels of 20 models
// each, asked as a visitor asks, HOSHI_BENCH_ROUNDS times each query.
func BenchmarkSearch(b *testing.B) {
	engines(b, func(b *testing.B, e engine) {
		n, rounds := size(b, "LABELS", 50_000), size(b, "ROUNDS", 5)
		db := openDB(b, e, time.Now)
		began := time.Now()
		labels(b, db, n)
		settings, err := scheme.LoadSettings("scheme.yaml", []byte(caseworktest.SettingsYAML))
		if err != nil {
			b.Fatal(err)
		}
		site := (&registry.Site{DB: db, Settings: settings, Dir: b.TempDir(), Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}).Handler()
		title("search on %s, %d labels, %d models, loaded in %.0f s", e.Name, n, n*modelsPerLabel, time.Since(began).Seconds())
		var all []time.Duration
		for _, q := range queries {
			var each []time.Duration
			found := 0
			for range rounds {
				for _, text := range q.list {
					w := httptest.NewRecorder()
					from := time.Now()
					site.ServeHTTP(w, httptest.NewRequest("GET", "/list.json?q="+url.QueryEscape(text), nil))
					each = append(each, time.Since(from))
					if w.Code != 200 {
						b.Fatalf("%q: %d", text, w.Code)
					}
					found += strings.Count(w.Body.String(), `"registration"`)
				}
			}
			all = append(all, each...)
			line("%-30s p50 %7.1f ms, p95 %7.1f ms, worst %7.1f ms, %4.1f rows a query", q.name, ms(median(each)), ms(at(each, .95)),
				ms(slices.Max(each)), float64(found)/float64(len(each)))
		}
		line("%-30s p50 %7.1f ms, p95 %7.1f ms", "all", ms(median(all)), ms(at(all, .95)))
	})
}
