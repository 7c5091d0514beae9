package evidence

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fault"
)

func TestProduct(t *testing.T) {
	p, err := ParseProduct("product.yaml", product)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := p.Facts().Get("declared.asset", "wifi")
	want := map[string]any{"kind": "communication-settings", "name": "無線の設定", "stored": true, "sent": true}
	if d := cmp.Diff(want, f.Value); !ok || d != "" {
		t.Errorf("declared.asset (-want +got):\n%s", d)
	}
	if rs := p.Readable(); len(rs) != 1 || rs[0].Port != 443 || rs[0].URL != "/settings" {
		t.Errorf("readable: %+v", rs)
	}
}

// Each fault is reported with its line and field, all at once.
func TestProductFaults(t *testing.T) {
	cases := []struct{ old, new, want string }{
		{"hoshi-product/1", "hoshi-product/9", "1 format evidence.product-format"},
		{"models: [TH-1, TH-1W]", "models: [TH-1, TH-1]", "5 product.models[1] evidence.product-twice"},
		{`firmware: "2.0"`, `firmware: ""`, "6 product.firmware evidence.product-empty"},
		{"initial: set-at-first-use", "initial: guess", "8 accounts[0].initial evidence.product-word"},
		{"changeable: true", "changeable: true, secret: {env: A, file: B}", "8 accounts[0].secret evidence.product-secret"},
		{"changeable: true", "changeable: true, snmp: {auth: sha1}", "8 accounts[0].snmp evidence.product-snmp"},
		{"changeable: true", "changeable: true, secret: hunter2", "8  evidence.product-yaml"},
		{"changeable: true", "changeable: true, passwd: x", "8  evidence.product-yaml"},
		{"{port: tcp/443, service", "{port: tcp/65536, service", "10 ports[0].port evidence.product-port"},
		{"kind: communication-settings", "kind: stuff", "12 assets[0].kind evidence.product-word"},
		{"paths: [settings]", "paths: [other]", "12 assets[0].paths[0] evidence.product-nopath"},
		{"port: tcp/443, url: /settings", "port: tcp/443, to: x, url: /settings", "14 paths[0] evidence.product-path"},
		{"port: tcp/443, url: /settings", "port: tcp/443, network: false, url: /settings", "14 paths[0].network evidence.product-path-network"},
		{"url: /settings", "url: http://x/", "14 paths[0].url evidence.product-url"},
		{"{id: online", "{id: On Line", "16 updates[0].id evidence.product-id"},
		{"kind: usb", "kind: uart", "18 interfaces[0].kind evidence.product-word"},
		{"updates:", "updates: [", "0"},
	}
	for _, c := range cases {
		src := strings.Replace(string(product), c.old, c.new, 1)
		if src == string(product) {
			t.Fatalf("%q is not in the sample", c.old)
		}
		_, err := ParseProduct("p.yaml", []byte(src))
		e, ok := err.(*fault.Error)
		if !ok || len(e.Places) != 1 || e.Places[0].File != "p.yaml" {
			t.Errorf("%s: %v", c.new, err)
			continue
		}
		p := e.Places[0]
		if c.want == "0" {
			if p.Line == 0 {
				t.Errorf("%s: no line", c.new)
			}
			continue
		}
		if got := fmt.Sprintf("%d %s %s", p.Line, p.Field, p.Key); got != c.want {
			t.Errorf("%s: got %q, want %q", c.new, got, c.want)
		}
	}
}

func FuzzParseProduct(f *testing.F) {
	f.Add(product)
	f.Add([]byte("format: hoshi-product/1\nproduct: {models: [a, a]}\npaths: [{id: A}]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProduct("p", b)
		if err == nil && len(p.Facts()) == 0 {
			t.Error("no facts")
		}
	})
}
