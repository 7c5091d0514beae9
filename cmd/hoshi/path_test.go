package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/testkit"
	"hoshi/internal/testkit/stranger"
)

// TestPath walks from a device on the bench to a label that anyone can verify, in
// a real browser, against the program as people run it: the vendor finishes the
// evaluation that the tested camera began, declares and submits; an officer
// accepts and proposes; the same natural person cannot decide with a second
// account; another person grants; the QR on the artwork leads to the public page;
// its proof and status list verify offline; another person confirms a revocation,
// and the page and the proof say so.
func TestPath(t *testing.T) {
	dir := t.TempDir()
	hoshi := filepath.Join(dir, "hoshi")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", hoshi, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	d := startDemo(t, hoshi, filepath.Join(dir, "demo"))
	stranger.KeepFiles(t, filepath.Join(dir, "demo"))
	b := testkit.NewBrowser(t)

	vendor := d.person(b, "hoshino@hoshimi.example")
	product := d.link(vendor, "/portal/products", "/portal/products/")
	evaluation := d.link(vendor, product, "/portal/evaluations/")
	d.open(vendor, evaluation)
	completeChecklist(t, vendor)
	vendor.Axe()
	vendor.Submit(".save-bar button")
	vendor.Submit(`form[action$="/applications"] button`)
	application := strings.TrimPrefix(strings.SplitN(vendor.URL(), "?", 2)[0], d.site)
	vendor.Axe()

	// A form sent before it is complete comes back with every defect, each a link to its field.
	vendor.Submit(`button[value="check"]`)
	if n := testkit.Eval[int](vendor, `document.querySelectorAll("ol.defects > li").length`); n < 4 {
		t.Errorf("the form check of an empty form names %d defects", n)
	}
	if broken := testkit.Eval[string](vendor, `[...document.querySelectorAll("ol.defects > li")].filter(li => !li.querySelector("a[href]")).map(li => li.textContent.trim()).join("; ")`); broken != "" {
		t.Errorf("these defects do not link to their field: %s", broken)
	}
	vendor.Axe()

	d.open(vendor, application)
	for id, text := range map[string]string{"form.months": "24", "form.contactName": "星野 あかり", "form.contactMail": "hoshino@hoshimi.example",
		"form.contactPhone": "03-0000-0000", "form.declaredBy": "代表取締役 星見 太郎"} {
		vendor.Fill(id, text)
	}
	for _, id := range []string{"form.declared", "form.agreedSecrecy", "form.agreedRules"} {
		vendor.Click(fmt.Sprintf("label[for=%q]", id))
	}
	vendor.Submit(`button[value="check"]`)
	if defects := testkit.Eval[string](vendor, `[...document.querySelectorAll("ol.defects > li")].map(x => x.textContent.trim()).join("\n")`); defects != "" {
		t.Fatalf("the completed form still has defects:\n%s", defects)
	}
	vendor.Submit(`form[action$="/submit"] button`)
	vendor.Axe()

	// Another vendor and the public see nothing of it.
	stranger := d.person(b, "aoki@aozora.example")
	for _, path := range []string{application, evaluation, product} {
		if status := stranger.Go(d.site + path); status != http.StatusNotFound {
			t.Errorf("another vendor asks for %s: status %d", path, status)
		}
	}

	first := d.person(b, "mikami@office.example")
	d.open(first, "/portal")
	first.Axe()
	d.open(first, application)
	first.Axe()
	first.Submit(`form[action$="/accept"] button`)
	first.Submit(`form[action$="/propose-grant"] button`)
	if status := first.Go(d.site + evaluation); status != http.StatusNotFound && status != http.StatusForbidden {
		t.Errorf("an officer opens the vendor's evaluation: status %d", status)
	}

	// The same natural person with a second account: no button, and the request is refused.
	second := d.person(b, "mikami2@office.example")
	d.open(second, application)
	if testkit.Eval[bool](second, `!!document.querySelector('form[action$="/grant"] button')`) {
		t.Error("the proposer's second account is offered the grant")
	}
	status := testkit.Eval[int](second, `(async () => { const f = document.querySelector('form[action$="/grant"]');
		const r = await fetch(f.action, {method: "POST", body: new URLSearchParams(new FormData(f))}); return r.status })()`)
	if status != http.StatusForbidden && status != http.StatusConflict {
		t.Errorf("the proposer's second account grants: status %d", status)
	}

	other := d.person(b, "futaba@office.example")
	d.open(other, application)
	other.Axe()
	other.Submit(`form[action$="/grant"] button`)
	label := d.link(other, application, "/portal/labels/")

	d.open(vendor, label)
	vendor.Axe()
	public := testkit.Eval[string](vendor, `document.querySelector('a[href^="/L/"]').getAttribute("href")`)
	d.wait(public)

	// What a buyer does: a picture of the label, the QR in it, the page behind it.
	buyer := b.Private(testkit.Phone)
	d.open(buyer, public+".svg")
	art := filepath.Join(dir, "artwork.png")
	if err := os.Rename(buyer.Shot("artwork"), art); err != nil {
		t.Fatal(err)
	}
	png := filepath.Join(dir, "label.png")
	d.download(public+".png", png)
	var address string
	for _, picture := range []string{art, png} {
		out, err := exec.CommandContext(t.Context(), "zbarimg", "--quiet", "--raw", picture).Output()
		if err != nil {
			t.Fatalf("zbar reads nothing in %s: %v", picture, err)
		}
		address = strings.TrimSpace(string(out))
		if !strings.EqualFold(address, d.site+public) {
			t.Errorf("the QR says %q, want the address %s", address, d.site+public)
		}
	}
	if status := buyer.Go(address); status != http.StatusOK {
		t.Fatalf("the address of the QR: status %d", status)
	}
	if n := testkit.Eval[int](buyer, `document.querySelectorAll(".five li").length`); n != 5 {
		t.Errorf("%d lines stand first, want five", n)
	}
	for _, lang := range []string{"", ".en"} {
		for _, screen := range []testkit.Screen{testkit.Phone, testkit.Desktop} {
			buyer.Resize(screen)
			d.open(buyer, public+lang)
			buyer.Axe()
			buyer.Shot("public" + lang)
		}
	}
	buyer.NoScript(true)
	d.open(buyer, "/list?q="+"カメ")
	if !strings.Contains(buyer.Text("main"), "練習用ネットワークカメラ") {
		t.Error("the list does not find the product by two characters, without scripts")
	}
	buyer.NoScript(false)
	buyer.Axe()

	// What a stranger does: files, public keys, no network.
	files := map[string]string{"statement.json": public + ".json", "label.proof": public + ".proof", "status.json": "/status-list", "keys.json": "/keys.json"}
	fetch := func(into string) {
		for name, path := range files {
			d.download(path, filepath.Join(into, name))
		}
	}
	before := filepath.Join(dir, "before")
	after := filepath.Join(dir, "after")
	for _, x := range []string{before, after} {
		if err := os.Mkdir(x, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	fetch(before)
	if out, code := run(t, hoshi, verifyArgs(before)...); code != 0 {
		t.Errorf("verify offline: exit %d\n%s", code, out)
	}
	if out, code := run(t, hoshi, "verify", address); code != 0 {
		t.Errorf("verify the printed address: exit %d\n%s", code, out)
	}

	// Private fields, people and mail addresses appear in no public byte.
	for _, path := range []string{public, public + ".en", public + ".json", public + ".proof", public + ".svg", "/list", "/list.json", "/status-list"} {
		body := d.get(path)
		for _, secret := range []string{"第二工場", "hoshino@", "星野", "代表取締役", "03-0000-0000", "二葉", "三上"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
	}

	// Revocation takes two persons and a public reason.
	d.open(first, label)
	first.Click(`details:has(form[action$="/propose-revocation"]) > summary`)
	first.Click(`form[action$="/propose-revocation"] input[value="false-application"]`)
	first.Fill("revocation.publicReason", "申請の内容が事実と異なっていました。")
	first.Submit(`form[action$="/propose-revocation"] button`)
	d.open(other, label)
	other.Axe()
	other.Submit(`form[action$="/confirm-revocation"] button`)
	d.until("the public page tells of the revocation", func() bool {
		return strings.Contains(d.get(public), "申請の内容が事実と異なっていました。")
	})
	d.until("the status list tells of it", func() bool {
		fetch(after)
		_, code := run(t, hoshi, verifyArgs(after)...)
		return code == 1
	})
	// The same browser looks again and sees it: no copy stands in between.
	d.open(buyer, public)
	if !testkit.Eval[bool](buyer, `!!document.querySelector(".five.ended")`) {
		t.Error("a buyer who looks again still sees a label that holds")
	}
	buyer.Axe()
	buyer.Shot("revoked")

	// Stop and start keeps everything.
	d.stop()
	d = startDemo(t, hoshi, filepath.Join(dir, "demo"))
	if !strings.Contains(d.get(public), "申請の内容が事実と異なっていました。") {
		t.Error("after a restart the page has lost its revocation")
	}
	if out, code := run(t, hoshi, verifyArgs(before)...); code == 2 {
		t.Errorf("the files from before are unreadable: %s", out)
	}
}

func verifyArgs(dir string) []string {
	at := func(name string) string { return filepath.Join(dir, name) }
	return []string{"verify", at("statement.json"), at("label.proof"), "--keys", at("keys.json"), "--status", at("status.json")}
}

// run runs the program and returns what it said and its exit code.
func run(t *testing.T, hoshi string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), hoshi, args...)
	cmd.Env = append(os.Environ(), "HOSHI_LANG=ja")
	out, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), e.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

// completeChecklist does what a vendor does with the sixteen criteria: it keeps
// what the test already decided and answers the rest, with a reason each.
func completeChecklist(t *testing.T, p *testkit.Page) {
	t.Helper()
	edition, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	prefilled := 0
	for _, c := range edition.Criteria {
		at := "answers." + c.ID
		if testkit.Eval[bool](p, fmt.Sprintf(`!!document.querySelector('input[name="%s.result"]:checked:not([value=""])')`, at)) {
			prefilled++
		} else {
			testkit.Eval[bool](p, fmt.Sprintf(`(document.querySelector('input[name="%s.result"][value="conforms"]').click(), true)`, at))
		}
		p.Fill(at+".justification", "設計書の第 5 章に記載し、実機で確かめました。")
		p.Fill(at+".evidence", "PC-100 セキュリティ設計書 2.0")
	}
	if prefilled == 0 {
		t.Error("no criterion was prefilled from the camera's evidence")
	}
}

type demo struct {
	t    *testing.T
	site string
	cmd  *exec.Cmd
}

// startDemo starts the program and returns when its devices have been assessed.
func startDemo(t *testing.T, hoshi, dir string) *demo {
	t.Helper()
	cmd := exec.Command(hoshi, "demo", "--dir", dir, "--listen", "127.0.0.1:18391")
	cmd.Env = append(os.Environ(), "HOSHI_LANG=en")
	cmd.Stderr = t.Output()
	testkit.EndWithUs(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &demo{t: t, cmd: cmd}
	t.Cleanup(d.stop)
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
		site := ""
		for s := bufio.NewScanner(out); s.Scan(); {
			fmt.Fprintln(t.Output(), s.Text())
			if site == "" {
				site = address.FindString(s.Text())
			}
			if strings.HasPrefix(s.Text(), "The evidence of the well-made camera is attached") {
				ready <- site
			}
		}
	}()
	select {
	case d.site = <-ready:
		if d.site == "" {
			t.Fatal("the demo ended before it was ready")
		}
	case <-time.After(3 * time.Minute):
		t.Fatal("the demo is not ready after three minutes")
	}
	return d
}

func (d *demo) stop() {
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(os.Interrupt) // it may have ended by itself; Wait tells
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the demo did not stop in order: %v", err)
	}
}

