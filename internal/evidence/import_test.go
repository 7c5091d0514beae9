package evidence

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hoshi/internal/fact"
)

// An import is kept as a file, its facts stand beside Hoshi's own, no verdict
// changes, and all of it replays.
func TestImport(t *testing.T) {
	r := sample(t)
	was, err := MarshalVerdicts(r.Verdicts)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range []string{"nmap.xml", "testssl.json", "sslyze.json"} {
		b, err := os.ReadFile(filepath.Join("imported", "testdata", n))
		if err != nil {
			t.Fatal(err)
		}
		b = bytes.ReplaceAll(b, []byte("44330"), []byte("443"))
		name, err := r.Import(b)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		if _, err := r.Import(b); key(err) != "evidence.import-again" {
			t.Errorf("twice: %v", err)
		}
	}
	if s := strings.Join(names, " "); s != "nmap-1.xml testssl-1.json sslyze-1.json" {
		t.Error(s)
	}
	x := opened(t, sealed(t, r, testKey(t, 1)))
	facts, verdicts, err := Replay(x)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := MarshalVerdicts(verdicts); err != nil || !bytes.Equal(was, now) {
		t.Errorf("the verdicts have changed: %v", err)
	}
	a, err := MarshalFacts(facts)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := MarshalFacts(x.Facts); err != nil || !bytes.Equal(a, b) {
		t.Errorf("the facts do not replay: %v", err)
	}
	n := 0
	for _, f := range facts.Named("tls.suite") {
		if f.Origin == fact.Imported {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d imported lists of suites", n)
	}
	rows := SideBySide(facts)
	by := map[string]Beside{}
	for _, b := range rows {
		by[b.ID+" "+b.File] = b
	}
	if b := by["tcp.open[tcp/443] nmap-1.xml"]; !b.Same {
		t.Errorf("%+v", b)
	}
	if b := by["tls.version[tcp/443] testssl-1.json"]; b.Same || b.Own == "" || b.Imported == "" {
		t.Errorf("%+v", b)
	}
	if rows[0].Same {
		t.Error("what differs does not come first")
	}
	if _, err := r.Import([]byte("no tool wrote this")); key(err) != "evidence.import-foreign" {
		t.Errorf("%v", err)
	}
}
