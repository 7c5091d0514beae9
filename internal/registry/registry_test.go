package registry_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/store/sqlite"
)

func lite(t *testing.T) *bench {
	return newBench(t, sqlite.Engine{Path: filepath.Join(t.TempDir(), "hoshi.db")})
}

func (b *bench) page(path string) *goquery.Document {
	b.t.Helper()
	w := b.get(path)
	if w.Code != http.StatusOK {
		b.t.Fatalf("%s: %d", path, w.Code)
	}
	d, err := goquery.NewDocumentFromReader(w.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// words is the text of a selection with single spaces.
func words(s *goquery.Selection) string { return strings.Join(strings.Fields(s.Text()), " ") }

func TestLabelPageSaysWhatTheTableAsks(t *testing.T) {
	b := lite(t)
	id := b.grant(camera)
	b.run()
	for _, c := range []struct {
		lang i18n.Lang
		want []string
	}{
		{i18n.JA, []string{"みまもりカメラ HX", "HX-100/B", "秘密製造所", "屋内用の見守りカメラ", "https://vendor.example/hx", "support@vendor.example", "HS1-2026-00001",
			"☆1", "star1-2024r1-reconstructed", "有効", "2026年11月23日", "2028年11月22日", "星見電機株式会社", "IoT 製品ベンダー", "https://vendor.example/psirt",
			"2030年3月31日", "情報を保存しません", "完全に確保されていることを保証するものではありません", "認証したり保証したりするものではありません",
			"2026年11月23日のラベル交付時に基準へ適合していました", "S1.1-11", "対象外", "再構成"}},
		{i18n.EN, []string{"HX-100", "Star 1", "valid", "23 November 2026", "22 November 2028", "vendor of the IoT product", "does not guarantee",
			"conformed to the criteria when the label was granted on 23 November 2026", "not applicable"}},
	} {
		d := b.page(registry.LabelPath(string(id), c.lang))
		text := words(d.Find("body"))
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the page lacks %q", c.lang, w)
			}
		}
		if strings.Contains(text, "[public.") {
			t.Errorf("%s: a sentence is missing: %s", c.lang, text)
		}
		if got, _ := d.Find("html").Attr("lang"); got != string(c.lang) {
			t.Errorf("lang=%q", got)
		}
		five := d.Find("main > section").First()
		if !five.HasClass("five") || five.Find("li").Length() != 5 {
			t.Errorf("%s: the five lines do not stand first", c.lang)
		}
	}
}