// person signs in with one click, in a window with cookies of its own.
func (d *demo) person(b *testkit.Browser, login string) *testkit.Page {
	d.t.Helper()
	p := b.Private(testkit.Desktop)
	p.Go(d.site + "/sign-in")
	p.Submit(fmt.Sprintf("form:has(input[value=%q]) button", login))
	return p
}

func (d *demo) open(p *testkit.Page, path string) {
	d.t.Helper()
	if status := p.Go(d.site + path); status != http.StatusOK {
		d.t.Fatalf("%s: status %d", path, status)
	}
}

// link opens a page and returns the first link below a path that is not "new".
func (d *demo) link(p *testkit.Page, page, below string) string {
	d.t.Helper()
	d.open(p, page)
	links := testkit.Eval[string](p, fmt.Sprintf(`[...document.querySelectorAll('main a[href^=%q]')].map(a => a.getAttribute("href")).join(" ")`, below))
	for _, l := range strings.Fields(links) {
		if l != below+"new" {
			return l
		}
	}
	d.t.Fatalf("%s has no link below %s", page, below)
	return ""
}

func (d *demo) response(path string) (int, []byte) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(d.t.Context()), http.MethodGet, d.site+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, body
}

func (d *demo) get(path string) string {
	d.t.Helper()
	status, body := d.response(path)
	if status != http.StatusOK {
		d.t.Fatalf("%s: status %d", path, status)
	}
	return string(body)
}

func (d *demo) download(path, file string) {
	d.t.Helper()
	if err := os.WriteFile(file, []byte(d.get(path)), 0o644); err != nil {
		d.t.Fatal(err)
	}
	if strings.HasSuffix(file, "keys.json") && !json.Valid([]byte(d.get(path))) {
		d.t.Errorf("%s is not JSON", path)
	}
}

// wait waits until a path is public: its leaf has to be under a signed checkpoint first.
func (d *demo) wait(path string) {
	d.t.Helper()
	d.until(path+" becomes public", func() bool { status, _ := d.response(path); return status == http.StatusOK })
}

func (d *demo) until(what string, ok func() bool) {
	d.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
		if ok() {
			return
		}
	}
	d.t.Fatalf("after a minute: not yet: %s", what)
}
