package assess

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/stranger"
)

// A journal cut anywhere behind its first line gives the records of its whole
// lines, and nothing else.
func TestJournalCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		_ = e.Encode(Header{Format: journalFormat, Tool: "t", Parameters: map[string]any{"pace": "fast"}})
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
	o := patient(options(t, "192.168.77.7", w.dial))
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
	if err != nil || !past.ended("tcp") || !past.ended("service") || past.ended("http") {
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
	stranger.Keep(t, run)
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
	stranger.Keep(t, want)
	if d := cmp.Diff(values(want), values(run)); d != "" {
		t.Errorf("facts of an undisturbed and a resumed run (-undisturbed +resumed):\n%s", d)
	}
	b, err := os.ReadFile(o.Journal)
	if err != nil || bytes.Contains(b, []byte("hunter22")) {
		t.Errorf("the secret is in the journal, %v", err)
	}
}

// Of a run that was cut short while several probes were under way, each of them is
// cut; those of the same lane that had ended or not begun are not.
func TestUnder(t *testing.T) {
	event := func(event, item string, at int64) probe.Record {
		return probe.Record{Probe: RunTranscript, Event: event, Item: item, At: at}
	}
	p := &Past{Records: []probe.Record{event("begin", "tcp", 1), event("cut", "tcp", 1), event("begin", "tcp", 5), event("end", "tcp", 5),
		event("begin", "http", 10), event("begin", "mqtt", 10), event("begin", "ssh", 11), event("end", "http", 10), event("begin", "ipp", 20)}}
	var got []string
	for _, r := range p.under() {
		got = append(got, r.Item)
	}
	if want := []string{"mqtt", "ssh", "ipp"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The lanes of a stage run at the same time, the probes of a lane one after the
// other, and the end of the run ends all.
func TestStage(t *testing.T) {
	o := options(t, "192.168.77.7", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &runner{o: o, g: &gauge{o: o}, rec: probe.NewRecorder(time.Now, nil), t: &probe.Target{}}
	met := make(chan struct{})
	var first, late atomic.Bool
	step := func(name string, run func()) probe.Probe {
		return probe.Probe{Name: name, Run: func(context.Context, *probe.Target, *probe.Recorder) error { run(); return nil }}
	}
	err := r.stage(ctx, [][]probe.Probe{
		{step("a1", func() { <-met; first.Store(true) }), step("a2", func() {
			if !first.Load() {
				t.Error("two of a lane ran at once")
			}
			cancel()
		}), step("a3", func() { late.Store(true) })},
		{step("b", func() { met <- struct{}{} })}, // meets a1, or stands still
	})
	if !errors.Is(err, context.Canceled) || late.Load() {
		t.Errorf("%v, went on: %v", err, late.Load())
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
		ended <- r.one(ctx, ctx, probe.Probe{Name: "stuck", Run: func(context.Context, *probe.Target, *probe.Recorder) error {
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
