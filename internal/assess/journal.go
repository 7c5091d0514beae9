package assess

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/probe"
)

// journalFormat is the format in the first line of every journal.
const journalFormat = "hoshi-journal/1"

// maxJournal bounds a journal that is read, in bytes.
const maxJournal = 256 << 20

// suffix stands behind the name of the evidence.
const suffix = ".journal"

// JournalFile is where the journal of a run lies whose evidence goes to out.
func JournalFile(out string) string { return out + suffix }

// Header is the first line of a journal: what must be the same when the run goes
// on, and what it was started with. Secrets are not in it.
type Header struct {
	Format      string         `json:"format"`
	Tool        string         `json:"tool"`
	Target      string         `json:"target"`
	Network     string         `json:"network"`
	ProductFile string         `json:"productFile"` // as it was named, to find it again
	Product     string         `json:"product"`     // digest
	EditionID   string         `json:"editionId"`
	Edition     string         `json:"edition"` // digest
	Parameters  map[string]any `json:"parameters"`
	Started     time.Time      `json:"started"`
}

// Consents are the consents that the run was started with.
func (h Header) Consents() []probe.Consent {
	var out []probe.Consent
	list, _ := h.Parameters["consents"].([]any)
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, probe.Consent(s))
		}
	}
	return out
}

// Pace is the name of the pace that the run was started with.
func (h Header) Pace() string {
	s, _ := h.Parameters["pace"].(string)
	return s
}

// Routed reports whether the run was made on a bench, with senders of its own.
func (h Header) Routed() bool {
	s, _ := h.Parameters["senders"].(string)
	return strings.HasPrefix(s, "routed ")
}

// Past is a run that was cut short, as its journal holds it.
type Past struct {
	Header  Header
	Records []probe.Record // in the order in which they were made; those of dropped probes are left out
	whole   int64          // bytes up to the end of the last whole line
}

// ended reports whether a probe had come to its end, and was not begun anew since.
func (p *Past) ended(name string) bool {
	ended := false
	for _, r := range p.Records {
		if r.Probe == RunTranscript && r.Item == name {
			ended = r.Event == "end" || ended && r.Event != "begin" && r.Event != "dropped"
		}
	}
	return ended
}

// last is the time, in ms since the run began, of the last thing that is known of it.
func (p *Past) last() int64 {
	last := int64(0)
	for _, r := range p.Records {
		last = max(last, r.At+r.Took)
	}
	return last
}

// under are the "begin" records of the probes that ran when the run was cut short.
func (p *Past) under() []probe.Record {
	var out []probe.Record
	for _, r := range p.Records {
		if r.Probe != RunTranscript {
			continue
		}
		switch r.Event {
		case "begin":
			out = append(out, r)
		case "end", "cut":
			out = slices.DeleteFunc(out, func(b probe.Record) bool { return b.Item == r.Item })
		}
	}
	return out
}

// mixed reports whether the run was cut short because somebody else answered: what
// the last probes recorded may then be of another device.
func (p *Past) mixed() bool {
	why := ""
	for _, r := range p.Records {
		if r.Probe == RunTranscript && r.Event == "interrupted" {
			why = r.Detail
		}
	}
	return why == "another" || why == "moved"
}

// ReadJournal reads the journal of a run. A last line that was torn is left out.
// A file that does not exist is fault.NotFound.
func ReadJournal(name string) (*Past, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, "assess.ReadJournal", err, "assess.no-journal", "file", name)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "assess.ReadJournal", err, "assess.file", "file", name)
	}
	defer f.Close()
	all := &io.LimitedReader{R: f, N: maxJournal + 1}
	p, err := parseJournal(all)
	if err == nil && all.N == 0 { // what lies behind the bound would be cut off as a torn line
		err = fmt.Errorf("larger than %d MiB", maxJournal>>20)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "assess.ReadJournal", err, "assess.journal-damaged", "file", name)
	}
	return p, nil
}

func parseJournal(r io.Reader) (*Past, error) {
	in := bufio.NewReader(r)
	p := &Past{}
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		torn := err != nil
		if len(line) == 0 {
			break
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		var rec probe.Record
		if n == 1 {
			err = d.Decode(&p.Header)
		} else {
			err = d.Decode(&rec)
		}
		if torn || err != nil {
			// Power may go while a line is written: only the last one may be unreadable.
			if rest, _ := in.Peek(1); n > 1 && len(rest) == 0 {
				break
			}
			return nil, fmt.Errorf("line %d: %w", n, errors.Join(err, io.ErrUnexpectedEOF))
		}
		p.whole += int64(len(line))
		if n == 1 {
			if p.Header.Format != journalFormat {
				return nil, fmt.Errorf("format %q", p.Header.Format)
			}
			continue
		}
		if rec.Probe == RunTranscript && rec.Event == "dropped" {
			p.Records = slices.DeleteFunc(p.Records, func(r probe.Record) bool { return r.Probe == rec.Item })
		}
		p.Records = append(p.Records, rec)
	}
	if p.Header.Format == "" {
		return nil, errors.New("no first line")
	}
	return p, nil
}