// English names stand on the English page with the Japanese ones beside them; where
// there is none, the Japanese text stands there and is marked as Japanese.
func TestEnglishNames(t *testing.T) {
	b := lite(t)
	p := camera
	p.nameEN, p.orgEN, p.summaryEN = "Watch Camera HX", "Hoshimi Electric", "A camera for indoors"
	named := b.grant(p)
	bare := b.grant(camera)
	b.run()

	d := b.page(registry.LabelPath(string(named), i18n.EN))
	if got := words(d.Find("h1")); got != "Watch Camera HX" {
		t.Errorf("heading %q", got)
	}
	if got := d.Find("title").Text(); !strings.HasPrefix(got, "Watch Camera HX") {
		t.Errorf("title %q", got)
	}
	for _, want := range []string{"Hoshimi Electric declared it", "A camera for indoors"} {
		if !strings.Contains(words(d.Find("main")), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(words(d.Find("main")), "屋内用の見守りカメラ") {
		t.Error("the Japanese summary stands on the English page, too")
	}
	if got := words(d.Find(".original[lang=ja]")); got != "星見電機株式会社みまもりカメラ HX" {
		t.Errorf("names as registered: %q", got)
	}
	if d := b.page(registry.LabelPath(string(named), i18n.JA)); words(d.Find("h1")) != "みまもりカメラ HX" || d.Find("main [lang]").Length() != 0 {
		t.Error("the Japanese page is not in Japanese alone")
	}

	d = b.page(registry.LabelPath(string(bare), i18n.EN))
	if got := words(d.Find("h1 > span[lang=ja]")); got != "みまもりカメラ HX" {
		t.Errorf("heading that falls back: %q", got)
	}
	if got := words(d.Find(".five span[lang=ja]")); got != "星見電機株式会社" {
		t.Errorf("applicant that falls back: %q", got)
	}
	if got := words(d.Find("td > span[lang=ja]")); got != "情報を保存しません" {
		t.Errorf("public reason: %q", got)
	}

	d = b.page("/list.en")
	if got := words(d.Find(".hits .name")); got != "みまもりカメラ HXWatch Camera HX" {
		t.Errorf("list %q", got)
	}
	if got := words(d.Find(".hits .name span[lang=ja]")); got != "みまもりカメラ HX" {
		t.Errorf("list, marked as Japanese: %q", got)
	}
	for path, want := range map[string]string{"/list.json": `"productEn":"Watch Camera HX"`, "/L/" + string(named) + ".json": `"applicantEn":"Hoshimi Electric"`} {
		if got := b.get(path).Body.String(); !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", path, want)
		}
	}
}

// The status is told by words and a sign of its own, not by colour alone.
func TestStatusIsUnmistakable(t *testing.T) {
	b := lite(t)
	valid := b.grant(camera)
	ends := map[label.ID]struct {
		state scheme.LabelState
		kind  ledger.Type
		word  string
	}{
		b.grant(camera): {scheme.LabelRevoked, ledger.LabelRevoked, "取り消されました"},
		b.grant(camera): {scheme.LabelLapsed, ledger.LabelLapsed, "製品仕様の変更"},
		b.grant(camera): {scheme.LabelWithdrawn, ledger.LabelWithdrawn, "自主取下げ"},
	}
	b.clock.Advance(time.Hour)
	for id, e := range ends {
		b.end(id, e.state, e.kind, "申請の内容に誤りがありました")
	}
	b.run()
	d := b.page("/L/" + string(valid))
	if h := words(d.Find("h2.status")); !strings.Contains(h, "✔") || !strings.Contains(h, "有効です") || d.Find(".ending").Length() != 0 {
		t.Errorf("valid: %q", h)
	}
	for id, e := range ends {
		d := b.page("/L/" + string(id))
		if h := words(d.Find("h2.status")); !strings.Contains(h, "✖") || !strings.Contains(h, e.word) {
			t.Errorf("%s: %q", e.state, h)
		}
		if s := words(d.Find(".ending")); !strings.Contains(s, "申請の内容に誤りがありました") || !strings.Contains(s, "13:00") {
			t.Errorf("%s: the page does not say what ended and why: %q", e.state, s)
		}
		if d.Find(".five.holds").Length() != 0 {
			t.Errorf("%s: shown as holding", e.state)
		}
	}
}

// A label is public only when a signed checkpoint includes its leaf.
func TestNothingBeforeTheCheckpoint(t *testing.T) {
	b := lite(t)
	b.grant(camera)
	b.run()
	id := b.grant(camera)
	for _, path := range []string{"", ".en", ".json", ".proof", ".svg", ".png"} {
		if w := b.get("/L/" + string(id) + path); w.Code != http.StatusNotFound {
			t.Errorf("%s before the checkpoint: %d", path, w.Code)
		}
	}
	if s := b.get("/list.json").Body.String(); strings.Contains(s, string(id)) {
		t.Errorf("the list knows it: %s", s)
	}
	b.run()
	for _, path := range []string{"", ".en", ".json", ".proof", ".svg", ".png"} {
		if w := b.get("/L/" + string(id) + path); w.Code != http.StatusOK {
			t.Errorf("%s after the checkpoint: %d", path, w.Code)
		}
	}
	if s := b.get("/list.json").Body.String(); !strings.Contains(s, string(id)) {
		t.Errorf("the list does not know it: %s", s)
	}
}

// What a stranger downloads verifies with public keys alone, and stops to hold
// when the label is revoked.
func TestDownloadsVerify(t *testing.T) {
	b := lite(t)
	id := b.grant(camera)
	other := b.grant(camera)
	b.run()
	b.clock.Advance(3 * time.Second)
	b.run()
	verify := func(id label.ID) ledger.Report {
		t.Helper()
		keys, err := ledger.DecodeKeys(b.get("/keys.json").Body.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		_, r, err := label.Verify(label.VerifyInput{Keys: keys, Statement: b.get("/L/" + string(id) + ".json").Body.Bytes(),
			Proof: b.get("/L/" + string(id) + ".proof").Body.Bytes(), StatusList: b.get("/status-list").Body.Bytes(), Now: b.clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := verify(id); !r.Holds {
		t.Errorf("a valid label does not verify: %+v", r.Lines)
	}
	b.end(id, scheme.LabelRevoked, ledger.LabelRevoked, "理由")
	b.run()
	if r := verify(id); r.Holds || !r.Authentic || r.Status != "revoked" {
		t.Errorf("after revocation: holds %v, authentic %v, %s", r.Holds, r.Authentic, r.Status)
	}
	if r := verify(other); !r.Holds {
		t.Errorf("the other label no longer holds: %+v", r.Lines)
	}
	// The hash of every list that was served is a leaf.
	v, err := b.keys.Open()
	if err != nil {
		t.Fatal(err)
	}
	_, payload, err := v.OpenStatus(b.get("/status-list").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	st, err := b.db.Log().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := b.db.Log().Leaves(t.Context(), 0, st.Indexed)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(leaves, func(l []byte) bool { return strings.Contains(string(l), ledger.PayloadHash(payload)) }) {
		t.Error("the served list is in no leaf")
	}
}

// Pages are files: they answer when the database does not.
func TestAnswersWithoutTheDatabase(t *testing.T) {
	b := lite(t)
	id := b.grant(camera)
	b.run()
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/L/" + string(id), "/L/" + string(id) + ".en", "/L/" + string(id) + ".json", "/L/" + string(id) + ".proof",
		"/L/" + string(id) + ".svg", "/L/" + string(id) + ".png", "/status-list", "/keys.json", "/checkpoint", "/tile/entries/000.p/2", "/assets/public.css"} {
		if w := b.get(path); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := b.get("/list")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "ラベルごとのページ") {
		t.Errorf("/list: %d %s", w.Code, w.Body)
	}
}

// A label that runs out is shown as expired from the first moment of the next day
// in Japan, whether or not the clock's job has run; the last day itself counts.
func TestDayBoundary(t *testing.T) {
	b := lite(t)
	p := camera
	p.lastDay = "2026-11-24"
	id := b.grant(p)
	status := func(at time.Time) string {
		t.Helper()
		b.clock.Advance(at.Sub(b.clock.Now()))
		b.run()
		d := b.page("/L/" + string(id))
		expires, err := time.Parse(time.RFC3339, d.Find("#stale").AttrOr("data-expires", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !expires.After(at) || expires.Sub(at) > 24*time.Hour {
			t.Errorf("at %s the copy expires %s", at, expires)
		}
		return words(d.Find("h2.status"))
	}
	jst := time.FixedZone("JST", 9*3600)
	if s := status(time.Date(2026, 11, 24, 23, 59, 59, 0, jst)); !strings.Contains(s, "有効です") {
		t.Errorf("on the last day: %q", s)
	}
	if s := status(time.Date(2026, 11, 25, 0, 0, 0, 0, jst)); !strings.Contains(s, "有効期限が切れています") {
		t.Errorf("a moment later: %q", s)
	}
	var list registry.ListFile
	if err := json.Unmarshal(b.get("/list.json").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if list.Labels[0].Status != scheme.StatusExpired {
		t.Errorf("the list says %s", list.Labels[0].Status)
	}
}

func TestCaching(t *testing.T) {
	b := lite(t)
	id := b.grant(camera)
	b.run()
	w := b.get("/L/" + string(id))
	tag := w.Header().Get("ETag")
	if tag == "" || !strings.Contains(w.Header().Get("Cache-Control"), "max-age=0, s-maxage=60,") {
		t.Errorf("headers %v", w.Header())
	}
	if w := b.get("/L/"+string(id), "If-None-Match", tag); w.Code != http.StatusNotModified {
		t.Errorf("the same page again: %d", w.Code)
	}
	b.run() // nothing new: the file stays
	if got := b.get("/L/" + string(id)).Header().Get("ETag"); got != tag {
		t.Errorf("the tag changed from %s to %s without a change", tag, got)
	}
	b.clock.Advance(12*time.Hour - 10*time.Second) // ten seconds before midnight
	if c := b.get("/L/" + string(id)).Header().Get("Cache-Control"); !strings.Contains(c, "s-maxage=10,") {
		t.Errorf("before the end of the day: %s", c)
	}
}

func TestAddresses(t *testing.T) {
	b := lite(t)
	id := b.grant(camera)
	b.run()
	for from, to := range map[string]string{
		"/L/" + strings.ToLower(string(id)): "/L/" + string(id),
		"/l/" + id.Grouped() + ".json":      "/L/" + string(id) + ".json",
		"/L/" + string(id) + "?lang=en":     "/L/" + string(id) + ".en",
		"/L/" + string(id) + ".EN":          "/L/" + string(id) + ".en",
	} {
		if w := b.get(from); w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != to {
			t.Errorf("%s: %d %s, want %s", from, w.Code, w.Header().Get("Location"), to)
		}
	}
	wrong := []byte(id)
	wrong[3] = map[bool]byte{true: '1', false: '0'}[wrong[3] == '0']
	for path, want := range map[string]string{
		"/L/" + string(wrong): "正しいラベル ID ではありません", "/L/x": "正しいラベル ID ではありません", "/L/" + string(id) + ".exe": "正しいラベル ID ではありません",
		"/L/" + string(must(label.NewID(strings.NewReader("another label.")))): "公開されていません", "/nothing": "見つかりません"} {
		if w := b.get(path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, want 404 with %q", path, w.Code, want)
		}
	}
	for _, path := range []string{"/tile/../../keys.json", "/tile/0/../../keys.json", "/assets/..%2f..%2fpage.go", "/L/..%2fkeys.json"} {
		if w := b.get(path); w.Code == http.StatusOK {
			t.Errorf("%s answered", path)
		}
	}
}

func must(id label.ID, err error) label.ID {
	if err != nil {
		panic(err)
	}
	return id
}

// Whatever a vendor keeps back, and whatever only the scheme may see, is in no
// byte that a stranger can get: pages, JSON, list, search, pictures, log.
func TestPrivateFieldsReachNoPublicByte(t *testing.T) {
	b := lite(t)
	p := camera
	p.hideManufacturer, p.hideIn, p.country = true, true, "ひみつ国"
	id := b.grant(p)
	b.run()
	secrets := []string{"秘密製造所", "ひみつ国", "内緒担当", "naisho@", "03-0000-1234"}
	look := func(where, s string) {
		for _, x := range secrets {
			if strings.Contains(s, x) {
				t.Errorf("%s holds %q", where, x)
			}
		}
	}
	files := 0
	err := filepath.WalkDir(b.pub.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		look(path, string(data))
		return err
	})
	if err != nil || files < 12 {
		t.Errorf("%d files, %v", files, err)
	}
	for _, path := range []string{"/list", "/list.en", "/list.json", "/list?q=HX", "/L/" + string(id), "/L/" + string(id) + ".en"} {
		look(path, b.get(path).Body.String())
	}
	for _, q := range secrets {
		if s := b.get("/list.json?q=" + url.QueryEscape(q)).Body.String(); strings.Contains(s, string(id)) {
			t.Errorf("searching for %q finds the label", q)
		}
	}
	if d := b.page("/L/" + string(id)); strings.Count(words(d.Find("body")), "非公開（申請者の選択による）") != 2 {
		t.Error("the page does not say what is kept back")
	}
}

// A statement row changed behind the program's back is not published.
func TestAlteredRowIsNotPublished(t *testing.T) {
	b := lite(t)
	id := b.grant(camera)
	b.run()
	b.update(func(ctx context.Context, tx *store.Tx) error {
		row, err := store.PublicLabelOf(ctx, tx, string(id))
		if err != nil {
			return err
		}
		row.Doc = []byte(strings.Replace(string(row.Doc), "星見電機株式会社", "別の会社", 1))
		return store.PutPublicLabel(ctx, tx, row)
	})
	b.clock.Advance(24 * time.Hour)
	b.run()
	if s := b.get("/L/" + string(id) + ".json").Body.String(); strings.Contains(s, "別の会社") || !strings.Contains(s, "星見電機株式会社") {
		t.Error("the altered row was published")
	}
}

// A new process, with or without its files, comes to the same public side.
func TestRestart(t *testing.T) {
	b := lite(t)
	id := b.grant(camera)
	b.run()
	checkpoint := b.get("/checkpoint").Body.String()
	b.pub = b.publisher(b.pub.Dir)
	b.run()
	dir := t.TempDir()
	b.pub = b.publisher(dir)
	b.run()
	b.site.Dir = dir
	if w := b.get("/L/" + string(id)); w.Code != http.StatusOK {
		t.Errorf("after losing all files: %d", w.Code)
	}
	if got := b.get("/checkpoint").Body.String(); !strings.HasPrefix(got, checkpoint[:strings.IndexByte(checkpoint, '\n')]) {
		t.Errorf("checkpoint %q", got)
	}
}
