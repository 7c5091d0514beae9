package registry_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"hoshi/internal/registry"
	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
)

func TestSearch(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, e store.Engine) {
		b := newBench(t, e)
		hx := b.grant(product{name: "ネットワークカメラ　みまもり", applicant: "星見電機株式会社", models: []string{"HX-100", "HX-100/B"}, lastDay: "2028-11-22"})
		rt := b.grant(product{name: "ホームルーター", applicant: "東京通信機（株）", models: []string{"RT_50%", "RT5000"}, lastDay: "2028-11-22"})
		b.run()
		find := func(q string) []string {
			t.Helper()
			var f registry.ListFile
			if err := json.Unmarshal(b.get("/list.json?q="+url.QueryEscape(q)).Body.Bytes(), &f); err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, l := range f.Labels {
				ids = append(ids, l.ID)
			}
			slices.Sort(ids)
			return ids
		}
		both := []string{string(hx), string(rt)}
		slices.Sort(both)
		for q, want := range map[string][]string{
			"":          both,
			"カ":         {string(hx)},
			"か":         {string(hx)},
			"東":         {string(rt)},
			"星見":        {string(hx)},
			"通信":        {string(rt)},
			"ﾙ-ﾀ":       {string(rt)},
			"ﾙｰﾀ":       {string(rt)},
			"るーたー":      {string(rt)},
			"みまもり カメラ":  {string(hx)},
			"カメラ 東京":    nil,
			"hx100b":    {string(hx)},
			"ＨＸ‐１００":    {string(hx)},
			"50%":       {string(rt)},
			"t_5":       {string(rt)},
			"%":         {string(rt)},
			"_":         {string(rt)},
			`\`:         nil,
			"'":         nil,
			"機":         both,
			"00002":     {string(rt)},
			"B東京":       nil, // fields do not run into each other
			"RT5":       {string(rt)},
			"100HX":     nil,
			"100\nHX":   {string(hx)}, // two words
			"・":         nil,
			"秘":         nil,
			"\x00":      nil,
			"\xff\xfe8": nil,
		} {
			if got := find(q); !slices.Equal(got, want) {
				t.Errorf("%q finds %v, want %v", q, got, want)
			}
		}
	})
}

func TestPaging(t *testing.T) {
	b := lite(t)
	for i := range 103 {
		b.grant(product{name: fmt.Sprintf("カメラ %d", i), applicant: "星見電機", models: []string{"M"}, lastDay: "2028-11-22"})
	}
	b.run()
	seen := map[string]bool{}
	pages := 0
	for path := "/list.json?q=" + url.QueryEscape("カメラ"); path != ""; pages++ {
		var f registry.ListFile
		if err := json.Unmarshal(b.get(path).Body.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		for _, l := range f.Labels {
			if seen[l.ID] {
				t.Errorf("%s stands on two pages", l.ID)
			}
			seen[l.ID] = true
		}
		path = f.Next
	}
	if len(seen) != 103 || pages != 3 {
		t.Errorf("%d labels on %d pages", len(seen), pages)
	}
	d := b.page("/list?q=" + url.QueryEscape("カメラ"))
	if d.Find(".hits li").Length() != 50 || d.Find("a[rel=next]").Length() != 1 {
		t.Errorf("first page: %d", d.Find(".hits li").Length())
	}
}
