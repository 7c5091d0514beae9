package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

func TestReadPorts(t *testing.T) {
	for s, want := range map[string]string{
		"":                     "",
		"なし":                   "",
		"80, 443":              "tcp/80 http ()|tcp/443 https ()",
		"80 443":               "tcp/80 http ()|tcp/443 https ()",
		"80 443 settings page": "tcp/80 http (settings page)|tcp/443 https (settings page)",
		"443 設定画面、８０ https への案内":            "tcp/443 https (設定画面)|tcp/80 http (https への案内)",
		"443: settings, and pictures; 22=x": "tcp/443 https (settings, and pictures)|tcp/22 ssh (x)",
		"udp/5353 discovery":                "udp/5353 mdns (discovery)",
		"UDP/5353：発見":                       "udp/5353 mdns (発見)",
		"0":                                 "!assess.first.not-a-port",
		"70000 x":                           "!assess.first.not-a-port",
		"udp/x":                             "!assess.first.not-a-port",
		"settings":                          "!assess.first.not-a-port",
		"80, 80":                            "!assess.first.twice",
	} {
		var x declaration
		var got []string
		err := x.readPorts(s, "なし")
		for _, p := range x.ports {
			got = append(got, p.Port+" "+p.Service+" ("+p.Reason+")")
		}
		compare(t, s, err, strings.Join(got, "|"), want)
	}
}

func TestReadUser(t *testing.T) {
	for s, want := range map[string]string{
		"admin":      "admin/",
		"admin 2":    "admin/set-at-first-use",
		"root　１":     "root/unique-per-device",
		"3":          "admin/shared",
		"my name 4":  "my name/none",
		"なし":         "/",
		"none":       "/",
		"-":          "/",
		"admin 5":    "!assess.first.user.wrong",
		"admin 0":    "!assess.first.user.wrong",
		"admin 2 x3": "admin 2 x3/",
	} {
		var x declaration
		err := x.readUser(s, "なし")
		compare(t, s, err, x.user+"/"+x.initial, want)
	}
}

func TestReadNames(t *testing.T) {
	for s, want := range map[string]string{"見本電機／見本カメラ": "見本電機|見本カメラ", " A / B/2 ": "A|B/2", "A": "!assess.first.product.wrong", "/ B": "!assess.first.product.wrong", "": "!assess.first.product.wrong"} {
		var x declaration
		err := x.readProduct(s)
		compare(t, s, err, x.maker+"|"+x.name, want)
	}
	for s, want := range map[string]string{"CAM-1": "CAM-1", "CAM-1、CAM 1W,": "CAM-1|CAM 1W", " , ": "!assess.first.empty", "A,A": "!assess.first.twice"} {
		var x declaration
		err := x.readModels(s)
		compare(t, s, err, strings.Join(x.models, "|"), want)
	}
}

// compare looks at what was read, or at the key of the sentence that says why not.
func compare(t *testing.T, s string, err error, got, want string) {
	t.Helper()
	if err != nil {
		got = "!" + faultKey(err)
	}
	if got != want {
		t.Errorf("%q: %s, want %s", s, got, want)
	}
	if sentence, _ := i18n.JA.Error(err); err != nil && strings.ContainsAny(sentence, "{}") {
		t.Errorf("%q: %s", s, sentence)
	}
}

// Whatever is answered, the file is a valid declaration of just that, and what was
// not asked is left open in it.
func TestDeclarationFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[^\pZ\pC/,，、､;；][^\pC/,，、､;；]{0,8}`)
		var x declaration
		for _, err := range []error{x.readProduct(text.Draw(t, "maker") + " / " + text.Draw(t, "name") + "."), x.readModels(text.Draw(t, "model")),
			x.readFirmware(text.Draw(t, "firmware")), x.readUser(rapid.SampledFrom([]string{"admin", "admin 1", "なし", "a: #b 4", `"`}).Draw(t, "user"), "なし"),
			x.readPorts(rapid.SampledFrom([]string{"", "443, 80 # x: {y}", "udp/5353 \"d\"", "9000 web"}).Draw(t, "ports"), "なし")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if x.ports == nil {
			x.ports = []evidence.Port{}
		}
		x.secret = rapid.Bool().Draw(t, "secret")
		for _, l := range i18n.Langs {
			p, err := evidence.ParseProduct("product.yaml", []byte(x.yaml(l)))
			if err != nil {
				sentence, places := l.Error(err)
				t.Fatalf("%s %v\n%s", sentence, places, x.yaml(l))
			}
			if d := cmp.Diff(x.ports, p.Ports); d != "" || p.Product.Name.JA != x.name || p.Product.Vendor.EN != x.maker || p.Product.Firmware != x.firmware {
				t.Fatalf("%+v: %s", p, d)
			}
			if len(p.Accounts) == 1 && (p.Accounts[0].User != x.user || p.Accounts[0].Initial != x.initial || p.Accounts[0].Changeable != nil || (p.Accounts[0].Secret.Env != "") != x.secret) || (len(p.Accounts) == 0) != (x.user == "") {
				t.Fatalf("%+v", p.Accounts)
			}
		}
	})
}

// Each place to fill in is valid when its mark is followed.
func TestDeclarationFilledIn(t *testing.T) {
	x := declaration{maker: "A", name: "B", models: []string{"C"}, firmware: "1", user: "admin", ports: []evidence.Port{{Port: "tcp/8443", Service: "https"}}}
	for _, l := range i18n.Langs {
		text := x.yaml(l)
		for _, line := range []string{"initial: shared # ", "changeable: true", "secret: {env: HOSHI_DEVICE_SECRET}"} {
			if !strings.Contains(text, "    # "+line) {
				t.Errorf("%s: no %q in\n%s", l, line, text)
			}
			text = strings.Replace(text, "    # "+line, "    "+line, 1)
		}
		for _, name := range []string{"assets", "paths", "updates", "interfaces"} {
			_, example, _ := strings.Cut(l.T("assess.yaml."+name), ": - {")
			text = strings.Replace(text, name+": []", name+":\n  - {"+example, 1)
		}
		p, err := evidence.ParseProduct("product.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		a := p.Accounts[0]
		if a.Port != "tcp/8443" || a.Initial != "shared" || a.Changeable == nil || !*a.Changeable || a.Secret.Env != firstSecret || len(p.Assets)+len(p.Paths)+len(p.Updates)+len(p.Interfaces) != 4 {
			t.Errorf("%+v", p)
		}
	}
}

func faultKey(err error) string {
	e, _ := errors.AsType[*fault.Error](err)
	return e.Key
}