// differs names what a run that is to go on has not in common with its journal:
// "target", "product", "edition", "tool", "parameters"; nil = it can go on.
func (h Header) differs(now Header) []string {
	var out []string
	for _, x := range []struct {
		what string
		same bool
	}{
		{"target", h.Target == now.Target && h.Network == now.Network},
		{"product", h.Product == now.Product},
		{"edition", h.EditionID == now.EditionID && h.Edition == now.Edition},
		{"tool", h.Tool == now.Tool},
		{"parameters", reflect.DeepEqual(plain(h.Parameters), plain(now.Parameters))},
	} {
		if !x.same {
			out = append(out, x.what)
		}
	}
	return out
}

// plain gives parameters the types that they have after a journey through JSON.
func plain(m map[string]any) map[string]any {
	var out map[string]any
	b, err := json.Marshal(m)
	if err != nil || json.Unmarshal(b, &out) != nil {
		return m
	}
	return out
}

// journal appends records to a file as they are made. Each line is given to the
// system at once, so it outlives the process; the disk has it a second later at most.
type journal struct {
	mu    sync.Mutex
	f     *os.File
	dirty bool
	err   error
	quit  chan struct{}
	done  chan struct{}
	fail  func(error) // called once when the file cannot be written
}

// beginJournal makes the file; one that exists is another run's and is refused.
func beginJournal(name string, h Header, fail func(error)) (*journal, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fault.Wrap(fault.Conflict, "assess.Run", err, "assess.journal-exists", "file", name)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "assess.Run", err, "assess.out", "file", name)
	}
	j, err := startJournal(f, name, fail)
	if err != nil {
		return nil, err
	}
	if err := j.write(h); err != nil {
		_ = j.close()
		_ = os.Remove(name) // a journal without its first line is of no use
		return nil, fault.Wrap(fault.Unavailable, "assess.Run", err, "assess.out", "file", name)
	}
	return j, nil
}

// continueJournal opens the file of a run that goes on and cuts a torn line off.
func continueJournal(name string, fail func(error)) (*journal, *Past, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		kind, key := fault.Invalid, "assess.file"
		if errors.Is(err, os.ErrNotExist) {
			kind, key = fault.NotFound, "assess.no-journal"
		}
		return nil, nil, fault.Wrap(kind, "assess.Run", err, key, "file", name)
	}
	j, err := startJournal(f, name, fail)
	if err != nil {
		return nil, nil, err
	}
	past, err := ReadJournal(name) // behind the lock, so nobody writes to it now
	if err == nil {
		if err = f.Truncate(past.whole); err != nil {
			err = fault.Wrap(fault.Unavailable, "assess.Run", err, "assess.out", "file", name)
		}
	}
	if err != nil {
		_ = j.close()
		return nil, nil, err
	}
	return j, past, nil
}

func startJournal(f *os.File, name string, fail func(error)) (*journal, error) {
	if err := lock(f); err != nil {
		_ = f.Close()
		return nil, fault.Wrap(fault.Conflict, "assess.Run", err, "assess.journal-busy", "file", name)
	}
	j := &journal{f: f, quit: make(chan struct{}), done: make(chan struct{}), fail: fail}
	go func() {
		defer close(j.done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				j.sync()
			case <-j.quit:
				return
			}
		}
	}()
	return j, nil
}

func (j *journal) write(x any) error {
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil || j.f == nil {
		return j.err
	}
	if _, err := j.f.Write(append(b, '\n')); err != nil {
		j.err = err
		if j.fail != nil {
			j.fail(err)
		}
	}
	j.dirty = true
	return j.err
}

// sync asks the disk to have everything.
func (j *journal) sync() {
	j.mu.Lock()
	f, dirty := j.f, j.dirty
	j.dirty = false
	j.mu.Unlock()
	if f == nil || !dirty {
		return
	}
	// Outside the lock: a slow disk must not hold up a scan. The file may be closed
	// meanwhile; then close has synced it.
	if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.err == nil {
			j.err = err
			if j.fail != nil {
				j.fail(err)
			}
		}
	}
}

func (j *journal) close() error {
	j.sync()
	j.mu.Lock()
	f := j.f
	j.f = nil
	j.mu.Unlock()
	if f == nil {
		return nil
	}
	close(j.quit)
	<-j.done
	return f.Close()
}
