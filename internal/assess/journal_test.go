package assess

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
)

// A journal cut anywhere behind its first line gives the records of its whole
// lines, and nothing else.
func TestJournalCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		_ = e.Encode(Header{Format: JournalFormat, Tool: "t", Parameters: map[string]any{"pace": "fast"}})
		first := b.Len()
		var all []probe.Record
		ends := []int{first}
		for i := range rapid.IntRange(0, 6).Draw(t, "records") {
			r := probe.Record{At: int64(i), Probe: rapid.SampledFrom([]string{"tcp", "http"}).Draw(t, "probe"), Event: "x", Recv: rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "recv")}
			all = append(all, r)
			_ = e.Encode(r)
			ends = append(ends, b.Len())
		}
		at := rapid.IntRange(first, b.Len()).Draw(t, "cut")
		p, err := parseJournal(bytes.NewReader(b.Bytes()[:at]))
		if err != nil {
			t.Fatal(err)
		}
		whole := 0
		for whole+1 < len(ends) && ends[whole+1] <= at {
			whole++
		}
		if d := cmp.Diff(all[:whole], append([]probe.Record{}, p.Records...)); d != "" && whole > 0 {
			t.Errorf("-want +got:\n%s", d)
		}
		if len(p.Records) != whole || p.whole != int64(ends[whole]) {
			t.Errorf("%d records, %d bytes; want %d, %d", len(p.Records), p.whole, whole, ends[whole])
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"format":"hoshi-journal/1"}` + "\n" + `{"at":1,"probe":"run","event":"dropped","item":"tcp"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseJournal(bytes.NewReader(b))
		if err == nil && p.whole > int64(len(b)) {
			t.Errorf("%d of %d bytes are whole", p.whole, len(b))
		}
	})
}

func TestJournalDamagedInside(t *testing.T) {
	text := `{"format":"hoshi-journal/1"}` + "\n" + `{"at":1,"probe":"tc` + "\n" + `{"at":1,"probe":"tcp","event":"open"}` + "\n"
	if _, err := parseJournal(strings.NewReader(text)); err == nil {
		t.Error("a damaged line in the middle was passed over")
	}
}

// A run that was stopped goes on: what had ended is not asked again, the clock
// goes on, and secrets are in the journal nowhere.
func TestStoppedAndResumed(t *testing.T) {
	t.Setenv("SAMPLE_PW", "hunter22-hunter22")
	w := &web{reply: "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nhunter22-hunter22"}
	w.left.Store(-1)
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, "192.168.77.7", w.dial)
	o.Product = []byte(strings.Replace(product, "changeable: true", "changeable: true, secret: {env: SAMPLE_PW}", 1))
	o.Journal = filepath.Join(t.TempDir(), "run.hoshi.journal")
	o.Progress = func(e Event) {
		if e.Probe == "http" && e.State == "progress" {
			cancel()
		}
	}
	_, err := Run(ctx, o)
	if fe, ok := err.(*fault.Error); !ok || fe.Key != "assess.interrupted" {
		t.Fatalf("got %v", err)
	}
	if st, err := os.Stat(o.Journal); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	past, err := ReadJournal(o.Journal)
	if err != nil || !past.Ended("tcp") || !past.Ended("service") || past.Ended("http") {
		t.Fatalf("%v: %+v", err, past)
	}

	// The same command again, without a word, is refused: it would be another run.
	o.Progress = nil
	if _, err := Run(t.Context(), o); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second run into the same journal: %v", err)
	}
	// Another product, pace or tool is refused, and the sentence names it.
	o.Resume = true
	for what, change := range map[string]func(*Options){
		"product":    func(o *Options) { o.Product = append(slices.Clone(o.Product), '#', '\n') },
		"tool":       func(o *Options) { o.Tool = "hoshi other" },
		"target":     func(o *Options) { o.Address = "192.168.77.8" },
		"parameters": func(o *Options) { o.Pace.SignIns++ },
	} {
		c := o
		change(&c)
		_, err := Run(t.Context(), c)
		if fe, ok := err.(*fault.Error); !ok || fe.Kind != fault.Conflict || len(fe.Places) != 1 || fe.Places[0].Field != what {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A torn last line is no harm.
	f, err := os.OpenFile(o.Journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"at":99,"probe":"http","ev`)
	_ = f.Close()

	run, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	begun := map[string]int{}
	last, took := int64(0), int64(0)
	for _, r := range run.Transcripts[RunTranscript] {
		if r.Event == "begin" {
			begun[r.Item]++
		}
		if r.Event == "resumed" {
			last, took = r.At, r.Took
		}
	}
	if begun["tcp"] != 1 || begun["service"] != 1 || begun["http"] != 2 || begun["signin"] != 1 {
		t.Errorf("begun: %v", begun)
	}
	for _, r := range run.Transcripts["signin"] {
		if r.At < last+took {
			t.Errorf("the clock went back: %+v, resumed at %d", r, last+took)
		}
	}
	want, err := Run(t.Context(), func() Options { c := o; c.Journal, c.Resume = "", false; return c }())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(values(want), values(run)); d != "" {
		t.Errorf("facts of an undisturbed and a resumed run (-undisturbed +resumed):\n%s", d)
	}
	b, err := os.ReadFile(o.Journal)
	if err != nil || bytes.Contains(b, []byte("hunter22")) {
		t.Errorf("the secret is in the journal, %v", err)
	}
}

// Ctrl-C ends the run within a second, even when a probe does not notice.
func TestStopsAtOnce(t *testing.T) {
	o := options(t, "192.168.77.7", nil)
	stuck := make(chan struct{})
	defer close(stuck)
	ctx, cancel := context.WithCancel(t.Context())
	r := &runner{o: o, g: &gauge{o: o}, rec: probe.NewRecorder(time.Now, nil), t: &probe.Target{}}
	began := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- r.one(ctx, probe.Probe{Name: "stuck", Run: func(context.Context, *probe.Target, *probe.Recorder) error {
			close(began)
			<-stuck
			return nil
		}})
	}()
	<-began
	cancel()
	if err := <-ended; err == nil {
		t.Error("the run went on")
	}
}

// values are the facts of a run without their sources.
func values(run *evidence.Run) map[string]string {
	out := map[string]string{}
	for _, f := range run.Facts {
		j, _ := json.Marshal(f.Value)
		out[string(f.Origin)+" "+f.ID()] = string(j)
	}
	return out
}
