package registry_test

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
)

// world puts people and use cases on the bench.
func (b *bench) world() *caseworktest.World {
	b.t.Helper()
	w := caseworktest.New(b.t, b.db, b.clock, 1)
	w.Fold = registry.Fold
	w.Settings.Levels[0].Name.EN = "Star 1" // the picture's font has no ☆
	b.set = w.Settings
	b.keys.Scheme = w.Settings.ID
	b.pub = b.publisher(b.pub.Dir)
	b.pub.Editions = w.Editions
	b.site.Settings = w.Settings
	return w
}

// What the use cases commit is what the public reads, and the log agrees with it.
func TestFromGrantToPublicPage(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, e store.Engine) {
		b := newBench(t, e)
		w := b.world()
		ctx := context.Background()
		revoked, withdrawn, lapsed, valid := w.Granted(t, w.Vendor), w.Granted(t, w.Vendor), w.Granted(t, w.Rival), w.Granted(t, w.Vendor)
		b.clock.Advance(time.Hour)
		r, err := w.ProposeRevocation(ctx, w.Officer, revoked.ID, scheme.GroundFalseApplication, "申請の内容が事実と異なりました", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.ConfirmRevocation(ctx, w.Second, r.ID, r.Version, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.WithdrawLabel(ctx, w.Vendor, withdrawn.ID, withdrawn.Version, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ReportChange(ctx, w.Rival, lapsed.ID, lapsed.Version, "内緒の部品変更", ""); err != nil {
			t.Fatal(err)
		}
		b.run()
		for id, want := range map[string]string{revoked.ID: "取り消されました", withdrawn.ID: "自主取下げ", lapsed.ID: "製品仕様の変更", valid.ID: "有効です"} {
			d := b.page("/L/" + id)
			if h := words(d.Find("h2.status")); !strings.Contains(h, want) {
				t.Errorf("%s: %q, want %q", id, h, want)
			}
		}
		if s := words(b.page("/L/" + revoked.ID).Find(".ending")); !strings.Contains(s, "申請の内容が事実と異なりました") {
			t.Errorf("the public reason is missing: %q", s)
		}
		b.secrets(caseworktest.SecretMaker, caseworktest.SecretLand, "連絡 担当", "contact@vendor.example", "03-0000-0000", "設計書", "内緒の部品変更", "Name tanaka", "Name hoshino")
		if s := b.get("/list.json?q=%E3%82%AB").Body.String(); strings.Count(s, `"id"`) != 4 {
			t.Errorf("searching for カ: %s", s)
		}
		// The clock ends what nobody ended.
		b.clock.Advance(800 * 24 * time.Hour)
		if n, err := w.ExpireDue(ctx); n != 1 || err != nil {
			t.Errorf("ExpireDue = %d, %v", n, err)
		}
		b.run()
		if h := words(b.page("/L/" + valid.ID).Find("h2.status")); !strings.Contains(h, "有効期限が切れています") {
			t.Errorf("after two years: %q", h)
		}
		c, err := registry.Check(ctx, b.db, b.keys, b.pub.Files)
		if err != nil || len(c.Findings) != 0 || c.Labels != 4 {
			t.Errorf("the log does not agree: %+v, %v", c, err)
		}
	})
}

// secrets looks for texts in everything that a stranger can get.
func (b *bench) secrets(texts ...string) {
	b.t.Helper()
	look := func(where, s string) {
		for _, x := range texts {
			if strings.Contains(s, x) {
				b.t.Errorf("%s holds %q", where, x)
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
		b.t.Errorf("%d files, %v", files, err)
	}
	for _, path := range []string{"/list", "/list.en", "/list.json"} {
		w := b.get(path)
		if w.Code != http.StatusOK {
			b.t.Errorf("%s: %d", path, w.Code)
		}
		look(path, w.Body.String())
	}
}
