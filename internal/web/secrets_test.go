package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// A password that is sent after the sign-in has run out is not kept anywhere, and
// stands on no page afterwards.
func TestLatePasswordIsNotKept(t *testing.T) {
	w := newWorld(t, true)
	v := w.as(t, "hoshino")
	w.clock.Advance(time.Hour)
	p := v.post("/portal/account/password", url.Values{"old": {"古い合い言葉古い合い言葉"}, "password": {"新しい合い言葉新しい合い言葉"}}, http.StatusOK)
	if !strings.HasPrefix(p.Path, "/sign-in?") || !strings.Contains(p.Path, "late=1") {
		t.Fatalf("leads to %s", p.Path)
	}
	v.post("/sign-in/demo", url.Values{"login": {"hoshino@example.jp"}}, http.StatusOK)
	if p := v.get("/portal/account", http.StatusOK); strings.Contains(p.HTML, "合い言葉古い") {
		t.Error("the page shows the password")
	}
}

// What an upload leaves on the disk while it is read goes with the request.
func TestUploadLeavesNothingBehind(t *testing.T) {
	w := newWorld(t, true)
	x := w.things(t)
	v := w.as(t, "hoshino")
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	f, err := m.CreateFormFile("evaluation.bundle", "run.hoshi")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 1<<20+1<<19)); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	v.upload("/portal/evaluations/"+x.emptyEvaluation+"/bundle", &b, m.FormDataContentType(), 0, http.StatusRequestEntityTooLarge)
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("%s stays", e.Name())
	}
}
