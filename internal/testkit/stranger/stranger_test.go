package stranger

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/practice"
	"hoshi/internal/probe"
)

func sample(t *testing.T) *evidence.Run {
	t.Helper()
	e, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	run := &evidence.Run{Product: practice.ProductYAML(practice.MakeCamera, practice.RealPorts()), Edition: e.Source(),
		Info:        evidence.Info{Format: evidence.RunFormat, Tool: "hoshi test", Started: at, Finished: at, EditionID: e.ID},
		Transcripts: map[string][]probe.Record{"tcp": {{Probe: "tcp", Line: 1, Event: "open", Port: "tcp/80"}}}}
	if run.Facts, run.Verdicts, err = run.Conclude(); err != nil {
		t.Fatal(err)
	}
	return run
}

func sealed(t *testing.T, run *evidence.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := evidence.Seal(&b, *run, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Strangers agree about an honest bundle, and about one without facts whose edition
// nobody can read. A single fact or verdict that does not follow is told.
func TestReplayAll(t *testing.T) {
	honest, unread, fact, verdict := sample(t), sample(t), sample(t), sample(t)
	unread.Edition, unread.Facts, unread.Verdicts = []byte("no edition"), nil, nil
	fact.Facts = slices.Clone(fact.Facts)[1:]
	verdict.Verdicts[0].Outcome = criteria.Conforms
	for name, c := range map[string]struct {
		run  *evidence.Run
		told bool
	}{"honest": {honest, false}, "unread": {unread, false}, "fact": {fact, true}, "verdict": {verdict, true}} {
		t.Setenv(FolderEnv, t.TempDir())
		t.Setenv("TMPDIR", t.TempDir())
		if err := keep(sealed(t, c.run), name); err != nil {
			t.Fatal(err)
		}
		err := replayAll(os.Getenv(FolderEnv))
		if c.told != (err != nil) || c.told && !strings.Contains(err.Error(), "a bundle of "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A stranger who comes to another conclusion is told, line by line.
func TestDiffer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	err := differ(nil, "user 1", "a test", Answer{Facts: "a\nb\n"}, Answer{Facts: "a\nc\n"})
	if s := err.Error(); !strings.Contains(s, "  - b\n  + c\n") || strings.Contains(s, "- a") {
		t.Error(s)
	}
}

// A bundle of a process that was not told the folder is refused.
func TestNobodyReplays(t *testing.T) {
	t.Setenv(FolderEnv, "")
	if err := keep([]byte("x"), "a test"); err == nil {
		t.Error("kept nowhere")
	}
}

func TestUnframed(t *testing.T) {
	framed := "\x00\x00PB\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02ab" + "\x00\x00PB\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01c"
	for in, want := range map[string]string{framed: "abc", framed[:20]: "ab\x00\x00", "plain": "plain", "": ""} {
		if got := string(unframed([]byte(in))); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}
